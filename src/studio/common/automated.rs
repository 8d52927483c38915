//! Which parameters a lane can move.
//!
//! No parameter is listed here:
//! [`settings!`](crate::studio::common::settings::settings) makes a parameter of each
//! setting whose type has a range, and `kinds!` collects those of every kind.
//! Settings without a range, such as a name, a sample or an output, cannot be
//! automated.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    studio::{
        BusId, BusSend, BusSendParameter, Chain, ChainSetting, Effect, EffectParameter, Instrument,
        InstrumentParameter, Sends, SendsSetting, SlotId, common::settings::Settings,
    },
    util::quantity::Amount,
};

use super::range::Range;

/// A group of settings, some of which a lane can move.
pub trait Automated: Settings {
    /// A setting that a lane can move.
    type Parameter: Copy + 'static;

    /// All parameters of all kinds, in menu order. Parameters of parts that can
    /// be added and removed, such as effects, are omitted.
    fn every() -> Vec<Self::Parameter>;

    /// The current value as a fraction of the range; `None` if the parameter
    /// does not exist at the moment, for example one of another kind of source.
    fn part(&self, parameter: Self::Parameter) -> Option<Amount>;

    /// The setting that puts the parameter at this fraction of its range.
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

/// The parameter of something that has none of its own, because a table defines
/// them; [`Target::Hosted`](crate::studio::Target::Hosted) moves those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NoParameter {}

/// A parameter of an effect in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChainParameter {
    /// Whether the effect is bypassed.
    Bypass(SlotId),
    /// A parameter of the effect itself.
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
    /// The parameters of the effects that are in the chain.
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
    /// The parameters of this instrument, including those of its effects and
    /// sends.
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

/// A parameter of the send to a bus. Without effect while there is no such
/// send.
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

/// Declares the parameters of a group of settings, one for each setting with a
/// range.
///
/// It consumes the rows of [`settings!`](crate::studio::common::settings::settings) one
/// by one and accumulates the match arms.
macro_rules! parameters {
    ($name:ident $setting:ident $parameter:ident { $($rows:tt)* }) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter this part) [] [] [] [] $($rows)*
        }
    };

    // All rows are consumed.
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
            /// All parameters of all kinds, in menu order. Parameters of parts
            /// that can be added and removed, such as effects, are omitted.
            #[must_use]
            pub fn all() -> Vec<Self> {
                let groups: Vec<Vec<Self>> = vec![$($all)*];
                groups.concat()
            }

            /// The current value as a fraction of the range; `None` if the
            /// parameter does not exist at the moment, for example one of
            /// another kind of source.
            #[must_use]
            pub fn part(self, of: &$name) -> Option<$crate::util::quantity::Amount> {
                $crate::studio::common::automated::Automated::part(of, self)
            }

            /// The setting that puts the parameter at this fraction of its
            /// range.
            #[must_use]
            pub fn setting(self, part: $crate::util::quantity::Amount) -> $setting {
                <$name as $crate::studio::common::automated::Automated>::setting(self, part)
            }
        }

        impl $crate::studio::common::automated::Automated for $name {
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

    // MIDI mappings move parameters; lanes must not move the mappings.
    (
        @$names:tt $variants:tt $all:tt $part:tt $set:tt
        $(#[$meta:meta])* $field:ident: $variant:ident [MidiMap] = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! { @$names $variants $all $part $set $($rows)* }
    };

    // A nested group.
    (
        @($name:ident $setting:ident $parameter:ident $this:ident $at:ident)
        [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*]
        $(#[$meta:meta])* $field:ident: $variant:ident [$group:ty] = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter $this $at)
            [
                $($variants)* $(#[$meta])*
                $variant(<$group as $crate::studio::common::automated::Automated>::Parameter),
            ]
            [
                $($all)*
                <$group as $crate::studio::common::automated::Automated>::every()
                    .into_iter().map($parameter::$variant).collect(),
            ]
            [
                $($part)*
                $parameter::$variant(inner) => {
                    $crate::studio::common::automated::Automated::part(&$this.$field, inner)
                }
            ]
            [
                $($set)*
                $parameter::$variant(inner) => $setting::$variant(
                    <$group as $crate::studio::common::automated::Automated>::setting(inner, $at),
                ),
            ]
            $($rows)*
        }
    };

    // A single setting; only one whose type has a range becomes a parameter.
    (
        @$names:tt $variants:tt $all:tt $part:tt $set:tt
        $(#[$meta:meta])* $field:ident: $variant:ident ($($type:tt)+) = $default:expr; $($rows:tt)*
    ) => {
        $crate::studio::common::automated::if_it_has_a_range! {
            ($($type)+)
            {
                $crate::studio::common::automated::parameters! {
                    @@$names $variants $all $part $set { $(#[$meta])* $field $variant } $($rows)*
                }
            }
            { $crate::studio::common::automated::parameters! { @$names $variants $all $part $set $($rows)* } }
        }
    };

    // The type has a range.
    (
        @@($name:ident $setting:ident $parameter:ident $this:ident $at:ident)
        [$($variants:tt)*] [$($all:tt)*] [$($part:tt)*] [$($set:tt)*]
        { $(#[$meta:meta])* $field:ident $variant:ident } $($rows:tt)*
    ) => {
        $crate::studio::common::automated::parameters! {
            @($name $setting $parameter $this $at)
            [$($variants)* $(#[$meta])* $variant,]
            [$($all)* vec![$parameter::$variant],]
            [
                $($part)*
                $parameter::$variant => {
                    Some($crate::studio::common::range::Range::part($this.$field))
                }
            ]
            [
                $($set)*
                $parameter::$variant => {
                    $setting::$variant($crate::studio::common::range::Range::at($at))
                }
            ]
            $($rows)*
        }
    };
}

/// Expands to the first branch if a type has a [`Range`], otherwise to the
/// second.
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

    /// Puts a parameter at several fractions of its range and checks that it
    /// reads back as that fraction or the nearest step.
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
        use crate::studio::{KickParameter, SourceParameter};

        let tone = InstrumentParameter::Source(SourceParameter::Kick(KickParameter::Tone));
        assert_eq!(tone.part(&Instrument::default()), None);
        assert!(!Instrument::default().parameters().contains(&tone));
    }

    #[test]
    fn targets_are_small() {
        assert!(size_of::<crate::studio::Target>() <= 16);
    }
}
