//! Granular and additive sources.
//!
//! Parameter tables only; no synthesis belongs here.

use crate::{
    studio::common::{content::Content, settings::settings},
    util::quantity::{Amount, Cents, GrainRate, Harmonics, Pitch, Seconds},
};

settings! {
    /// A granular source: short grains of a sample.
    Granular, GranularSetting, GranularParameter {
        /// The sample; `None` if no file is chosen.
        sample: Sample(Option<Content>) = None;
        /// The position of the grains, as a fraction of the sample's length.
        position: Position(Amount) = Amount::of(0.0);
        /// The random deviation from `position`, as a fraction of the sample's
        /// length.
        scatter: Scatter(Amount) = Amount::of(0.1);
        /// The number of grains per second.
        rate: Rate(GrainRate) = GrainRate::of(25.0);
        /// The length of a grain in seconds.
        size: Size(Seconds) = Seconds::of(0.08);
        /// The random deviation of the pitch in cents.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The stereo width of the grains, from 0 to 1.
        spread: Spread(Amount) = Amount::of(0.5);
        /// The key that plays the sample at its original pitch.
        root: Root(Pitch) = Pitch::of(60);
    }
}

settings! {
    /// An additive source: a sum of harmonics.
    #[derive(Copy)]
    Additive, AdditiveSetting, AdditiveParameter {
        /// The number of harmonics.
        harmonics: Harmonics(Harmonics) = Harmonics::of(16);
        /// The level drop from each harmonic to the next, from 0 to 1.
        slope: Slope(Amount) = Amount::of(0.5);
        /// The balance of odd and even harmonics: 0 % is odd only, 100 % even
        /// only.
        odd_even: OddEven(Amount) = Amount::of(0.5);
        /// The deviation from whole-number multiples, from 0 to 1.
        stretch: Stretch(Amount) = Amount::of(0.0);
        /// The random deviation of each harmonic in cents.
        detune: Detune(Cents) = Cents::of(0.0);
    }
}
