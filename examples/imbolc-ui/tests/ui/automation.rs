//! The automation pane: what its keys do, and what it shows.

use imbolc_net::{
    model::InstrumentId,
    protocol::Refusal,
    studio::{
        AutomationAction, BusId, BusParameter, Curve, LaneSetting, LoopRegion, MasterParameter,
        Name, NetworkAction, PadParameter, Pane, Point, SourceKind, StudioState, Target,
    },
    util::quantity::{PadNumber, Ticks},
};

use crate::{
    band::{CUTOFF, TEMPO, act, point},
    stage::{ANA, BASS, DRUMS, Scene, Stage},
};

fn lanes(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::Automation);
    stage
}

fn cutoff(action: AutomationAction) -> NetworkAction {
    NetworkAction::Automation(CUTOFF, action)
}

fn put(point: Point) -> NetworkAction {
    cutoff(AutomationAction::Put(point))
}

fn region(start: u32, end: u32) -> LoopRegion {
    LoopRegion::new(Ticks::new(start).unwrap(), Ticks::new(end).unwrap()).unwrap()
}

#[test]
fn lanes_of_selected_instrument_precede_shared_lanes() {
    let mut stage = lanes(Scene::Hosting);
    let order = |stage: &mut Stage| {
        let screen = stage.screen();
        let lanes = screen.lines().filter_map(|line| line.split('│').nth(1));
        lanes.filter(|lane| lane.contains(" on ") || lane.contains(" off ")).count()
    };
    let screen = stage.screen();
    let at = |what| screen.find(what).unwrap_or_else(|| panic!("{what}: {screen}"));
    assert!(at("filter cutoff") < at("bus 1 pan") && at("bus 1 pan") < at("session tempo"));
    assert!(!screen.contains("2 Lead"), "{screen}");
    assert_eq!(order(&mut stage), 3);
    assert!(stage.press("]").screen().contains("2 Lead: level"));
    assert_eq!(order(&mut stage), 3);
}

#[test]
fn lane_is_switched_armed_and_deleted() {
    let mut stage = lanes(Scene::Joined);
    stage.press("eAD");
    let expected = [
        cutoff(AutomationAction::Set(LaneSetting::Enabled(false))),
        cutoff(AutomationAction::Set(LaneSetting::Armed(true))),
        cutoff(AutomationAction::Delete),
    ];
    assert_eq!(stage.dispatched(), expected);
    // The next lane takes its place.
    stage.press("D<down>");
    let deleted = Target::Bus(BusId(1), BusParameter::Pan);
    assert_eq!(stage.dispatched(), [NetworkAction::Automation(deleted, AutomationAction::Delete)]);
    stage.press("D");
    assert_eq!(stage.dispatched(), [NetworkAction::Automation(TEMPO, AutomationAction::Delete)]);
    assert!(stage.screen().contains("a automates a parameter"), "{}", stage.screen());
    assert_eq!(stage.press("DeA<enter><up>").dispatched(), []);
}

#[test]
fn point_moves_by_a_twentieth_or_is_added() {
    let mut stage = lanes(Scene::Joined);
    stage.press("<enter><up>+-<right><down>");
    let expected = [
        put(point(0, 0.25)),
        put(point(0, 0.3)),
        put(point(0, 0.25)),
        // On the curve, an eighth of the way from 0.25 to 0.9.
        put(point(120, 0.28)),
    ];
    assert_eq!(stage.dispatched(), expected);
    for _ in 0..30 {
        stage.press("<down>");
    }
    let dispatched = stage.dispatched();
    assert_eq!(dispatched.last(), Some(&put(point(120, 0.0))));
    assert!(dispatched.len() < 10, "unchanged values are not sent");
}

