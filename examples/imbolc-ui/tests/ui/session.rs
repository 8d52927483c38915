//! The session pane: what its keys do, and what it shows.

use std::sync::Arc;

use imbolc_net::{
    Event,
    model::DirtyFlags,
    protocol::Refusal,
    studio::{
        ClickSetting, HumaniseSetting, Key, LoopRegion, MidiMapSetting, Name, NetworkAction,
        NoteValue, Pane, ProjectAction, ProjectName, ProjectNotice, Scale, SessionSetting,
        StudioState, TimeSignature, TransportAction, TuningSetting, TuningSystem,
    },
    util::quantity::{Amount, Bpm, ConcertPitch, CountIn, Decibels, MidiChannel, Ticks},
};

use crate::stage::{BEN, MIA, Scene, Stage};

fn session(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::Session);
    stage
}

/// The actions that keys dispatch with the cursor on a row.
fn on_row(row: usize, keys: &str) -> Vec<NetworkAction> {
    let mut stage = session(Scene::Local);
    stage.press(&"<down>".repeat(row)).press(keys).dispatched()
}

fn set(setting: SessionSetting) -> NetworkAction {
    NetworkAction::Session(setting)
}

fn region(start: u32, end: u32) -> NetworkAction {
    let region = LoopRegion::new(Ticks::of(start), Ticks::of(end)).unwrap();
    NetworkAction::Transport(TransportAction::Region(region))
}

#[test]
fn every_row_changes_what_it_shows() {
    use SessionSetting::{
        ChaseNotes, Click, Humanise, Key as Tonic, Midi, Scale as Notes, Snap, Swing, Tempo,
        TimeSignature as Metre, Tuning,
    };
    let percent = |percent: f32| Amount::new(percent / 100.0).unwrap();
    let click = |setting| set(Click(setting));
    let channel = |channel| set(Midi(MidiMapSetting::Channel(channel)));
    for (row, keys, done) in [
        (1, "+<left>", vec![set(Tempo(Bpm::of(121.0))), set(Tempo(Bpm::of(120.0)))]),
        (1, "<pageup><pagedown>", vec![set(Tempo(Bpm::of(130.0))), set(Tempo(Bpm::of(120.0)))]),
        (1, "<s-right>", vec![set(Tempo(Bpm::of(130.0)))]),
        (2, "-+", vec![set(Tonic(Key::B)), set(Tonic(Key::C))]),
        (3, "<right>", vec![set(Notes(Scale::Minor))]),
        (4, "-", vec![set(Metre(TimeSignature::new(3, 4).unwrap()))]),
        (5, "+<pageup>", vec![set(Swing(percent(1.0))), set(Swing(percent(11.0)))]),
        (5, "-", vec![set(Swing(percent(0.0)))]),
        (6, "+", vec![set(Tuning(TuningSetting::ConcertPitch(ConcertPitch::of(441.0))))]),
        (7, "<enter>", vec![set(Tuning(TuningSetting::System(TuningSystem::Just)))]),
        (8, "+", vec![set(Snap(Some(NoteValue::SixteenthTriplet)))]),
        (
            8,
            "++",
            vec![
                set(Snap(Some(NoteValue::SixteenthTriplet))),
                set(Snap(Some(NoteValue::ThirtySecond))),
            ],
        ),
        (9, "++", vec![set(ChaseNotes(false)), set(ChaseNotes(true))]),
        (10, "<enter><enter>", vec![click(ClickSetting::On(true)), click(ClickSetting::On(false))]),
        (11, "+", vec![click(ClickSetting::Level(Decibels::of(-11.0)))]),
        (12, "+", vec![click(ClickSetting::Accent(false))]),
        (13, "<pageup>", vec![click(ClickSetting::CountIn(CountIn::of(4)))]),
        (14, "+", vec![set(Humanise(HumaniseSetting::Timing(percent(1.0))))]),
        (15, "+", vec![set(Humanise(HumaniseSetting::Velocity(percent(1.0))))]),
        (16, "<enter>", vec![NetworkAction::Transport(TransportAction::Loop(true))]),
        (17, "+", vec![region(0, 5760)]),
        (17, "<pagedown>", vec![region(0, 1920)]),
        (21, "-+", vec![channel(Some(MidiChannel::of(16))), channel(None)]),
    ] {
        assert_eq!(on_row(row, keys), done, "row {row}, {keys}");
    }
}

