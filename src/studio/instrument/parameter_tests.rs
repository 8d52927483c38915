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
fn is_set_to_where_it_then_is<S: Automated + Clone>(there: &S, parameter: S::Parameter) -> bool {
    [0.0, 0.3, 0.5, 1.0].into_iter().all(|part| {
        let mut there = there.clone();
        let mut set = |part| {
            there.set(S::setting(parameter, part)).ok()?;
            there.part(parameter)
        };
        let Some(first) = set(Amount::of(part)) else { return false };
        // What is rounded to a step stays on it.
        let again = set(first);
        let near = (first.get() - part).abs() < 0.51;
        let ends = part < 1.0 || first.get() > 0.999;
        near && ends && again.is_some_and(|again| (again.get() - first.get()).abs() < 1e-4)
    })
}

#[test]
fn every_parameter_is_set_to_the_part_of_its_range_that_it_then_has() {
    let of = |kind| Instrument { source: Source::of(kind), ..Instrument::default() };
    for parameter in InstrumentParameter::all() {
        let mut instruments = SourceKind::ALL.iter().map(|kind| of(*kind));
        let there = instruments.find(|i| parameter.part(i).is_some()).unwrap();
        assert!(is_set_to_where_it_then_is(&there, parameter), "{parameter:?}");
    }
    for parameter in EffectParameter::all() {
        let mut effects = EffectKind::ALL.iter().map(|kind| Effect::of(*kind));
        let there = effects.find(|effect| effect.part(parameter).is_some()).unwrap();
        assert!(is_set_to_where_it_then_is(&there, parameter), "{parameter:?}");
    }
}

#[test]
fn what_can_be_turned_can_be_automated() {
    // Three knobs a band, six bands: groups in a group.
    let equaliser = Effect::of(EffectKind::Equaliser);
    let bands = EffectParameter::all().into_iter().filter(|p| equaliser.part(*p).is_some());
    assert_eq!(bands.count(), 18);
    assert!(InstrumentParameter::all().len() > 120);
    assert!(EffectParameter::all().len() > 70);
}

#[test]
fn a_parameter_of_another_kind_of_source_is_not_there() {
    let tone = InstrumentParameter::Source(SourceParameter::Kick(KickParameter::Tone));
    assert_eq!(tone.part(&Instrument::default()), None);
    assert!(!Instrument::default().parameters().contains(&tone));
}
