//! The arrangement pane: what its keys do, and what it shows.

use imbolc_net::{
    model::InstrumentId,
    protocol::Refusal,
    studio::{
        ArrangementSetting, AtEnd, ClipAction, ClipId, LoopRegion, Name, NetworkAction, Pane,
        PianoRollAction, PlacementAction, PlacementId, PlayMode, SourceKind, StudioState,
        TrackSetting, TransportAction,
    },
    util::quantity::{NoteLength, Ticks},
};

use crate::{
    band::act,
    stage::{ANA, BASS, LEAD, PAD, Scene, Stage},
};

const VERSE: ClipId = ClipId(1);
const CHORUS: ClipId = ClipId(2);

fn arrangement(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::Arrangement);
    stage
}

fn placed(action: PlacementAction) -> NetworkAction {
    NetworkAction::Placement(BASS, action)
}

fn clip(action: ClipAction) -> NetworkAction {
    NetworkAction::Clip(BASS, action)
}

fn tick(tick: u32) -> Ticks {
    Ticks::new(tick).unwrap()
}

fn length(ticks: u32) -> NoteLength {
    NoteLength::new(ticks).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The row of an instrument.
fn row(stage: &mut Stage, name: &str) -> String {
    let screen = stage.screen();
    let line = screen.lines().find(|line| line.trim_start_matches('│').starts_with(name));
    line.map(str::to_owned).unwrap_or_else(|| panic!("{name} is not shown:\n{screen}"))
}

#[test]
fn enter_places_clip_or_removes_placement() {
    let mut stage = arrangement(Scene::Joined);
    stage.press("<enter>><enter><enter>");
    let expected = [
        placed(PlacementAction::Remove(PlacementId(1))),
        placed(PlacementAction::Place {
            placement: PlacementId(4),
            clip: CHORUS,
            tick: Ticks::MIN,
        }),
    ];
    // Under the chorus lies the second verse, which starts later.
    assert_eq!(stage.dispatched()[..2], expected);
    stage.press("<").press("<end><enter>");
    let expected =
        PlacementAction::Place { placement: PlacementId(4), clip: VERSE, tick: tick(8 * 1920) };
    assert_eq!(stage.dispatched().last(), Some(&placed(expected)));
}

#[test]
fn cursor_moves_by_bars_beats_and_to_ends() {
    let mut stage = arrangement(Scene::Joined);
    let mut go = |keys: &str| stage.press(keys).app.client_state().cursor().0.get();
    assert_eq!(go("<right><right>"), 3840);
    assert_eq!(go("<left><left><left>"), 0);
    assert_eq!(go("<end>"), 8 * 1920);
    assert_eq!(go("<s-right>"), 8 * 1920 + 480);
    assert_eq!(go("<left>"), 8 * 1920);
    assert_eq!(go("<home>"), 0);
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn placement_moves_resizes_and_repeats() {
    let mut stage = arrangement(Scene::Joined);
    stage.press("<home><s-left><s-right>+---");
    let first = PlacementId(1);
    let expected = [
        placed(PlacementAction::Move(first, tick(480))),
        placed(PlacementAction::Resize(first, length(3 * 1920))),
        placed(PlacementAction::Resize(first, length(2 * 1920))),
        placed(PlacementAction::Resize(first, length(1920))),
    ];
    assert_eq!(stage.dispatched(), expected, "never shorter than a bar");
    assert_eq!(stage.app.client_state().cursor().0, tick(480));
    stage.press("dd");
    let duplicate = |placement, copy, at| {
        let (placement, copy) = (PlacementId(placement), PlacementId(copy));
        placed(PlacementAction::Duplicate { placement, copy, tick: tick(at) })
    };
    let expected = [duplicate(1, 4, 2400), duplicate(4, 5, 4320)];
    assert_eq!(stage.dispatched(), expected);
    assert_eq!(stage.press("<end>+d").dispatched(), []);
    assert!(stage.screen().contains("no placement under the cursor"), "{}", stage.screen());
}

#[test]
fn clips_are_added_captured_renamed_and_deleted() {
    let mut stage = arrangement(Scene::Joined);
    stage.press("aBridge of sighs 3<enter>aTag<enter>CRiff<enter>");
    // The new clip is chosen; back to the chorus.
    stage.press("<").press("<").press("<").press("n<backspace>X<enter>D");
    let id = ClipId;
    let expected = [
        clip(ClipAction::Create {
            clip: id(3),
            name: name("Bridge of sighs"),
            length: length(3 * 1920),
        }),
        clip(ClipAction::Create { clip: id(4), name: name("Tag"), length: length(1920) }),
        clip(ClipAction::Capture { clip: id(5), name: name("Riff"), region: LoopRegion::TWO_BARS }),
        clip(ClipAction::Rename(CHORUS, name("ChoruX"))),
        clip(ClipAction::Delete(CHORUS)),
    ];
    assert_eq!(stage.dispatched(), expected);
    stage.press("aHuge 99999999<enter>");
    assert!(stage.screen().contains("a clip cannot have 99999999 bars"), "{}", stage.screen());
}

#[test]
fn capture_prefers_track_loop_to_transport_loop() {
    let mut stage = arrangement(Scene::Joined);
    let region = |start, end| LoopRegion::new(tick(start), tick(end)).unwrap();
    stage.remote_edit(&NetworkAction::Transport(TransportAction::Region(region(0, 1920))));
    stage.remote_edit(&NetworkAction::Transport(TransportAction::Loop(true)));
    let captured = |stage: &mut Stage| match stage.press("Cx<enter>").dispatched().pop() {
        Some(NetworkAction::Clip(BASS, ClipAction::Capture { region, .. })) => Some(region),
        _ => None,
    };
    assert_eq!(captured(&mut stage), Some(region(0, 1920)));
    let set = |setting| NetworkAction::PianoRoll(BASS, PianoRollAction::Set(setting));
    stage.remote_edit(&set(TrackSetting::Region(region(960, 2880))));
    stage.remote_edit(&set(TrackSetting::Looping(true)));
    assert_eq!(captured(&mut stage), Some(region(960, 2880)));
    stage.remote_edit(&set(TrackSetting::Region(region(9600, 19_200))));
    assert_eq!(captured(&mut stage), None);
    assert!(stage.screen().contains("no notes from 6.1.000"), "{}", stage.screen());
}

#[test]
fn play_mode_and_end_are_set_and_shown() {
    let mut stage = arrangement(Scene::Joined);
    let screen = stage.screen();
    assert!(
        screen.contains(
            "plays the piano roll, not the clips (o changes it)  ends at 9.1.000  then continues"
        ),
        "{screen}"
    );
    stage.press("oeeeo");
    let set = NetworkAction::Arrangement;
    let expected = [
        set(ArrangementSetting::Play(PlayMode::Arrangement)),
        set(ArrangementSetting::AtEnd(AtEnd::Stop)),
        set(ArrangementSetting::AtEnd(AtEnd::Repeat)),
        set(ArrangementSetting::AtEnd(AtEnd::GoOn)),
        set(ArrangementSetting::Play(PlayMode::PianoRoll)),
    ];
    assert_eq!(stage.dispatched(), expected);
    stage.press("oe");
    assert!(stage.screen().contains("plays the arrangement  ends at 9.1.000  then stops"));
}

#[test]
fn each_row_is_an_instrument_with_its_clips() {
    let mut stage = arrangement(Scene::Hosting);
    assert_eq!(stage.press("<up><down>").app.client_state().instrument(), Some(LEAD));
    assert!(stage.screen().contains("none: a adds one"), "{}", stage.screen());
    for keys in ["<enter>", "D", "n", "d", "+"] {
        assert_eq!(stage.press(keys).dispatched(), [], "{keys}");
    }
    assert_eq!(stage.press("<down>").app.client_state().instrument(), Some(PAD));
    assert!(stage.screen().contains("1 Warm"), "{}", stage.screen());
}

#[test]
fn placements_are_blocks_with_clip_names() {
    let mut stage = arrangement(Scene::Joined);
    let line = row(&mut stage, "1 Bass");
    assert!(line.contains("▌Verse━━▌Verse━━▌Chorus━━━━━━━━━"), "{line}");
    assert_eq!(stage.colour_of("Verse"), stage.colour_of("ana"));
    stage.play_at(4000, -6.0);
    assert!(stage.screen().contains('▼'), "{}", stage.screen());
    let line = row(&mut stage, "2 Lead");
    assert!(line.contains('┃'), "{line}");
}

#[test]
fn unconfirmed_is_dashed_and_removed_is_crossed_out() {
    let mut stage = arrangement(Scene::Reconnecting);
    stage.press("+");
    let line = row(&mut stage, "1 Bass");
    assert!(line.contains("▌Verse*╌"), "{line}");
    assert!(stage.screen().contains("Verse* from 1.1.000, 3 bars"), "{}", stage.screen());
    stage.press("o<enter>");
    let line = row(&mut stage, "1 Bass");
    assert!(line.contains('×') && !line.contains('*'), "{line}");
    assert!(stage.screen().contains("plays the arrangement*"), "{}", stage.screen());
    assert!(row(&mut arrangement(Scene::Joined), "1 Bass").contains("▌Verse━"));
}

#[test]
fn remote_placement_appears_and_refusal_is_explained() {
    let mut stage = arrangement(Scene::Hosting);
    let place =
        PlacementAction::Place { placement: PlacementId(9), clip: VERSE, tick: tick(10 * 1920) };
    stage.remote_edit(&placed(place));
    let line = row(&mut stage, "1 Bass");
    assert_eq!(line.matches("▌Verse━━").count(), 3, "{line}");
    let owner = stage.owner(ANA);
    stage.refuse_all(Refusal::NotOwner { instrument: BASS, owner });
    let screen = stage.press("<enter>").screen();
    assert!(screen.contains("ana"), "{screen}");
    assert_eq!(stage.dispatched().len(), 1);
}

#[test]
fn selection_and_cursor_are_visible_on_smallest_terminal() {
    let mut studio = StudioState::default();
    for id in 1..=200 {
        let (id, name, source) = (InstrumentId(id), Name::default(), SourceKind::Oscillator);
        act(&mut studio, &NetworkAction::AddInstrument { id, name, source });
    }
    let mut stage = Stage::with_studio(Scene::Hosting, studio);
    stage.resize(60, 16);
    stage.show(Pane::Arrangement).press("[");
    assert!(row(&mut stage, "200 ").starts_with("│200 Untitled"));
    let mut stage = arrangement(Scene::Joined);
    stage.resize(60, 16);
    for _ in 0..9 {
        stage.press("<right>");
    }
    let screen = stage.screen();
    assert!(screen.contains("10.1.000"), "{screen}");
    insta::assert_snapshot!("arrangement-smallest", screen);
    let mut stage = Stage::with_studio(Scene::Hosting, StudioState::default());
    let screen = stage.show(Pane::Arrangement).press("<enter>").screen();
    assert!(screen.contains("no instrument selected"), "{screen}");
}

#[test]
fn playing_arrangement() {
    let mut stage = arrangement(Scene::Hosting);
    stage.press("oee<right><right>>");
    stage.play_at(5000, -6.0);
    insta::assert_snapshot!("arrangement-playing", stage.screen());
}
