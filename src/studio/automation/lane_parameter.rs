//! Which parameters a lane can move.
//!
//! They are not listed here: [`settings!`](crate::studio::settings::settings)
//! makes a parameter of every setting whose type has a range, and `kinds!` of
//! those of every kind. So what can be set can be automated, but for what has
//! no range: a name, a sample, where something goes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    studio::{
        BusId, BusSend, BusSendParameter, Chain, ChainSetting, Effect, EffectParameter, Instrument,
        InstrumentParameter, Sends, SendsSetting, SlotId, settings::Settings,
    },
    util::quantity::Amount,
};

use super::range::Range;

/// A group of settings of which lanes can move some.
pub trait Automated: Settings {
    /// One of those that can be moved.
    type Parameter: Copy + 'static;

    /// All of them, of every kind that there can be, in the order in which a menu
    /// shows them; without those of things that are added and removed, as effects.
    fn every() -> Vec<Self::Parameter>;

    /// At which part of its range it is; `None` if it is not there, as a
    /// parameter of another kind of source.
    fn part(&self, parameter: Self::Parameter) -> Option<Amount>;

    /// The setting that puts it at this part of its range.
    fn setting(parameter: Self::Parameter, part: Amount) -> Self::Setting;
}

impl<T: Automated + Clone> Automated for Arc<T> {
    type Parameter = T::Parameter;

    fn every() -> Vec<T::Parameter> {
        T::every()
    }

    fn part(&self, parameter: T::Parameter) -> Option<Amount> {
        T::part(self, parameter)
    }

    fn setting(parameter: T::Parameter, part: Amount) -> T::Setting {
        T::setting(parameter, part)
    }
}

/// The parameter of a thing whose parameters are known by a table only:
/// [`Target::Hosted`](super::Target::Hosted) moves those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoParameter {}

/// A parameter of an effect in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChainParameter {
    /// Whether the sound goes past it.
    Bypass(SlotId),
    /// What can be turned on it.
    Effect(SlotId, EffectParameter),
}

impl ChainParameter {
    /// The slot of the effect.
    #[must_use]
    pub const fn slot(self) -> SlotId {
        match self {
            Self::Bypass(slot) | Self::Effect(slot, _) => slot,
        }
    }
}

impl Automated for Chain {
    type Parameter = ChainParameter;

    fn every() -> Vec<ChainParameter> {
        Vec::new()
    }

    fn part(&self, parameter: ChainParameter) -> Option<Amount> {
        let slot = self.slot(parameter.slot())?;
        match parameter {
            ChainParameter::Bypass(_) => Some(slot.bypass.part()),
            ChainParameter::Effect(_, parameter) => slot.effect.part(parameter),
        }
    }

    fn setting(parameter: ChainParameter, part: Amount) -> ChainSetting {
        match parameter {
            ChainParameter::Bypass(slot) => ChainSetting::Bypass(slot, bool::at(part)),
            ChainParameter::Effect(slot, parameter) => {
                ChainSetting::Effect(slot, Effect::setting(parameter, part))
            }
        }
    }
}

impl Chain {
    /// The parameters of the effects that are there.
    #[must_use]
    pub fn parameters(&self) -> Vec<ChainParameter> {
        let kinds = EffectParameter::all();
        let mut there = Vec::new();
        for slot in self.slots() {
            there.push(ChainParameter::Bypass(slot.id));
            let turned = kinds.iter().filter(|parameter| slot.effect.part(**parameter).is_some());
            there.extend(turned.map(|parameter| ChainParameter::Effect(slot.id, *parameter)));
        }
        there
    }
}

impl Instrument {
    /// The parameters that are there, those of its effects and sends included.
    #[must_use]
    pub fn parameters(&self) -> Vec<InstrumentParameter> {
        let own = InstrumentParameter::all();
        let mut there: Vec<_> =
            own.into_iter().filter(|parameter| parameter.part(self).is_some()).collect();
        there.extend(self.chain.parameters().into_iter().map(InstrumentParameter::Chain));
        let sends = self.sends.iter().flat_map(|(bus, _)| {
            BusSendParameter::all().into_iter().map(move |send| SendsParameter(bus, send))
        });
        there.extend(sends.map(InstrumentParameter::Sends));
        there
    }
}

/// A parameter of a send to a bus. It rests while there is no send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SendsParameter(pub BusId, pub BusSendParameter);

impl Automated for Sends {
    type Parameter = SendsParameter;

    fn every() -> Vec<SendsParameter> {
        Vec::new()
    }

    fn part(&self, SendsParameter(bus, parameter): SendsParameter) -> Option<Amount> {
        self.to(bus)?.part(parameter)
    }

    fn setting(SendsParameter(bus, parameter): SendsParameter, part: Amount) -> SendsSetting {
        SendsSetting::Set(bus, BusSend::setting(parameter, part))
    }
}