#[test]
fn enter_opens_palette_with_value() {
    let name = |text| Name::new(text).unwrap();
    let project = |text| ProjectName::new(text).unwrap();
    for (row, keys, done) in [
        (0, " night", set(SessionSetting::Name(name("Friday night")))),
        (1, ".5", set(SessionSetting::Tempo(Bpm::of(120.5)))),
        (2, "EFlat", set(SessionSetting::Key(Key::EFlat))),
        (3, "Dorian", set(SessionSetting::Scale(Scale::Dorian))),
        (4, "<backspace>8", set(SessionSetting::TimeSignature(TimeSignature::new(4, 8).unwrap()))),
        (5, "20", set(SessionSetting::Swing(Amount::of(0.2)))),
        (
            6,
            "<backspace>2",
            set(SessionSetting::Tuning(TuningSetting::ConcertPitch(ConcertPitch::of(442.0)))),
        ),
        (8, "off", set(SessionSetting::Snap(None))),
        (17, "<backspace>5", region(0, 7680)),
        (23, "2", NetworkAction::Project(ProjectAction::SaveAs(project("friday2")))),
        (24, "monday", NetworkAction::Project(ProjectAction::Load(project("monday")))),
        (25, "now", NetworkAction::Project(ProjectAction::CreateCheckpoint(project("now")))),
    ] {
        assert_eq!(on_row(row, &format!("<enter>{keys}<enter>")), [done], "row {row}");
    }
    assert!(on_row(17, "<enter><backspace><backspace>1 1<enter>").is_empty(), "an empty region");
}

#[test]
fn read_only_rows_do_not_change() {
    for row in [18, 19, 20, 22, 26] {
        assert!(on_row(row, "+-<right><left><pageup>").is_empty(), "row {row}");
    }
}

#[test]
fn enter_requests_or_releases_privilege() {
    let down = "<down>".repeat(18);
    let mut ana = session(Scene::Joined);
    assert_eq!(ana.press(&down).press("<enter>").requests(), ["privilege"]);
    assert_eq!(session(Scene::Hosting).press(&down).press("<enter>").requests(), ["yield"]);
    ana.edit_roster(|roster| roster.privileged = roster.as_owner(BEN));
    assert!(ana.screen().contains("★ ben away 7 s"), "{}", ana.screen());
    ana.edit_roster(|roster| roster.privileged = None);
    assert!(ana.screen().contains("free: Enter takes it"), "{}", ana.screen());
}

#[test]
fn edit_without_privilege_is_refused() {
    let mut stage = session(Scene::Joined);
    stage.refuse_all(Refusal::NotPrivileged { holder: stage.owner(MIA) });
    let screen = stage.press("<down>+").screen();
    assert!(screen.contains("mia has the privilege: P asks for it"), "{screen}");
    assert_eq!(stage.dispatched(), [set(SessionSetting::Tempo(Bpm::of(121.0)))]);
    assert_eq!(stage.studio().session.tempo, Bpm::of(120.0));
}

#[test]
fn unconfirmed_is_marked_and_remote_edit_appears() {
    let mut stage = session(Scene::Reconnecting);
    let screen = stage.press("<down>+").screen();
    assert!(screen.contains("121 bpm*"), "{screen}");
    assert_eq!(screen.matches('*').count(), 1, "{screen}");
    let mut stage = session(Scene::Joined);
    stage.remote_edit(&set(SessionSetting::Key(Key::FSharp)));
    assert!(stage.screen().contains("F#"), "{}", stage.screen());
}

#[test]
fn current_row_is_visible_on_smallest_terminal() {
    let mut stage = session(Scene::Joined);
    stage.resize(60, 16);
    insta::assert_snapshot!(stage.screen());
    insta::assert_snapshot!(stage.press("<end>").screen());
    for (width, height) in [(60, 16), (100, 16)] {
        stage.resize(width, height);
        assert!(stage.press("<end>").screen().contains("saved"), "{}", stage.screen());
        assert!(stage.press("<home>").screen().contains("name          Friday"));
        assert!(stage.screen().contains("key           C "), "{}", stage.screen());
        assert!(stage.press(&"<down>".repeat(17)).screen().contains("1.1.000 to 3.1.000"));
    }
}

#[test]
fn new_session_shows_defaults() {
    let mut stage = Stage::with_studio(Scene::Local, StudioState::default());
    let screen = stage.show(Pane::Session).screen();
    for shown in ["not saved yet", "nothing yet", "SynthDefs     none"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
}

/// What was there before is gone: its differences say nothing.
#[test]
fn loading_a_project_is_one_message() {
    let mut stage = Stage::new(Scene::Hosting);
    let name = ProjectName::new("song").expect("a name");
    stage.replace_state(|studio| {
        Arc::make_mut(&mut studio.session).tempo = Bpm::of(90.0);
        Arc::make_mut(&mut studio.projects).notice = ProjectNotice::Done(ProjectAction::Load(name));
    });
    stage.emit(Event::Changed(DirtyFlags::ALL));
    let screen = stage.screen();
    assert!(screen.contains("loaded “song”") && !screen.contains("tempo 90"), "{screen}");
}
