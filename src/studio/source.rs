//! What an instrument's sound begins with: one of several kinds, each with
//! parameters of its own.
//!
//! A new kind is a table of parameters and a row in `sources!`. It knows how a
//! sound is described, never how one is made.

use serde::{Deserialize, Serialize};

use super::settings::{Place, Settings, settings};
use crate::{
    model::Invalid,
    quantity::{Amount, Cents, FrequencyRatio, Hertz, ModulationIndex, Seconds},
};

/// Declares the kinds of source.
macro_rules! sources {
    ($( $(#[$doc:meta])* $kind:ident / $setting:ident, )+) => {
        /// What an instrument's sound begins with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Source {
            $( $(#[$doc])* $kind($kind), )+
        }

        /// The kinds of [`Source`], to choose one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum SourceKind {
            $( $(#[$doc])* $kind, )+
        }

        /// One setting of a [`Source`].
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum SourceSetting {
            /// Another kind, with its parameters at their defaults.
            Kind(SourceKind),
            $( $(#[$doc])* $kind($setting), )+
        }

        impl SourceKind {
            /// All of them, in the order in which a menu shows them.
            pub const ALL: &'static [Self] = &[$( Self::$kind, )+];
        }

        impl Source {
            /// A source of this kind, with its parameters at their defaults.
            #[must_use]
            pub fn of(kind: SourceKind) -> Self {
                match kind {
                    $( SourceKind::$kind => Self::$kind($kind::default()), )+
                }
            }

            /// Which kind it is.
            #[must_use]
            pub const fn kind(&self) -> SourceKind {
                match self {
                    $( Self::$kind(_) => SourceKind::$kind, )+
                }
            }

            /// Sets a parameter of the present kind.
            fn set_parameter(&mut self, setting: SourceSetting) -> Result<(), Invalid> {
                match (self, setting) {
                    $( (Self::$kind(source), SourceSetting::$kind(setting)) => {
                        source.set(setting)
                    } )+
                    _ => Err(Invalid::unfit("the source of this instrument is of another kind")),
                }
            }

            /// The parameters that differ, between two sources of one kind.
            fn diff_parameters(&self, to: &Self, emit: &mut dyn FnMut(SourceSetting)) {
                match (self, to) {
                    $( (Self::$kind(from), Self::$kind(to)) => {
                        from.diff(to, &mut |setting| emit(SourceSetting::$kind(setting)));
                    } )+
                    _ => {}
                }
            }
        }
    };
}

sources! {
    /// A periodic wave.
    Oscillator / OscillatorSetting,
    /// Two sines, one of which modulates the other.
    Fm / FmSetting,
    /// A plucked string.
    Pluck / PluckSetting,
    /// A drum whose pitch falls.
    Kick / KickSetting,
}

/// The shape of a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Wave {
    Sine,
    Triangle,
    Saw,
    Square,
    Noise,
}

settings! {
    /// A periodic wave.
    #[derive(Copy)]
    Oscillator, OscillatorSetting {
        /// The shape.
        wave: Wave(Wave) = Wave::Saw;
        /// How far it is out of tune.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The width of the pulse of a square wave, as a part of its period.
        width: Width(Amount) = Amount::of(0.5);
        /// How much of a copy an octave below is mixed in.
        sub: Sub(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// Two sines, one of which modulates the frequency of the other.
    #[derive(Copy)]
    Fm, FmSetting {
        /// The frequency of the modulator, as a multiple of the carrier's.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// How deep the modulation is.
        index: Index(ModulationIndex) = ModulationIndex::of(2.0);
        /// How much of the modulator modulates itself.
        feedback: Feedback(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A plucked string.
    #[derive(Copy)]
    Pluck, PluckSetting {
        /// How soon the string comes to rest.
        damping: Damping(Amount) = Amount::of(0.3);
        /// How hard the plectrum is.
        brightness: Brightness(Amount) = Amount::of(0.6);
        /// Where the string is plucked, as a part of its length.
        place: Place(Amount) = Amount::of(0.2);
    }
}

settings! {
    /// A drum whose pitch falls from a click to a boom.
    #[derive(Copy)]
    Kick, KickSetting {
        /// Where the pitch comes to rest.
        tone: Tone(Hertz) = Hertz::of(50.0);
        /// How long the pitch takes to fall.
        sweep: Sweep(Seconds) = Seconds::of(0.06);
        /// How long it booms.
        decay: Decay(Seconds) = Seconds::of(0.4);
        /// How loud the beater is.
        click: Click(Amount) = Amount::of(0.3);
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::of(SourceKind::Oscillator)
    }
}

impl Settings for Source {
    type Setting = SourceSetting;

    fn set(&mut self, setting: SourceSetting) -> Result<(), Invalid> {
        if let SourceSetting::Kind(kind) = setting {
            *self = Self::of(kind);
            return Ok(());
        }
        self.set_parameter(setting)
    }

    fn place(setting: &SourceSetting, place: &mut Place) {
        match setting {
            // The parameters come and go with the kind.
            SourceSetting::Kind(_) => {}
            SourceSetting::Oscillator(setting) => Oscillator::place(setting, place),
            SourceSetting::Fm(setting) => Fm::place(setting, place),
            SourceSetting::Pluck(setting) => Pluck::place(setting, place),
            SourceSetting::Kick(setting) => Kick::place(setting, place),
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(SourceSetting)) {
        if self.kind() == to.kind() {
            self.diff_parameters(to, emit);
        } else {
            emit(SourceSetting::Kind(to.kind()));
            Self::of(to.kind()).diff_parameters(to, emit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_kind_is_sent_with_only_the_parameters_that_are_not_its_defaults() {
        let fm = Fm { index: ModulationIndex::of(9.0), ..Fm::default() };
        let mut settings = Vec::new();
        Source::default().diff(&Source::Fm(fm), &mut |setting| settings.push(setting));
        assert_eq!(
            settings,
            [
                SourceSetting::Kind(SourceKind::Fm),
                SourceSetting::Fm(FmSetting::Index(ModulationIndex::of(9.0))),
            ]
        );
    }

    #[test]
    fn a_parameter_of_another_kind_is_refused() {
        let setting = SourceSetting::Kick(KickSetting::Click(Amount::MAX));
        let mut source = Source::of(SourceKind::Pluck);
        assert!(source.set(setting).is_err());
        assert_eq!(source, Source::of(SourceKind::Pluck));
    }
}
