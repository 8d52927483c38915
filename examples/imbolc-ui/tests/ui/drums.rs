//! The drum pane: what its keys do, and what it shows.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        ChainedPatterns, DrumAction, DrumSetting, HitSetting, Name, NetworkAction, NoteValue,
        PadSetting, PadSound, Pane, PatternId, PatternSetting, SliceId, SourceKind, StepRegion,
        StudioState,
    },
    util::quantity::{
        Amount, PadNumber, Pitch, Semitones, SliceCount, StepCount, StepNumber, Velocity,
    },
};

use crate::{
    band::{act, step},
    stage::{DRUMS, LEAD, Scene, Stage},
};

const BEAT: PatternId = PatternId(1);
const FILL: PatternId = PatternId(2);
const KICK: PadNumber = PadNumber::of(0);
const SNARE: PadNumber = PadNumber::of(1);

fn drums(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::Drums).press("]]]");
    stage
}

fn kit(action: DrumAction) -> NetworkAction {
    NetworkAction::Drums(DRUMS, action)
}

fn set(setting: DrumSetting) -> NetworkAction {
    kit(DrumAction::Set(setting))
}

fn beat(setting: PatternSetting) -> NetworkAction {
    set(DrumSetting::Pattern(BEAT, setting))
}

fn region(first: (u8, u8), last: (u8, u8)) -> StepRegion {
    let corner = |(pad, step)| (PadNumber::new(pad).unwrap(), StepNumber::new(step).unwrap());
    StepRegion::new(corner(first), corner(last)).unwrap()
}

