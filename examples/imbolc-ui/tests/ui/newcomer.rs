//! What people try who have never used the program.

use imbolc_net::{
    protocol::Refusal,
    studio::{
        InstrumentAction, InstrumentSetting, NetworkAction, Pane, SourceKind, SourceSetting,
        TransportAction,
    },
    util::quantity::{Pitch, Ticks},
};

use crate::stage::{BASS, LEAD, Scene, Stage};

const fn transport(action: TransportAction) -> NetworkAction {
    NetworkAction::Transport(action)
}

#[test]
fn transport_keys_work_while_keys_play_notes() {
    let mut stage = Stage::new(Scene::Local);
    let start = transport(TransportAction::Locate(Ticks::MIN));
    let [record, play] = [TransportAction::Record(true), TransportAction::Play].map(transport);
    assert_eq!(stage.press("k0R ").dispatched(), [start, record, play]);
    stage.press("]");
    assert_eq!(stage.app.client_state().instrument(), Some(LEAD));
    assert!(stage.app.plays_notes(), "{}", stage.screen());
}

#[test]
fn keyboard_shows_its_octave() {
    let mut stage = Stage::new(Scene::Local);
    assert!(stage.press("k").screen().contains("a plays C4"), "{}", stage.screen());
    assert!(stage.press("zz").screen().contains("a plays C2"), "{}", stage.screen());
    stage.press("xa");
    let [NetworkAction::Instrument(BASS, InstrumentAction::Play(pitch, _))] =
        stage.dispatched()[..]
    else {
        panic!("{}", stage.screen())
    };
    assert_eq!(pitch, Pitch::of(48));
    assert!(stage.screen().contains("a plays C3"), "{}", stage.screen());
}

#[test]
fn refused_note_is_told_once_in_words() {
    let mut stage = Stage::new(Scene::Joined);
    stage.refuse_all(Refusal::NotOwner { instrument: BASS, owner: None });
    stage.press("ka<esc>");
    let screen = stage.screen();
    assert!(screen.contains("c claims it (not done: 1 Bass: play C4)"), "{screen}");
    stage.show(Pane::People);
    assert!(!stage.screen().contains("release"), "{}", stage.screen());
}

#[test]
fn zero_goes_to_the_start() {
    let mut stage = Stage::new(Scene::Local);
    let start = transport(TransportAction::Locate(Ticks::MIN));
    assert_eq!(stage.show(Pane::PianoRoll).press("0").dispatched(), [start]);
}

#[test]
fn chosen_command_is_explained_below_the_list() {
    let mut stage = Stage::new(Scene::Local);
    stage.press(":<tab><tab><tab><tab>");
    let screen = stage.screen();
    assert!(screen.contains("yield"), "the list stays: {screen}");
    assert!(screen.contains("goto BAR[.BEAT[.TICK]]  go to a bar"), "{screen}");
    stage.resize(60, 16);
    let screen = stage.screen();
    assert!(screen.contains("goto BAR[.BEAT[.TICK]]  go to a bar"), "{screen}");
}

#[test]
fn names_are_taken_by_their_beginning() {
    let mut stage = Stage::new(Scene::Local);
    let source = InstrumentSetting::Source(SourceSetting::Kind(SourceKind::Wavetable));
    let set = NetworkAction::Instrument(BASS, InstrumentAction::Set(source));
    assert_eq!(stage.press(":source wavet<enter>").dispatched(), [set]);
    // Two names begin so.
    let screen = stage.press(":effect c<enter>").screen();
    assert!(screen.contains("no effect \"c\"; available: "), "{screen}");
    assert_eq!(stage.dispatched(), []);
    stage.press("<esc>");
    let screen = stage.press(":source <enter>").screen();
    assert!(screen.contains("no source \"\""), "{screen}");
}

#[test]
fn unreadable_value_is_told_by_its_parameter() {
    let mut stage = Stage::new(Scene::Local);
    let screen = stage.press(":set attack 2 bananas<enter>").screen();
    assert!(screen.contains("attack must be from"), "{screen}");
    let screen = stage.press("<esc>:cutoff 800<enter>").screen();
    assert!(screen.contains("to set the parameter, type set cutoff 800"), "{screen}");
}

#[test]
fn arguments_are_explained_before_they_are_typed() {
    let mut stage = Stage::new(Scene::Local);
    assert!(stage.press(":source ").screen().contains("Tab: choices"), "{}", stage.screen());
    assert!(!stage.press("<esc>:tempo ").screen().contains("Tab: choices"), "{}", stage.screen());
    let screen = stage.press("<esc>]]]:sound 1 <tab>").screen();
    assert!(screen.contains("key a note of another instrument: key 2 C4"), "{screen}");
}

#[test]
fn project_without_a_name_asks_for_one() {
    let mut stage = Stage::new(Scene::Local);
    stage.replace_state(|studio| std::sync::Arc::make_mut(&mut studio.projects).current = None);
    let screen = stage.press(":save<enter>").screen();
    assert!(screen.contains("no name yet: type one after save"), "{screen}");
    assert_eq!(stage.press(" Song<enter>").dispatched().len(), 1);
}
