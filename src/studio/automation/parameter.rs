//! Which parameters a lane can move, and how the part of a range that a lane
//! holds becomes a value of each.
//!
//! A new parameter is a row in one of the tables below: where it is, and the
//! setting that sets it. One that is not always there, as a parameter of one
//! kind of source, rests while it is not.

use serde::{Deserialize, Serialize};

use crate::{
    quantity::{
        Amount, Bpm, Cents, Decibels, FrequencyRatio, Hertz, ModulationIndex, ModulationRate,
        Octaves, Pan, Seconds,
    },
    studio::{
        Bus, BusSetting, EnvelopeSetting, FilterSetting, FmSetting, Instrument, InstrumentSetting,
        KickSetting, LayerGroup, LayerGroupSetting, LfoSetting, Master, MasterSetting,
        OscillatorSetting, PluckSetting, SessionSetting, SessionState, Source, SourceSetting,
    },
};

/// A value that a lane can move: its range, from 0 to 1.
pub(super) trait Range: Copy {
    /// The value at this part of the range.
    fn at(part: Amount) -> Self;
    /// At which part of the range the value is.
    fn part(self) -> Amount;
}

/// The amount that `part` is, which is from 0 to 1 but for rounding.
fn amount(part: f32) -> Amount {
    Amount::new(part.clamp(0.0, 1.0)).unwrap_or(Amount::MIN)
}

/// Evenly from the smallest value to the largest.
macro_rules! evenly {
    ($($quantity:ident)+) => { $(
        impl Range for $quantity {
            fn at(part: Amount) -> Self {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                Self::new((min + (max - min) * part.get()).clamp(min, max)).unwrap_or(Self::MIN)
            }

            fn part(self) -> Amount {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                amount((self.get() - min) / (max - min))
            }
        }
    )+ };
}

/// By the same factor everywhere, as the ear hears it.
macro_rules! by_factor {
    ($($quantity:ident)+) => { $(
        impl Range for $quantity {
            fn at(part: Amount) -> Self {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                Self::new((min * (max / min).powf(part.get())).clamp(min, max)).unwrap_or(Self::MIN)
            }

            fn part(self) -> Amount {
                let (min, max) = (Self::MIN.get(), Self::MAX.get());
                amount((self.get() / min).ln() / (max / min).ln())
            }
        }
    )+ };
}

evenly! { Amount Bpm Cents Decibels ModulationIndex Octaves Pan Seconds }
by_factor! { Hertz FrequencyRatio ModulationRate }

/// Off in the lower half, on in the upper.
impl Range for bool {
    fn at(part: Amount) -> Self {
        part.get() >= 0.5
    }

    fn part(self) -> Amount {
        if self { Amount::MAX } else { Amount::MIN }
    }
}