/// The row of a pad.
fn row(stage: &mut Stage, name: &str) -> String {
    let screen = stage.screen();
    let line = screen.lines().find(|line| line.contains(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not shown:\n{screen}"));
    line.trim_start_matches('│').to_owned()
}

/// The actions that a palette command dispatches.
fn typed(stage: &mut Stage, line: &str) -> Vec<NetworkAction> {
    stage.press(":").press(line).press("<enter>").dispatched()
}

#[test]
fn enter_turns_step_on_and_off() {
    let mut stage = drums(Scene::Joined);
    stage.press("<right><enter><enter><down><enter>");
    let expected = [
        beat(PatternSetting::On(step(0, 1))),
        beat(PatternSetting::Off(KICK, StepNumber::of(1))),
        beat(PatternSetting::On(step(1, 1))),
    ];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn step_velocity_probability_and_pitch_are_edited() {
    let mut stage = drums(Scene::Joined);
    stage.press("+--p.,,");
    let hit = |setting| kit(DrumAction::Step(BEAT, KICK, StepNumber::MIN, setting));
    let expected = [
        hit(HitSetting::Velocity(Velocity::of(105))),
        hit(HitSetting::Velocity(Velocity::of(100))),
        hit(HitSetting::Velocity(Velocity::of(95))),
        hit(HitSetting::Probability(Amount::of(0.9))),
        hit(HitSetting::Pitch(Semitones::of(1))),
        hit(HitSetting::Pitch(Semitones::of(0))),
        hit(HitSetting::Pitch(Semitones::of(-1))),
    ];
    assert_eq!(stage.dispatched(), expected);
    let screen = stage.screen();
    assert!(screen.contains("pad 1 step 1: velocity 95  pitch -1 st  90 % likely"), "{screen}");
    stage.press("pppppppppp");
    let always = hit(HitSetting::Probability(Amount::of(1.0)));
    assert_eq!(stage.dispatched().last(), Some(&always), "after never comes always");
}

#[test]
fn step_that_is_off_cannot_be_edited() {
    let mut stage = drums(Scene::Joined);
    assert_eq!(stage.press("<right>+").dispatched(), []);
    assert!(stage.screen().contains("no step under the cursor"));
}

#[test]
fn patterns_are_chosen_added_and_deleted() {
    let mut stage = drums(Scene::Joined);
    let third = PatternId(3);
    stage.press(">").press(">").press("<").press("a").press("D");
    let expected = [
        set(DrumSetting::Current(Some(FILL))),
        set(DrumSetting::Current(Some(BEAT))),
        set(DrumSetting::AddPattern(third)),
        set(DrumSetting::Current(Some(third))),
        set(DrumSetting::DeletePattern(third)),
    ];
    assert_eq!(stage.dispatched(), expected);
    let screen = stage.press("DD").screen();
    assert!(screen.contains("no pattern: press a to add one"), "{screen}");
    assert!(stage.press("<enter>a").screen().contains("1 Pattern (1 of 1)"));
}

#[test]
fn marked_steps_are_copied_and_pasted() {
    let mut stage = drums(Scene::Joined);
    stage.press("<down>b<up><right><right><right><right>y<right>v");
    let pasted = [step(0, 5), step(0, 9), step(1, 9)].into_iter().collect();
    assert_eq!(stage.dispatched(), [kit(DrumAction::Paste(BEAT, pasted))]);
}

#[test]
fn cut_and_clear_take_marked_steps_or_current_step() {
    let mut stage = drums(Scene::Joined);
    stage.press("<end>b<home><down>x");
    assert_eq!(stage.dispatched(), [kit(DrumAction::ClearRegion(BEAT, region((0, 0), (1, 15))))]);
    assert_eq!(stage.app.client_state().copied_steps().len(), 6);
    stage.press("<down><right><right><delete>b<right><esc><delete>");
    let expected = [
        kit(DrumAction::ClearRegion(BEAT, region((2, 2), (2, 2)))),
        kit(DrumAction::ClearRegion(BEAT, region((2, 3), (2, 3)))),
    ];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn euclid_spreads_hits_over_current_pad() {
    let mut stage = drums(Scene::Joined);
    stage.press("<down>E5<enter>E3 2<enter>");
    let euclid = |hits, rotation| {
        let (hits, rotation) = (StepCount::new(hits).unwrap(), StepNumber::new(rotation).unwrap());
        kit(DrumAction::Euclid { pattern: BEAT, pad: SNARE, hits, rotation })
    };
    assert_eq!(stage.dispatched(), [euclid(5, 0), euclid(3, 2)]);
    assert_eq!(typed(&mut stage, "euclid 17 3"), []);
    assert!(stage.screen().contains("pads are numbered from 1 to 16"));
}

#[test]
fn chain_is_typed_and_switched() {
    let mut stage = drums(Scene::Joined);
    stage.press("h1 1 2<enter>hh");
    let chain = ChainedPatterns::new(vec![BEAT, BEAT, FILL]).unwrap();
    let expected = [
        set(DrumSetting::Chain(chain)),
        set(DrumSetting::Chained(true)),
        set(DrumSetting::Chained(false)),
        set(DrumSetting::Chained(true)),
    ];
    assert_eq!(stage.dispatched(), expected);
    assert_eq!(typed(&mut stage, "chain off"), [set(DrumSetting::Chained(false))]);
    assert!(stage.screen().contains("chain off: 1 1 2"), "{}", stage.screen());
    assert_eq!(typed(&mut stage, "chain 9"), []);
    assert!(stage.screen().contains("no pattern 9"));
}

#[test]
fn sample_is_sliced_and_assigned_to_pads() {
    let mut stage = drums(Scene::Joined);
    stage.press("C4<enter><down><down>V<enter>");
    let expected =
        [kit(DrumAction::Chop(SliceCount::of(4))), kit(DrumAction::AssignSlices(PadNumber::of(2)))];
    assert_eq!(stage.dispatched(), expected);
    let screen = stage.screen();
    assert!(screen.contains(" 4 Stab         slice 2 "), "{screen}");
    let screen = stage.press("<down><right>").screen();
    assert!(screen.contains("pad 4 step 2: slice 2 of 4: 25–50 % of no sample"), "{screen}");
}

#[test]
fn pad_gets_name_and_sound() {
    let mut stage = drums(Scene::Joined);
    stage.press("nBoom<enter>Sslice 1<enter>Skey 2 c#3<enter>Snothing<enter>");
    let pad = |setting| set(DrumSetting::Pad(KICK, setting));
    let expected = [
        pad(PadSetting::Name(Name::new("Boom").unwrap())),
        pad(PadSetting::Sound(PadSound::Slice(SliceId(1)))),
        pad(PadSetting::Sound(PadSound::Instrument(LEAD, Pitch::of(49)))),
        pad(PadSetting::Sound(PadSound::Nothing)),
    ];
    assert_eq!(stage.dispatched(), expected);
    assert_eq!(typed(&mut stage, "sound 1 loud"), []);
}

#[test]
fn commands_set_pattern_name_length_and_resolution() {
    let mut stage = drums(Scene::Joined);
    let name = Name::new("Verse").unwrap();
    assert_eq!(typed(&mut stage, "pattern Verse"), [beat(PatternSetting::Name(name))]);
    let twelve = beat(PatternSetting::Length(StepCount::of(12)));
    assert_eq!(typed(&mut stage, "steps 12"), [twelve]);
    let eighths = beat(PatternSetting::Resolution(NoteValue::EighthTriplet));
    assert_eq!(typed(&mut stage, "resolution EighthTriplet"), [eighths]);
    let swing = set(DrumSetting::Swing(Amount::of(0.5)));
    assert_eq!(typed(&mut stage, "drumswing 50"), [swing]);
    let screen = stage.screen();
    assert!(screen.contains("1 Verse (1 of 2)  12 × eighth triplet  swing 50 %"), "{screen}");
}

#[test]
fn drum_commands_need_a_drum_kit() {
    let mut stage = Stage::new(Scene::Joined);
    assert_eq!(typed(&mut stage, "slice 4"), []);
    assert!(stage.screen().contains("1 Bass is not a drum kit"), "{}", stage.screen());
}

#[test]
fn playing_step_is_shown() {
    let mut stage = drums(Scene::Joined);
    assert!(!stage.screen().contains('▼'));
    // In the second pass of 16 sixteenths: the fourth step.
    stage.play_at(1920 + 3 * 120 + 60, -6.0);
    let screen = stage.screen();
    let ruler = screen.lines().find(|line| line.contains('▼')).expect("it plays");
    let column = |line: &str, mark| line.chars().position(|letter| letter == mark);
    assert_eq!(column(ruler, '▼'), column(ruler, '1').map(|first| first + 6), "{screen}");
}

#[test]
fn playing_link_of_chain_is_marked() {
    let mut stage = drums(Scene::Joined);
    typed(&mut stage, "chain 1 2 1");
    // The chain has 16, 8 and 16 sixteenths.
    for (step, at, here) in
        [(3, "chain ▸1 2 1", true), (17, "chain 1 ▸2 1", false), (43, "chain ▸1 2 1", true)]
    {
        stage.play_at(step * 120, -6.0);
        let screen = stage.screen();
        assert!(screen.contains(at), "{screen}");
        assert_eq!(screen.contains('▼'), here, "the pattern that is shown is the first");
    }
}

#[test]
fn steps_show_velocity_probability_and_pitch() {
    let mut stage = drums(Scene::Joined);
    assert!(row(&mut stage, "Kick").contains("kick.wav    █ · · ·│█ · · ·│█ · · ·│█ · · ·│"));
    assert!(row(&mut stage, "Hat").contains("slice 1     · · ▒ ·│· · ▒ ·│· · ▒ ·│· · 6 ·│"));
    assert!(row(&mut stage, "Stab").contains("C4 2 Lead   · · · ·│· · · ·│· · · █↑"));
    assert!(row(&mut stage, "Snare").contains("snare-tig…"));
}

#[test]
fn unconfirmed_is_hollow_and_removed_is_crossed_out() {
    let mut stage = drums(Scene::Reconnecting);
    stage.press("<enter><right><enter>");
    assert!(row(&mut stage, "Kick").contains("× □ · ·│█"), "{}", stage.screen());
    let mut stage = drums(Scene::Joined);
    stage.press("<enter><right><enter>");
    assert!(row(&mut stage, "Kick").contains("· █ · ·│█"), "{}", stage.screen());
}

#[test]
fn setting_is_marked_until_confirmed() {
    let mut stage = drums(Scene::Reconnecting);
    stage.press(">").press("n").press("Boom<enter>");
    let screen = stage.screen();
    assert!(screen.contains("2 Fill (2 of 2)  8 × sixteenth*"), "{screen}");
    assert!(screen.contains(" 1 Boom         kick.wav  *"), "{screen}");
    let screen = drums(Scene::Joined).press(">").screen();
    assert!(screen.contains("2 Fill (2 of 2)  8 × sixteenth "), "{screen}");
}

#[test]
fn step_has_owner_colour_and_playing_colour() {
    let mut stage = drums(Scene::Joined);
    let owners = stage.colour_of("▒ ·│");
    assert_eq!(owners, stage.colour_of("ana"));
    stage.play_at(2 * 120, -6.0);
    assert_ne!(stage.colour_of("▒ ·│"), owners);
}

#[test]
fn remote_edit_appears_and_cursor_stays_in_pattern() {
    let mut stage = drums(Scene::Hosting);
    stage.press("<end>");
    stage.remote_edit(&beat(PatternSetting::On(step(0, 1))));
    stage.remote_edit(&beat(PatternSetting::Length(StepCount::of(4))));
    assert!(row(&mut stage, "Kick").contains("kick.wav    █ █ · ·│"), "{}", stage.screen());
    stage.press("<enter>");
    let expected = beat(PatternSetting::On(step(0, 3)));
    assert_eq!(stage.dispatched(), [expected]);
}

#[test]
fn cursor_is_visible_on_smallest_terminal() {
    let mut stage = drums(Scene::Joined);
    typed(&mut stage, "steps 128");
    stage.resize(60, 16);
    stage.press("<end>");
    assert!(stage.screen().contains("pad 1 step 128"), "{}", stage.screen());
    for number in 2..=16 {
        stage.press("<down>");
        assert!(stage.screen().contains(&format!("│{number:>2} ")), "{}", stage.screen());
    }
    insta::assert_snapshot!("drums-smallest", stage.screen());
    stage.press("<home><up><up><up>");
    let screen = stage.screen();
    assert!(screen.contains("10 Pad") && screen.contains("16 Pad"), "{screen}");
    assert!(!stage.press("<up><up><up><up>").screen().contains("16 Pad"));
}

#[test]
fn missing_drum_kit_shows_a_hint() {
    let mut stage = Stage::new(Scene::Joined);
    let screen = stage.show(Pane::Drums).press("+").screen();
    assert!(screen.contains("1 Bass is not a drum kit"), "{screen}");
    assert!(screen.contains("Enter selects 4 Drums"), "{screen}");
    assert!(stage.press("<enter>").screen().contains("4 Drums ana  1 Beat"));
    assert_eq!(stage.dispatched(), []);
    let mut stage = Stage::with_studio(Scene::Joined, StudioState::default());
    assert!(stage.show(Pane::Drums).press("<enter>").screen().contains("a adds a drum kit"));
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn two_hundredth_kit_works_like_the_first() {
    let mut studio = StudioState::default();
    for id in 1..=200 {
        let (id, name, source) = (InstrumentId(id), Name::default(), SourceKind::DrumKit);
        act(&mut studio, &NetworkAction::AddInstrument { id, name, source });
    }
    let mut stage = Stage::with_studio(Scene::Hosting, studio);
    stage.show(Pane::Drums).press("[<enter>");
    let on = DrumSetting::Pattern(BEAT, PatternSetting::On(step(0, 0)));
    let expected = NetworkAction::Drums(InstrumentId(200), DrumAction::Set(on));
    assert_eq!(stage.dispatched(), [expected]);
}

#[test]
fn kit_in_the_middle_of_a_song() {
    let mut stage = drums(Scene::Hosting);
    stage.remote_edit(&set(DrumSetting::Chain(ChainedPatterns::new(vec![BEAT, FILL]).unwrap())));
    stage.remote_edit(&set(DrumSetting::Chained(true)));
    stage.press("<down>b<down><right><right>");
    stage.play_at(500, -6.0);
    insta::assert_snapshot!("drums-playing", stage.screen());
}
