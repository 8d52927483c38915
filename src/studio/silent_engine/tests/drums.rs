//! The strikes of drum machines.

use super::*;

#[test]
fn pattern_repeats_in_step_with_the_music() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 0);
    rig.step(FIRST, 0, 15);
    rig.transport(TransportAction::Locate(Ticks::of(1000)));
    rig.transport(TransportAction::Play);
    rig.wait(3000);
    assert_eq!(rig.beats(), [1800, 1920, 3720, 3840]);
}

#[test]
fn chained_patterns_play_in_turn_at_their_resolutions() {
    let mut rig = Rig::drumming();
    let second = PatternId(2);
    rig.drums(DrumSetting::AddPattern(second));
    let eighths = PatternSetting::Resolution(crate::studio::NoteValue::Eighth);
    for setting in [eighths, PatternSetting::Length(StepCount::of(3))] {
        rig.drums(DrumSetting::Pattern(second, setting));
    }
    rig.drums(DrumSetting::Pattern(FIRST, PatternSetting::Length(StepCount::of(2))));
    rig.step(FIRST, 0, 0);
    rig.step(second, 0, 1);
    rig.step(second, 0, 3);
    let chain = ChainedPatterns::new(vec![second, FIRST]).unwrap();
    rig.drums(DrumSetting::Chain(chain));
    rig.drums(DrumSetting::Chained(true));
    rig.transport(TransportAction::Play);
    rig.wait(1500);
    assert_eq!(rig.beats(), [240, 720, 960 + 240]);
}

#[test]
fn pad_can_play_a_key_of_another_instrument() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 1, 1);
    let up = PadSetting::Pitch(Semitones::of(12));
    rig.drums(DrumSetting::Pad(PadNumber::of(1), up));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.played(), [(120, 52, true), (240, 52, false)]);
}
