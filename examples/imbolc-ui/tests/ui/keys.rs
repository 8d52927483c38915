//! Keys in, actions out.

use imbolc_net::{
    Event,
    protocol::Refusal,
    studio::{InstrumentAction, InstrumentSetting, NetworkAction, SessionSetting, TransportAction},
    util::quantity::{Bpm, Decibels},
};

use crate::stage::{ANA, BASS, BEN, Scene, Stage};

const PLAY: NetworkAction = NetworkAction::Transport(TransportAction::Play);
const STOP: NetworkAction = NetworkAction::Transport(TransportAction::Stop);

fn level(decibels: f32) -> NetworkAction {
    let level = InstrumentSetting::Level(Decibels::new(decibels).unwrap());
    NetworkAction::Instrument(BASS, InstrumentAction::Set(level))
}

#[test]
fn the_space_bar_plays_and_stops() {
    let mut stage = Stage::new(Scene::Alone);
    assert_eq!(stage.press("  ").dispatched(), [PLAY, STOP]);
}

#[test]
fn a_fader_is_turned_by_a_decibel() {
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(stage.press("+--").dispatched(), [level(-5.0), level(-6.0), level(-7.0)]);
}

#[test]
fn what_is_ones_own_is_given_up_and_what_is_not_is_asked_for() {
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(stage.press("c").wishes(), ["release [InstrumentId(1)]"]);
    assert_eq!(stage.press("]c").wishes(), ["own [InstrumentId(2)]"]);
    assert_eq!(stage.press("P").wishes(), ["privilege"]);
    assert_eq!(Stage::new(Scene::Hosting).press("P").wishes(), ["yield"]);
}

#[test]
fn steps_are_undone_and_redone() {
    assert_eq!(Stage::new(Scene::Joined).press("uU").wishes(), ["undo", "redo"]);
}

#[test]
fn what_is_undone_and_what_is_redone_are_told_apart() {
    let mut stage = Stage::new(Scene::Joined);
    stage.happens(Event::Undone { kept: 0 });
    assert!(stage.screen().contains("your last step is taken back"));
    stage.happens(Event::Redone { kept: 2 });
    let again = "your step is done again, but for 2 things that others have changed";
    assert!(stage.screen().contains(again), "{}", stage.screen());
}

#[test]
fn what_is_refused_at_once_is_told_and_nothing_stops() {
    let mut stage = Stage::new(Scene::Joined);
    stage.refuses(Refusal::NotPrivileged { holder: stage.owner(crate::stage::MIA) });
    let screen = stage.press(" ").screen();
    assert!(screen.contains("this needs the privilege, which mia has"), "{screen}");
    assert_eq!(stage.press(" ").dispatched(), [PLAY, PLAY]);
}

#[test]
fn a_command_is_typed_and_what_is_wrong_with_it_is_told() {
    let mut stage = Stage::new(Scene::Alone);
    stage.press(":tempo 17x<enter>");
    assert!(stage.screen().contains("\"17x\" is not a tempo"), "{}", stage.screen());
    stage.press("<backspace>4<enter>");
    let tempo = SessionSetting::Tempo(Bpm::of(174.0));
    assert_eq!(stage.dispatched(), [NetworkAction::Session(tempo)]);
    assert!(stage.screen().contains("174.0 bpm"), "{}", stage.screen());
    assert!(stage.press(":pl<tab><esc> ").dispatched() == [PLAY], "the line is given up");
}

#[test]
fn a_beginning_that_may_be_several_commands_lists_them() {
    let mut stage = Stage::new(Scene::Alone);
    let screen = stage.press(":de<tab>").screen();
    // The common prefix is completed, and each candidate has a line of help.
    for line in ["delete   deletes the selected instrument", "delgroup GROUP  deletes a layer"] {
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
        assert!(screen.contains("mia alone"), "{screen}");
    }
}

#[test]
fn one_leaves_with_q_or_ctrl_c_but_not_while_typing() {
    let mut stage = Stage::new(Scene::Alone);
    stage.press(":q");
    assert!(!stage.app.has_quit());
    stage.press("<esc>q");
    assert!(stage.app.has_quit());
    let mut stage = Stage::new(Scene::Alone);
    stage.press(":<ctrl-c>");
    assert!(stage.app.has_quit());
}

#[test]
fn a_host_with_people_in_its_session_is_asked_before_it_leaves() {
    let mut stage = Stage::new(Scene::Hosting);
    let question = "2 people are in your session: q again to end it";
    assert!(stage.press("q").screen().contains(question), "{}", stage.screen());
    assert!(!stage.app.has_quit());
    stage.press("+q");
    assert!(!stage.app.has_quit(), "something else was done in between");
    stage.press("q");
    assert!(stage.app.has_quit());

    let mut stage = Stage::new(Scene::Hosting);
    stage.press(":quit<enter>");
    assert!(!stage.app.has_quit());
    stage.reseat(|roster| drop(roster.participants.remove(&BEN)));
    assert!(stage.press("+q").screen().contains("1 person is in your session"));
    stage.reseat(|roster| drop(roster.participants.remove(&ANA)));
    stage.press("+q");
    assert!(stage.app.has_quit(), "nobody is left");
    let mut stage = Stage::new(Scene::Hosting);
    stage.press("<ctrl-c>");
    assert!(stage.app.has_quit(), "that is meant");
}

#[test]
fn who_has_joined_leaves_without_a_question() {
    for scene in [Scene::Joined, Scene::Reconnecting] {
        assert!(Stage::new(scene).press("q").app.has_quit(), "{scene:?}");
    }
}

#[test]
fn a_knob_with_steps_goes_on_to_the_next_one_and_stays_at_the_end() {
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