#[test]
fn enter_adds_point_on_curve_or_removes_it() {
    let mut stage = lanes(Scene::Joined);
    stage.press("<enter><home><pagedown><right><enter><enter>");
    let hold = Point { curve: Curve::Hold, ..point(2040, 0.3) };
    let expected = [put(hold), cutoff(AutomationAction::Remove(Ticks::of(2040)))];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn comma_and_dot_change_the_curve() {
    let mut stage = lanes(Scene::Joined);
    stage.press("<enter>.,,");
    let with = |curve| put(Point { curve, ..point(0, 0.2) });
    let expected = [with(Curve::SlowStart), with(Curve::Linear), with(Curve::Hold)];
    assert_eq!(stage.dispatched(), expected);
    assert_eq!(stage.press("<right>.").dispatched(), []);
    assert!(stage.screen().contains("no point under the cursor"));
}

#[test]
fn points_are_copied_cut_pasted_and_deleted_by_region() {
    let mut stage = lanes(Scene::Joined);
    stage.press("<enter>b");
    for _ in 0..8 {
        stage.press("<right>");
    }
    assert!(stage.screen().contains("marked 1.1.000 – 1.3.120"), "{}", stage.screen());
    stage.press("y<home><pagedown><pagedown>v");
    let smooth = Point { curve: Curve::Smooth, ..point(4800, 0.9) };
    let pasted = [point(3840, 0.2), smooth].into_iter().collect();
    assert_eq!(stage.dispatched(), [cutoff(AutomationAction::Paste(pasted))]);
    stage.press("x<home>b<right><delete><delete>");
    let expected = [
        cutoff(AutomationAction::DeleteRegion(region(3840, 3960))),
        cutoff(AutomationAction::DeleteRegion(region(0, 240))),
    ];
    assert_eq!(stage.dispatched(), expected);
    assert!(stage.screen().contains("no point under the cursor"), "{}", stage.screen());
}

#[test]
fn escape_or_left_end_leaves_the_points() {
    let mut stage = lanes(Scene::Joined);
    for keys in ["<enter><esc>", "<enter><left>", "<enter>b<esc><esc>"] {
        stage.press(keys);
        assert!(stage.screen().contains("Enter: edit the points"), "{}", stage.screen());
    }
    assert_eq!(stage.press("<down><down>D").dispatched().len(), 1, "the list has the keys again");
    assert!(!stage.screen().contains("session tempo  "));
}

#[test]
fn lane_is_added_by_words_of_its_parameter() {
    let mut stage = lanes(Scene::Joined);
    let mut added = |what: &str| {
        stage.press(&format!("a{what}<enter>"));
        let mut dispatched = stage.dispatched();
        match dispatched.pop() {
            Some(NetworkAction::Automation(target, AutomationAction::Add)) => Some(target),
            _ => None,
        }
    };
    assert_eq!(added("master level"), Some(Target::Master(MasterParameter::Level)));
    assert_eq!(added("bus 2 pan"), Some(Target::Bus(BusId(2), BusParameter::Pan)));
    stage.press("]]]");
    let mut added = |what: &str| {
        stage.press(&format!("a{what}<enter>"));
        stage.dispatched().pop()
    };
    let pad = Target::Pad(DRUMS, PadNumber::of(1), PadParameter::Level);
    let add = NetworkAction::Automation(pad, AutomationAction::Add);
    assert_eq!(added("pad 2 level"), Some(add));
    assert_eq!(added("bus 1 pan"), None);
    assert!(stage.screen().contains("a lane for bus 1 pan exists already"));
    stage.press("<esc>afilter<enter>");
    assert!(stage.screen().contains("match: filter kind, filter cutoff"), "{}", stage.screen());
    stage.press("<esc>anonsense<enter>");
    assert!(stage.screen().contains("no parameter \"nonsense\""), "{}", stage.screen());
}

#[test]
fn value_follows_the_playhead() {
    let mut stage = lanes(Scene::Joined);
    assert!(stage.screen().contains("(20 %)"), "{}", stage.screen());
    stage.play_at(2000, -6.0);
    let screen = stage.screen();
    assert!(screen.contains("(30 %)"), "{screen}");
    assert!(screen.contains('▼'), "{screen}");
    stage.remote_edit(&cutoff(AutomationAction::Set(LaneSetting::Enabled(false))));
    assert!(!stage.screen().contains("(30 %)"), "what is off moves nothing");
}

#[test]
fn unconfirmed_is_hollow_and_removed_is_crossed_out() {
    let mut stage = lanes(Scene::Reconnecting);
    let count = |stage: &mut Stage, letter| stage.screen().matches(letter).count();
    assert_eq!((count(&mut stage, '○'), count(&mut stage, '×')), (0, 0));
    stage.press("<enter><up>");
    assert_eq!((count(&mut stage, '○'), count(&mut stage, '×')), (1, 0));
    assert!(stage.screen().contains("(25 %)*"), "{}", stage.screen());
    stage.press("<enter>");
    assert_eq!((count(&mut stage, '○'), count(&mut stage, '×')), (0, 1));
    let mut stage = lanes(Scene::Joined);
    stage.press("<enter><up>");
    assert_eq!(count(&mut stage, '○'), 0);
}

#[test]
fn remote_point_appears_and_refusal_is_explained() {
    let mut stage = lanes(Scene::Hosting);
    let before = stage.screen().matches('●').count();
    stage.remote_edit(&put(point(480, 0.5)));
    assert_eq!(stage.screen().matches('●').count(), before + 1);
    let owner = stage.owner(ANA);
    stage.refuse_all(Refusal::NotOwner { instrument: BASS, owner });
    let screen = stage.press("<enter><enter>").screen();
    assert!(screen.contains("ana"), "{screen}");
    assert_eq!(stage.dispatched().len(), 1);
}

#[test]
fn lane_under_cursor_is_visible_on_smallest_terminal() {
    let mut studio = StudioState::default();
    for id in 1..=20 {
        let bus = imbolc_net::studio::MixerSetting::AddBus(BusId(id), Name::default());
        act(&mut studio, &NetworkAction::Mixer(bus));
        let target = Target::Bus(BusId(id), BusParameter::Level);
        act(&mut studio, &NetworkAction::Automation(target, AutomationAction::Add));
    }
    let mut stage = Stage::with_studio(Scene::Hosting, studio);
    stage.resize(60, 16);
    stage.show(Pane::Automation);
    for id in 1..=20 {
        assert!(stage.screen().contains(&format!("bus {id} level ")), "{}", stage.screen());
        stage.press("<down>");
    }
    let mut stage = lanes(Scene::Joined);
    stage.resize(60, 16);
    stage.press("<enter><pagedown><pagedown><pagedown>");
    insta::assert_snapshot!("automation-smallest", stage.screen());
}

#[test]
fn points_in_the_middle_of_a_song() {
    let mut stage = lanes(Scene::Hosting);
    stage.remote_edit(&cutoff(AutomationAction::Set(LaneSetting::Armed(true))));
    stage.press("<enter><pagedown>b<right><right><right>");
    stage.play_at(1000, -6.0);
    insta::assert_snapshot!("automation-points", stage.screen());
}

#[test]
fn two_hundred_instruments_have_their_own_lanes() {
    let mut studio = StudioState::default();
    for id in 1..=200 {
        let (id, name, source) = (InstrumentId(id), Name::default(), SourceKind::Oscillator);
        act(&mut studio, &NetworkAction::AddInstrument { id, name, source });
    }
    let level = imbolc_net::studio::InstrumentParameter::Level;
    let target = Target::Instrument(InstrumentId(200), level);
    act(&mut studio, &NetworkAction::Automation(target, AutomationAction::Add));
    let mut stage = Stage::with_studio(Scene::Hosting, studio);
    stage.show(Pane::Automation);
    assert!(stage.screen().contains("no lanes"), "{}", stage.screen());
    assert!(stage.press("[").screen().contains("200 Untitled: level"));
}
