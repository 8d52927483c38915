//! What people try who have never used the program.

use imbolc_net::{
    Event, SessionEvent,
    model::Model as _,
    protocol::Refusal,
    studio::{
        AutomationAction, ClickSetting, InstrumentAction, InstrumentSetting, NetworkAction, Pane,
        SessionSetting, SourceKind, SourceSetting, Studio, StudioState, TransportAction,
    },
    util::quantity::{CountIn, Pitch, Ticks},
};

use imbolc_ui::app::App;

use crate::stage::{BASS, LEAD, MIA, Scene, Stage, no_server};

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
    let screen = stage.press("k").screen();
    assert!(screen.contains("a plays C4; z x octave, Esc ends it"), "{screen}");
    assert!(!screen.contains("? keys"), "letters play: {screen}");
    // The way out is shown where there is little room, too.
    let mut narrow = Stage::new(Scene::Hosting);
    narrow.resize(60, 16);
    assert!(narrow.press("k").screen().contains("Esc ends it"), "{}", narrow.screen());
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
    assert!(screen.contains("“set cutoff 800” sets the parameter"), "{screen}");
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

#[test]
fn playhead_is_put_at_the_cursor() {
    for pane in [Pane::PianoRoll, Pane::Arrangement] {
        let mut stage = Stage::new(Scene::Local);
        let at = transport(TransportAction::Locate(Ticks::of(1920)));
        stage.show(Pane::PianoRoll).press("<home>.");
        assert_eq!(stage.show(pane).press("g").dispatched(), [at], "{pane:?}");
    }
}

#[test]
fn cursor_of_the_roll_moves_by_bars() {
    let mut stage = Stage::new(Scene::Local);
    stage.show(Pane::PianoRoll).press("<home>...,");
    assert_eq!(stage.app.client_state().cursor().0, Ticks::of(2 * 1920));
    stage.press(",,,");
    assert_eq!(stage.app.client_state().cursor().0, Ticks::MIN);
}

#[test]
fn lanes_of_other_instruments_are_pointed_at() {
    let mut stage = Stage::new(Scene::Local);
    let only_bass = |studio: &mut StudioState| {
        let lanes = studio.automation.lanes().map(|(target, _)| *target);
        let shared: Vec<_> = lanes.filter(|target| target.instrument() != Some(BASS)).collect();
        for target in shared {
            let delete = NetworkAction::Automation(target, AutomationAction::Delete);
            Studio::reduce(studio, &delete).unwrap();
        }
    };
    stage.replace_state(only_bass);
    let screen = stage.show(Pane::Automation).press("]]").screen();
    assert!(screen.contains("no lanes of 3 Pad: a automates a parameter"), "{screen}");
    assert!(screen.contains("such as 1 Bass"), "{screen}");
}

#[test]
fn value_in_percent_is_told_once() {
    let mut stage = Stage::new(Scene::Local);
    let screen = stage.show(Pane::Automation).press("aresonance<enter><enter>").screen();
    assert!(screen.contains("now 10 %"), "{screen}");
    assert!(!screen.contains("(10 %)") && !screen.contains("10 %  10 %"), "{screen}");
}

#[test]
fn effect_shown_elsewhere_opens_no_strip() {
    let mut stage = Stage::new(Scene::Local);
    stage.press("ereverb<enter><esc>");
    let screen = stage.show(Pane::Mixer).screen();
    assert!(screen.contains("3 Pad"), "{screen}");
}

#[test]
fn names_of_pads_are_shown_where_there_is_room() {
    let mut stage = Stage::with_studio(Scene::Local, StudioState::starter());
    stage.press("]]]").show(Pane::Drums);
    for (width, height) in [(100, 30), (80, 24)] {
        stage.resize(width, height);
        assert!(stage.screen().contains("Closed hat"), "{}", stage.screen());
    }
}

#[test]
fn count_in_without_click_is_no_promise() {
    let mut stage = Stage::new(Scene::Local);
    let count_in = ClickSetting::CountIn(CountIn::of(1));
    stage.remote_edit(&NetworkAction::Session(SessionSetting::Click(count_in)));
    let screen = stage.show(Pane::Session).screen();
    assert!(screen.contains("1 bar (click off)"), "{screen}");
    let on = SessionSetting::Click(ClickSetting::On(true));
    stage.remote_edit(&NetworkAction::Session(on));
    assert!(!stage.screen().contains("(click off)"), "{}", stage.screen());
}

#[test]
fn hint_for_clips_fits_80_columns() {
    let mut stage = Stage::with_studio(Scene::Local, StudioState::starter());
    stage.resize(80, 24);
    let screen = stage.show(Pane::Arrangement).screen();
    assert!(screen.contains("none: a adds one"), "{screen}");
}

#[test]
fn free_privilege_and_foreign_instrument_are_told_plainly() {
    let mut stage = Stage::new(Scene::Joined);
    stage.emit(Event::Session(SessionEvent::Privilege { holder: None }));
    assert!(stage.screen().contains("the privilege is free: P takes it"), "{}", stage.screen());
    let reason = Refusal::NotOwner { instrument: LEAD, owner: stage.owner(MIA) };
    stage.emit(Event::Session(SessionEvent::OwnershipRefused { instrument: LEAD, reason }));
    let screen = stage.screen();
    assert!(screen.contains("mia owns 2 Lead: ask mia"), "{screen}");
    assert!(!screen.contains("is not yours"), "{screen}");
}

#[test]
fn guest_without_an_instrument_is_told_how_to_get_one() {
    let first = |stage: &Stage| {
        let mut app = App::new(stage.dispatcher().0, no_server(None));
        let first = app.messages().latest().next().map(|message| message.text.clone());
        first.unwrap_or_default()
    };
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(first(&stage), "", "ana owns two");
    stage.edit_roster(|roster| roster.owners = Default::default());
    assert_eq!(first(&stage), "you own no instrument yet: c claims the selected one");
    let mut stage = Stage::new(Scene::Hosting);
    stage.edit_roster(|roster| roster.owners = Default::default());
    assert_eq!(first(&stage), "", "the host may still be alone");
}

#[test]
fn session_setting_is_explained() {
    let mut stage = Stage::new(Scene::Local);
    for (width, height) in [(100, 30), (80, 24)] {
        stage.resize(width, height);
        stage.show(Pane::Session).press("<home>");
        for _ in 0..9 {
            stage.press("<down>");
        }
        let screen = stage.screen();
        let words = "chase notes: starting in the middle of a long note sounds it";
        assert!(screen.contains(words), "{screen}");
    }
}

#[test]
fn help_is_a_command_too() {
    let mut stage = Stage::new(Scene::Local);
    let screen = stage.press(":help<enter>").screen();
    assert!(screen.contains("Keys: any key closes"), "{screen}");
}

#[test]
fn help_of_every_pane_is_one_screen() {
    for (pane, _) in imbolc_ui::pane::all_panes() {
        let mut stage = Stage::new(Scene::Local);
        stage.resize(80, 24);
        let screen = stage.show(pane).press("?").screen();
        assert!(screen.contains("any key closes"), "{pane:?}: {screen}");
    }
}
