//! What was added is selected, and the pane that shows it is there.

use imbolc_net::{
    model::InstrumentId,
    studio::{NetworkAction, Pane, SourceKind},
};

use crate::stage::{DRUMS, PAD, Scene, Stage};

/// The text under the cursor: what is reversed on the screen, outside of the frame.
fn selected(stage: &mut Stage) -> String {
    let buffer = stage.buffer();
    let rows = buffer.content.chunks(buffer.area.width.into());
    let rows = rows.skip(2).take(usize::from(buffer.area.height) - 4);
    let is_selected =
        |cell: &&ratatui::buffer::Cell| cell.modifier.contains(ratatui::style::Modifier::REVERSED);
    let rows = rows.map(|row| row.iter().filter(is_selected).map(|cell| cell.symbol()).collect());
    rows.collect::<Vec<String>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn added_thing_is_selected() {
    // A prediction that nobody has confirmed is enough.
    for scene in [Scene::Local, Scene::Hosting, Scene::Joined, Scene::Reconnecting] {
        for (from, keys, to, cursor) in [
            (Pane::Instruments, ":add fm Bell<enter>", Pane::Instruments, "Bell"),
            (Pane::Instruments, "afm Bell<enter>", Pane::Instruments, "Bell"),
            (Pane::Mixer, "<end>:add fm Bell<enter>", Pane::Mixer, "Bell"),
            (Pane::Session, ":add fm Bell<enter>", Pane::Instruments, "Bell"),
            (Pane::Mixer, "bHall<enter>", Pane::Mixer, "Hall"),
            (Pane::PianoRoll, ":bus Hall<enter>", Pane::Mixer, "Hall"),
            (Pane::Mixer, "gCold<enter>", Pane::Mixer, "Cold"),
            (Pane::Mixer, "ereverb<enter>", Pane::Mixer, "3 reverb"),
            (Pane::Mixer, "<end>edelay<enter>", Pane::Mixer, "2 delay"),
            (Pane::PianoRoll, ":effect reverb<enter>", Pane::Instruments, "bypass"),
            (Pane::Session, ":buseffect 2 reverb<enter>", Pane::Mixer, "1 reverb"),
            (Pane::Automation, "aresonance<enter>", Pane::Automation, "resonance"),
            (Pane::Instruments, ":automate sustain<enter>", Pane::Automation, "sustain"),
            (Pane::Arrangement, "aBridge<enter>", Pane::Arrangement, "Bridge"),
            (Pane::PianoRoll, ":capture Riff<enter>", Pane::Arrangement, "Riff"),
        ] {
            let mut stage = Stage::new(scene);
            stage.show(from).press(keys);
            let screen = stage.screen();
            assert_eq!(stage.app.client_state().pane(), to, "{scene:?} {keys}: {screen}");
            let selected = selected(&mut stage);
            assert!(selected.contains(cursor), "{scene:?} {keys}: {selected:?}\n{screen}");
        }
    }
}

#[test]
fn additions_of_others_move_no_cursor() {
    let mut stage = Stage::new(Scene::Joined);
    let before = stage.app.client_state().instrument();
    let name = imbolc_net::studio::Name::new("Bell").unwrap();
    let add = NetworkAction::AddInstrument { id: InstrumentId(9), name, source: SourceKind::Fm };
    stage.remote_edit(&add);
    assert_eq!(stage.app.client_state().instrument(), before);
}

#[test]
fn a_adds_a_kit_where_none_is_selected() {
    let mut stage = Stage::new(Scene::Joined);
    stage.show(Pane::Drums);
    let screen = stage.screen();
    assert!(screen.contains("a adds a drum kit"), "{screen}");
    stage.press("a");
    let [NetworkAction::AddInstrument { id, source, .. }] = stage.dispatched()[..] else {
        panic!("{}", stage.screen())
    };
    assert_eq!(source, SourceKind::DrumKit);
    assert_eq!(stage.app.client_state().instrument(), Some(id));
    let screen = stage.screen();
    assert!(screen.contains("Drums 2"), "the band has Drums already: {screen}");
    // On a kit, it adds a pattern, and selects it.
    stage.press("a");
    assert!(stage.screen().contains("(2 of 2)"), "{}", stage.screen());
}

#[test]
fn selection_moves_on_when_the_selected_is_deleted() {
    let mut stage = Stage::new(Scene::Local);
    stage.press("]:delete<enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(PAD));
    stage.press("]:delete<enter>");
    assert_eq!(stage.app.client_state().instrument(), Some(PAD), "{DRUMS} was the last one");
}
