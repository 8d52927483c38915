//! Every parameter of instruments and effects is set to the part of its range
//! that it then reports.

use super::{Instrument, InstrumentParameter};
use crate::{
    studio::{
        common::automated::Automated,
        effect::{Effect, EffectKind, EffectParameter},
        source::{KickParameter, Source, SourceKind, SourceParameter},
    },
    util::quantity::Amount,
};

/// Puts a parameter at parts of its range, and looks where it then is: there,
/// or at the nearest step.
fn reads_back<S: Automated + Clone>(there: &S, parameter: S::Parameter) -> bool {
    [0.0, 0.3, 0.5, 1.0].into_iter().all(|part| {
        let mut there = there.clone();
        let mut set = |part| {
            there.set(S::setting(parameter, part)).ok()?;
            there.part(parameter)
        };
        let Some(first) = set(Amount::of(part)) else { return false };
        // A value that was rounded to a step stays there.
        let again = set(first);
        let near = (first.get() - part).abs() < 0.51;
        let ends = part < 1.0 || first.get() > 0.999;
        near && ends && again.is_some_and(|again| (again.get() - first.get()).abs() < 1e-4)
    })
}

#[test]
fn every_parameter_reads_back_what_a_lane_sets() {
    let of = |kind| Instrument { source: Source::of(kind), ..Instrument::default() };
    for parameter in InstrumentParameter::all() {
        let mut instruments = SourceKind::ALL.iter().map(|kind| of(*kind));
        let there = instruments.find(|i| parameter.part(i).is_some()).unwrap();
        assert!(reads_back(&there, parameter), "{parameter:?}");
    }
    for parameter in EffectParameter::all() {
        let mut effects = EffectKind::ALL.iter().map(|kind| Effect::of(*kind));
        let there = effects.find(|effect| effect.part(parameter).is_some()).unwrap();
        assert!(reads_back(&there, parameter), "{parameter:?}");
    }
}

#[test]
fn every_knob_can_be_automated() {
    // Six bands with three knobs each: nested groups.
    let equaliser = Effect::of(EffectKind::Equaliser);
    let bands = EffectParameter::all().into_iter().filter(|p| equaliser.part(*p).is_some());
    assert_eq!(bands.count(), 18);
    assert!(InstrumentParameter::all().len() > 120);
    assert!(EffectParameter::all().len() > 70);
}

#[test]
fn parameter_of_another_source_kind_is_absent() {
    let tone = InstrumentParameter::Source(SourceParameter::Kick(KickParameter::Tone));
    assert_eq!(tone.part(&Instrument::default()), None);
    assert!(!Instrument::default().parameters().contains(&tone));
}
