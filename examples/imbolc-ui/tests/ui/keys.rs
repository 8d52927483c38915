//! Keys in, actions out.

use imbolc_net::{
    Event, SessionEvent,
    protocol::Refusal,
    studio::{InstrumentAction, InstrumentSetting, NetworkAction, SessionSetting, TransportAction},
    sync::UndoReport,
    util::quantity::{Bpm, Decibels},
};

use crate::stage::{BASS, Scene, Stage};

const PLAY: NetworkAction = NetworkAction::Transport(TransportAction::Play);
const STOP: NetworkAction = NetworkAction::Transport(TransportAction::Stop);

fn level(decibels: f32) -> NetworkAction {
    let level = InstrumentSetting::Level(Decibels::new(decibels).unwrap());
    NetworkAction::Instrument(BASS, InstrumentAction::Set(level))
}

#[test]
fn space_plays_and_stops() {
    let mut stage = Stage::new(Scene::Local);
    assert_eq!(stage.press("  ").dispatched(), [PLAY, STOP]);
}

#[test]
fn fader_moves_by_one_decibel() {
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(stage.press("+--").dispatched(), [level(-5.0), level(-6.0), level(-7.0)]);
}

#[test]
fn claim_and_release_depend_on_ownership() {
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(stage.press("c").requests(), ["release [InstrumentId(1)]"]);
    assert_eq!(stage.press("]c").requests(), ["own [InstrumentId(2)]"]);
    assert_eq!(stage.press("P").requests(), ["privilege"]);
    assert_eq!(Stage::new(Scene::Hosting).press("P").requests(), ["yield"]);
}

#[test]
fn steps_are_undone_and_redone() {
    assert_eq!(Stage::new(Scene::Joined).press("uU").requests(), ["undo", "redo"]);
}

#[test]
fn undo_says_what_it_has_changed() {
    let mut stage = Stage::new(Scene::Joined);
    let step = || "cutoff of 1 Bass".to_owned();
    let mut said = |event| {
        stage.emit(Event::Session(event));
        stage.screen()
    };
    for (changed, kept, text) in [
        (1, 0, "cutoff of 1 Bass"),
        (3, 1, "cutoff of 1 Bass, except one change that another participant has overwritten"),
        (3, 2, "cutoff of 1 Bass, except 2 changes that others have overwritten"),
        (0, 0, "cutoff of 1 Bass: nothing was left to change"),
        (0, 2, "cutoff of 1 Bass: nothing was left to change, others have overwritten it"),
    ] {
        let report = UndoReport { step: step(), changed, kept };
        let undone = said(SessionEvent::Undone(report.clone()));
        assert!(undone.contains(&format!("undid: {text}")), "{text}: {undone}");
        let redone = said(SessionEvent::Redone(report));
        assert!(redone.contains(&format!("redid: {text}")), "{text}: {redone}");
    }
    // An application may describe nothing.
    let nameless = UndoReport { step: String::new(), changed: 1, kept: 0 };
    assert!(said(SessionEvent::Undone(nameless)).contains("undid: your last step"));
}

#[test]
fn immediate_refusal_is_shown_and_ui_continues() {
    let mut stage = Stage::new(Scene::Joined);
    stage.refuse_all(Refusal::NotPrivileged { holder: stage.owner(crate::stage::MIA) });
    let screen = stage.press(" ").screen();
    assert!(screen.contains("mia has the privilege: P asks for it"), "{screen}");
    assert_eq!(stage.press(" ").dispatched(), [PLAY, PLAY]);
}

#[test]
fn command_is_typed_and_its_error_is_shown() {
    let mut stage = Stage::new(Scene::Local);
    stage.press(":tempo 17x<enter>");
    assert!(
        stage.screen().contains("a tempo must be from 20 bpm to 999 bpm, not \"17x\""),
        "{}",
        stage.screen()
    );
    stage.press("<backspace>4<enter>");
    let tempo = SessionSetting::Tempo(Bpm::of(174.0));
    assert_eq!(stage.dispatched(), [NetworkAction::Session(tempo)]);
    assert!(stage.screen().contains("174 bpm"), "{}", stage.screen());
    assert!(stage.press(":pl<tab><esc> ").dispatched() == [PLAY], "Esc closes the palette");
}

#[test]
fn ambiguous_prefix_lists_commands() {
    let mut stage = Stage::new(Scene::Local);
    let screen = stage.press(":de<tab>").screen();
    // The common prefix is completed, and each candidate has a line of help.
    for line in ["delete   delete the selected instrument", "delgroup GROUP  delete a layer"] {
        assert!(screen.lines().any(|shown| shown.starts_with(line)), "{line}: {screen}");
    }
    assert!(screen.lines().any(|line| line == ":del"), "{screen}");
    assert!(!stage.press("e").screen().contains("delgroup"), "it is closed by the next key");
    stage.press("<tab>");
    assert!(stage.screen().lines().any(|line| line == ":delete"), "{}", stage.screen());

    // If there are more candidates than lines, as many as fit are shown.
    stage.press("<esc>:<tab>");
    for (width, height) in [(100, 30), (60, 16)] {
        stage.resize(width, height);
        let screen = stage.screen();
        let names = ["play", "tempo", "rename", "send", "chain", "automate"];
        let shown = names.iter().filter(|name| screen.contains(**name)).count();
        assert!(shown >= if height == 30 { 6 } else { 4 }, "{screen}");
        assert!(screen.lines().any(|line| line == ":"), "{screen}");
        assert!(screen.contains("mia local session"), "{screen}");
    }
}

#[test]
fn q_and_ctrl_c_quit_but_q_can_be_typed() {
    let mut stage = Stage::new(Scene::Local);
    stage.press(":q");
    assert!(!stage.app.has_quit());
    stage.press("<esc>q");
    assert!(stage.app.has_quit());
    let mut stage = Stage::new(Scene::Local);
    stage.press(":<ctrl-c>");
    assert!(stage.app.has_quit());
}

#[test]
fn client_quits_without_confirmation() {
    for scene in [Scene::Joined, Scene::Reconnecting] {
        assert!(Stage::new(scene).press("q").app.has_quit(), "{scene:?}");
    }
}

#[test]
fn stepped_parameter_advances_and_stops_at_the_end() {
    let mut stage = Stage::new(Scene::Joined);
    // The wave of the oscillator is the first parameter: saw, then square and noise.
    stage.press("<right>+");
    assert_eq!(wave(&stage), "square");
    stage.press("+++");
    assert_eq!(wave(&stage), "noise");
    stage.press("-");
    assert_eq!(wave(&stage), "square");
}

fn wave(stage: &Stage) -> String {
    let studio = stage.studio();
    match &studio.instruments.get(BASS).unwrap().source {
        imbolc_net::studio::Source::Oscillator(oscillator) => {
            imbolc_ui::describe::label(oscillator.wave)
        }
        other => panic!("{other:?}"),
    }
}
