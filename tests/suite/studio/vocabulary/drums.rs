//! Strategies for edits of drum machines, with few patterns, pads and steps.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        ChainedPatterns, ChopperSetting, DrumAction, DrumSetting, HitSetting, PadSetting, PadSound,
        PatternId, PatternSetting, Slice, SliceId, Step, StepRegion, Steps,
    },
    util::quantity::{PadNumber, SliceCount, StepCount, StepNumber},
};
use proptest::{collection::vec, prelude::*};

use super::{
    amount, content, decibels, instrument_id, maybe, name, note_value, pan, pitch, semitones,
    step_count, velocity,
};

pub fn drum() -> BoxedStrategy<DrumAction> {
    let euclid = (pattern_id(), pad(), 1u8..20, step_number());
    prop_oneof![
        12 => setting().prop_map(DrumAction::Set),
        4 => (pattern_id(), pad(), step_number(), hit())
            .prop_map(|(id, pad, step, hit)| DrumAction::Step(id, pad, step, hit)),
        2 => euclid.prop_map(|(pattern, pad, hits, rotation)| {
            DrumAction::Euclid { pattern, pad, hits: StepCount::of(hits), rotation }
        }),
        1 => (pattern_id(), region()).prop_map(|(id, r)| DrumAction::ClearRegion(id, r)),
        2 => (pattern_id(), steps()).prop_map(|(id, steps)| DrumAction::Paste(id, steps)),
        1 => (1u8..9).prop_map(|count| DrumAction::Chop(SliceCount::of(count))),
        1 => pad().prop_map(DrumAction::AssignSlices),
    ]
    .boxed()
}

/// Any edit, with frequent ones that can be heard.
pub fn beat() -> BoxedStrategy<DrumAction> {
    let sound = prop_oneof![
        content().prop_map(PadSound::Sample),
        ((1u32..3).prop_map(InstrumentId), pitch())
            .prop_map(|(id, pitch)| PadSound::Instrument(id, pitch)),
    ];
    prop_oneof![
        2 => drum(),
        2 => (pad(), sound)
            .prop_map(|(pad, sound)| DrumAction::Set(DrumSetting::Pad(pad, PadSetting::Sound(sound)))),
        1 => (pad(), 1u8..16).prop_map(|(pad, hits)| DrumAction::Euclid {
            pattern: PatternId(1),
            pad,
            hits: StepCount::of(hits),
            rotation: StepNumber::MIN,
        }),
    ]
    .boxed()
}

fn setting() -> BoxedStrategy<DrumSetting> {
    let chain = vec(pattern_id(), 0..5).prop_map(|ids| ChainedPatterns::new(ids).unwrap());
    prop_oneof![
        1 => amount().prop_map(DrumSetting::Swing),
        3 => chopper().prop_map(DrumSetting::Chopper),
        4 => (pad(), pad_setting()).prop_map(|(pad, setting)| DrumSetting::Pad(pad, setting)),
        3 => (pad(), sound())
            .prop_map(|(pad, sound)| DrumSetting::Pad(pad, PadSetting::Sound(sound))),
        2 => pattern_id().prop_map(DrumSetting::AddPattern),
        1 => pattern_id().prop_map(DrumSetting::DeletePattern),
        6 => (pattern_id(), pattern()).prop_map(|(id, s)| DrumSetting::Pattern(id, s)),
        1 => maybe(pattern_id()).prop_map(DrumSetting::Current),
        2 => chain.prop_map(DrumSetting::Chain),
        1 => any::<bool>().prop_map(DrumSetting::Chained),
    ]
    .boxed()
}

settings_of! {
    hit: HitSetting {
        Velocity: velocity(),
        Probability: amount(),
        Pitch: semitones(),
    }
    pad_setting: PadSetting {
        Name: name(),
        Sound: sound(),
        Level: decibels(),
        Pan: pan(),
        Pitch: semitones(),
        Reverse: any::<bool>(),
        Chokes: maybe(pad()),
    }
}

fn sound() -> BoxedStrategy<PadSound> {
    prop_oneof![
        Just(PadSound::Nothing),
        content().prop_map(PadSound::Sample),
        slice_id().prop_map(PadSound::Slice),
        (instrument_id(), pitch()).prop_map(|(id, key)| PadSound::Instrument(id, key)),
    ]
    .boxed()
}

fn pattern() -> BoxedStrategy<PatternSetting> {
    prop_oneof![
        1 => name().prop_map(PatternSetting::Name),
        1 => step_count().prop_map(PatternSetting::Length),
        1 => note_value().prop_map(PatternSetting::Resolution),
        6 => step().prop_map(PatternSetting::On),
        5 => (pad(), step_number()).prop_map(|(pad, step)| PatternSetting::Off(pad, step)),
        1 => steps().prop_map(PatternSetting::Steps),
    ]
    .boxed()
}

fn chopper() -> BoxedStrategy<ChopperSetting> {
    let slice = (amount(), amount())
        .prop_filter_map("a slice is not empty", |(a, b)| Slice::new(a.min(b), a.max(b)).ok());
    prop_oneof![
        maybe(content()).prop_map(ChopperSetting::Sample),
        (slice_id(), slice).prop_map(|(id, slice)| ChopperSetting::Put(id, slice)),
        slice_id().prop_map(ChopperSetting::Remove),
    ]
    .boxed()
}

fn steps() -> BoxedStrategy<Steps> {
    vec(step(), 0..8).prop_map(|steps| steps.into_iter().collect()).boxed()
}

fn step() -> BoxedStrategy<Step> {
    (pad(), step_number(), velocity(), amount(), semitones())
        .prop_map(|(pad, step, velocity, probability, pitch)| Step {
            pad,
            step,
            velocity,
            probability,
            pitch,
        })
        .boxed()
}

fn region() -> BoxedStrategy<StepRegion> {
    (pad(), pad(), step_number(), step_number())
        .prop_map(|(pad, other, step, later)| {
            let first = (pad.min(other), step.min(later));
            StepRegion::new(first, (pad.max(other), step.max(later))).unwrap()
        })
        .boxed()
}

fn pattern_id() -> BoxedStrategy<PatternId> {
    (0u16..4).prop_map(PatternId).boxed()
}

fn slice_id() -> BoxedStrategy<SliceId> {
    (0u16..6).prop_map(SliceId).boxed()
}

fn pad() -> BoxedStrategy<PadNumber> {
    proptest::sample::select(vec![0, 1, 15]).prop_map(PadNumber::of).boxed()
}

fn step_number() -> BoxedStrategy<StepNumber> {
    proptest::sample::select(vec![0, 1, 2, 4, 127]).prop_map(StepNumber::of).boxed()
}