/// Declares the parameters of a group of settings: of each that has a range.
///
/// It goes through the rows of [`settings!`](crate::studio::settings::settings)
/// one by one, and collects what becomes of each.
macro_rules! parameters {
    ($name:ident $setting:ident $parameter:ident { $($rows:tt)* }) => {
        $crate::studio::automation::parameters! {
            @($name $setting $parameter this part) [] [] [] [] $($rows)*
        }
    };

    // All rows are done.
    (
        @($name:ident $setting:ident $parameter:ident $this:ident $at:ident)
        [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*]
    ) => {
        #[doc = concat!("A parameter of [`", stringify!($name), "`] that a lane can move.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        pub enum $parameter { $($variants)* }

        impl $parameter {
            /// All of them, of every kind that there can be, in the order in which
            /// a menu shows them; without those of what is added and removed, as
            /// effects.
            #[must_use]
            pub fn all() -> Vec<Self> {
                let groups: Vec<Vec<Self>> = vec![$($all)*];
                groups.concat()
            }

            /// At which part of its range it is; `None` if it is not there, as a
            /// parameter of another kind of source.
            #[must_use]
            pub fn part(self, of: &$name) -> Option<$crate::util::quantity::Amount> {
                $crate::studio::automation::Automated::part(of, self)
            }

            /// The setting that puts it at this part of its range.
            #[must_use]
            pub fn setting(self, part: $crate::util::quantity::Amount) -> $setting {
                <$name as $crate::studio::automation::Automated>::setting(self, part)
            }
        }

        impl $crate::studio::automation::Automated for $name {
            type Parameter = $parameter;

            fn every() -> Vec<$parameter> {
                $parameter::all()
            }

            fn part(&self, parameter: $parameter) -> Option<$crate::util::quantity::Amount> {
                let $this = self;
                match parameter { $($part)* }
            }

            fn setting(parameter: $parameter, $at: $crate::util::quantity::Amount) -> $setting {
                match parameter { $($set)* }
            }
        }
    };

    // What MIDI controllers move is not moved by lanes as well.
    (
        @$names:tt $variants:tt $all:tt $part:tt $set:tt
        $(#[$meta:meta])* $field:ident: $variant:ident [MidiMap] = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::automation::parameters! { @$names $variants $all $part $set $($rows)* }
    };

    // A group in the group.
    (
        @($name:ident $setting:ident $parameter:ident $this:ident $at:ident)
        [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*]
        $(#[$meta:meta])* $field:ident: $variant:ident [$group:ty] = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::automation::parameters! {
            @($name $setting $parameter $this $at)
            [
                $($variants)* $(#[$meta])*
                $variant(<$group as $crate::studio::automation::Automated>::Parameter),
            ]
            [
                $($all)*
                <$group as $crate::studio::automation::Automated>::every()
                    .into_iter().map($parameter::$variant).collect(),
            ]
            [
                $($part)*
                $parameter::$variant(inner) => {
                    $crate::studio::automation::Automated::part(&$this.$field, inner)
                }
            ]
            [
                $($set)*
                $parameter::$variant(inner) => $setting::$variant(
                    <$group as $crate::studio::automation::Automated>::setting(inner, $at),
                ),
            ]
            $($rows)*
        }
    };

    // A single setting, which may have a range.
    (
        @$names:tt $variants:tt $all:tt $part:tt $set:tt
        $(#[$meta:meta])* $field:ident: $variant:ident ($($type:tt)+) = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::automation::if_it_has_a_range! {
            ($($type)+)
            {
                $crate::studio::automation::parameters! {
                    @@$names $variants $all $part $set { $(#[$meta])* $field $variant } $($rows)*
                }
            }
            { $crate::studio::automation::parameters! { @$names $variants $all $part $set $($rows)* } }
        }
    };

    // It has one.
    (
        @@($name:ident $setting:ident $parameter:ident $this:ident $at:ident)
        [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*]
        { $(#[$meta:meta])* $field:ident $variant:ident } $($rows:tt)*
    ) => {
        $crate::studio::automation::parameters! {
            @($name $setting $parameter $this $at)
            [$($variants)* $(#[$meta])* $variant,]
            [$($all)* vec![$parameter::$variant],]
            [
                $($part)*
                $parameter::$variant => {
                    Some($crate::studio::automation::Range::part($this.$field))
                }
            ]
            [
                $($set)*
                $parameter::$variant => {
                    $setting::$variant($crate::studio::automation::Range::at($at))
                }
            ]
            $($rows)*
        }
    };
}

/// Goes on with the first if a type has a [`Range`], and else with the second.
macro_rules! if_it_has_a_range {
    ((Option<NoteValue>) { $($yes:tt)* } $no:tt) => { $($yes)* };
    ((Option<$($type:tt)+) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((Name) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((Output) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((PadSound) $yes:tt { $($no:tt)* }) => { $($no)* };
    ((TimeSignature) $yes:tt { $($no:tt)* }) => { $($no)* };
    (($type:ident) { $($yes:tt)* } $no:tt) => { $($yes)* };
}

pub(in crate::studio) use {if_it_has_a_range, parameters};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::{EffectKind, Source, SourceKind};

    /// Puts a parameter at parts of its range, and looks where it then is: there,
    /// or at the nearest step.
    fn is_set_to_where_it_then_is<S: Automated + Clone>(
        there: &S,
        parameter: S::Parameter,
    ) -> bool {
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
        use crate::studio::{KickParameter, SourceParameter};

        let tone = InstrumentParameter::Source(SourceParameter::Kick(KickParameter::Tone));
        assert_eq!(tone.part(&Instrument::default()), None);
        assert!(!Instrument::default().parameters().contains(&tone));
    }

    #[test]
    fn a_target_is_small() {
        assert!(size_of::<crate::studio::Target>() <= 16);
    }
}