/// Declares the parameters of one kind of thing: each with where it is, and
/// with the setting that sets it.
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $name:ident of $thing:ident by $setting:ident {
            $( $(#[$doc:meta])* $parameter:ident: $where:expr, $set:expr; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum $name {
            $( $(#[$doc])* $parameter, )+
        }

        impl $name {
            /// All of them, in the order in which a menu shows them.
            pub const ALL: &'static [Self] = &[$( Self::$parameter, )+];

            /// At which part of its range it is; `None` if it is not there, as a
            /// parameter of another kind of source.
            #[must_use]
            pub fn part(self, of: &$thing) -> Option<Amount> {
                fn part<T: Range>(of: &$thing, place: fn(&$thing) -> Option<T>) -> Option<Amount> {
                    place(of).map(T::part)
                }
                match self {
                    $( Self::$parameter => part(of, $where), )+
                }
            }

            /// The setting that puts it at this part of its range.
            #[must_use]
            pub fn setting(self, part: Amount) -> $setting {
                fn setting<T: Range>(part: Amount, set: fn(T) -> $setting) -> $setting {
                    set(T::at(part))
                }
                match self {
                    $( Self::$parameter => setting(part, $set), )+
                }
            }
        }
    };
}

/// Where a parameter of one kind of source is.
macro_rules! of_source {
    ($kind:ident, $field:ident) => {
        |instrument| match &instrument.source {
            Source::$kind(source) => Some(source.$field),
            _ => None,
        }
    };
}

/// What sets a parameter of one kind of source.
macro_rules! set_source {
    ($kind:ident, $setting:path) => {
        |value| InstrumentSetting::Source(SourceSetting::$kind($setting(value)))
    };
}

parameters! {
    /// A parameter of an instrument that a lane can move.
    InstrumentParameter of Instrument by InstrumentSetting {
        /// The fader.
        Level: |i| Some(i.level), InstrumentSetting::Level;
        /// Where it is between the loudspeakers.
        Pan: |i| Some(i.pan), InstrumentSetting::Pan;
        /// Whether it is silenced.
        Mute: |i| Some(i.mute), InstrumentSetting::Mute;
        /// Where the filter begins to cut.
        FilterCutoff: |i| Some(i.filter.cutoff), |v| InstrumentSetting::Filter(FilterSetting::Cutoff(v));
        /// How much the filter stresses the cutoff.
        FilterResonance: |i| Some(i.filter.resonance), |v| InstrumentSetting::Filter(FilterSetting::Resonance(v));
        /// How far the envelope moves the cutoff.
        FilterSweep: |i| Some(i.filter.sweep), |v| InstrumentSetting::Filter(FilterSetting::Sweep(v));
        /// How far the cutoff follows the keyboard.
        FilterTracking: |i| Some(i.filter.tracking), |v| InstrumentSetting::Filter(FilterSetting::Tracking(v));
        /// How long a note takes to rise.
        Attack: |i| Some(i.amp.attack), |v| InstrumentSetting::Amp(EnvelopeSetting::Attack(v));
        /// How long it then takes to fall to the sustained level.
        Decay: |i| Some(i.amp.decay), |v| InstrumentSetting::Amp(EnvelopeSetting::Decay(v));
        /// What it stays at while the key is held.
        Sustain: |i| Some(i.amp.sustain), |v| InstrumentSetting::Amp(EnvelopeSetting::Sustain(v));
        /// How long it takes to fall silent after the key is released.
        Release: |i| Some(i.amp.release), |v| InstrumentSetting::Amp(EnvelopeSetting::Release(v));
        /// How fast the slow oscillator is.
        LfoRate: |i| Some(i.lfo.rate), |v| InstrumentSetting::Lfo(LfoSetting::Rate(v));
        /// How far the slow oscillator moves what it moves.
        LfoDepth: |i| Some(i.lfo.depth), |v| InstrumentSetting::Lfo(LfoSetting::Depth(v));
        /// How far an oscillator is out of tune.
        OscillatorDetune: of_source!(Oscillator, detune), set_source!(Oscillator, OscillatorSetting::Detune);
        /// The width of an oscillator's pulse.
        OscillatorWidth: of_source!(Oscillator, width), set_source!(Oscillator, OscillatorSetting::Width);
        /// How much of an octave below is mixed in.
        OscillatorSub: of_source!(Oscillator, sub), set_source!(Oscillator, OscillatorSetting::Sub);
        /// The frequency of the modulator.
        FmRatio: of_source!(Fm, ratio), set_source!(Fm, FmSetting::Ratio);
        /// How deep the modulation is.
        FmIndex: of_source!(Fm, index), set_source!(Fm, FmSetting::Index);
        /// How much of the modulator modulates itself.
        FmFeedback: of_source!(Fm, feedback), set_source!(Fm, FmSetting::Feedback);
        /// How soon a string comes to rest.
        PluckDamping: of_source!(Pluck, damping), set_source!(Pluck, PluckSetting::Damping);
        /// How hard the plectrum is.
        PluckBrightness: of_source!(Pluck, brightness), set_source!(Pluck, PluckSetting::Brightness);
        /// Where a string is plucked.
        PluckPlace: of_source!(Pluck, place), set_source!(Pluck, PluckSetting::Place);
        /// Where the pitch of a drum comes to rest.
        KickTone: of_source!(Kick, tone), set_source!(Kick, KickSetting::Tone);
        /// How long the pitch of a drum takes to fall.
        KickSweep: of_source!(Kick, sweep), set_source!(Kick, KickSetting::Sweep);
        /// How long a drum booms.
        KickDecay: of_source!(Kick, decay), set_source!(Kick, KickSetting::Decay);
        /// How loud the beater is.
        KickClick: of_source!(Kick, click), set_source!(Kick, KickSetting::Click);
    }
}

parameters! {
    /// A parameter of a bus that a lane can move.
    BusParameter of Bus by BusSetting {
        /// The fader.
        Level: |bus| Some(bus.level), BusSetting::Level;
        /// Where it is between the loudspeakers.
        Pan: |bus| Some(bus.pan), BusSetting::Pan;
        /// Whether it is silenced.
        Mute: |bus| Some(bus.mute), BusSetting::Mute;
    }
}

parameters! {
    /// A parameter of a layer group that a lane can move.
    LayerGroupParameter of LayerGroup by LayerGroupSetting {
        /// The fader.
        Level: |group| Some(group.level), LayerGroupSetting::Level;
        /// Whether its instruments are silenced.
        Mute: |group| Some(group.mute), LayerGroupSetting::Mute;
    }
}

parameters! {
    /// A parameter of the master that a lane can move.
    MasterParameter of Master by MasterSetting {
        /// The fader.
        Level: |master| Some(master.level), MasterSetting::Level;
        /// Where it is between the loudspeakers.
        Pan: |master| Some(master.pan), MasterSetting::Pan;
        /// Whether it is silenced.
        Mute: |master| Some(master.mute), MasterSetting::Mute;
    }
}

parameters! {
    /// A parameter of the session that a lane can move.
    SessionParameter of SessionState by SessionSetting {
        /// How fast the music goes.
        Tempo: |session| Some(session.tempo), SessionSetting::Tempo;
        /// How late every second eighth note is.
        Swing: |session| Some(session.swing), SessionSetting::Swing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::{Settings as _, SourceKind};

    fn closely(a: Option<Amount>, b: f32) -> bool {
        a.is_some_and(|a| (a.get() - b).abs() < 1e-4)
    }

    #[test]
    fn every_parameter_is_set_to_the_part_of_its_range_that_it_then_has() {
        for &parameter in InstrumentParameter::ALL {
            let of = |kind| Instrument { source: Source::of(kind), ..Instrument::default() };
            let mut instruments = SourceKind::ALL.iter().map(|kind| of(*kind));
            let mut there = instruments.find(|i| parameter.part(i).is_some()).unwrap();
            for part in [0.0, 0.3, 1.0] {
                there.set(parameter.setting(Amount::of(part))).unwrap();
                let switch = if part < 0.5 { 0.0 } else { 1.0 };
                let is = parameter.part(&there);
                assert!(closely(is, part) || closely(is, switch), "{parameter:?} {is:?}");
            }
        }
    }

    #[test]
    fn a_parameter_of_another_kind_of_source_is_not_there() {
        assert_eq!(InstrumentParameter::KickTone.part(&Instrument::default()), None);
    }
}
