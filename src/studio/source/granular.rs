//! Sources that are summed up of very many very short or very simple sounds.

use crate::{
    studio::{content::Content, settings::settings},
    util::quantity::{Amount, Cents, GrainRate, Harmonics, Pitch, Seconds},
};

settings! {
    /// Grains of a recording.
    Granular, GranularSetting, GranularParameter {
        /// The recording.
        sample: Sample(Option<Content>) = None;
        /// Where in it the grains are from, as a part of its length.
        position: Position(Amount) = Amount::of(0.0);
        /// How far around that place.
        scatter: Scatter(Amount) = Amount::of(0.1);
        /// How many there are.
        rate: Rate(GrainRate) = GrainRate::of(25.0);
        /// How long each is.
        size: Size(Seconds) = Seconds::of(0.08);
        /// How far they differ in pitch.
        detune: Detune(Cents) = Cents::of(0.0);
        /// How far they are spread between the loudspeakers.
        spread: Spread(Amount) = Amount::of(0.5);
        /// The key at which they are as they were recorded.
        root: Root(Pitch) = Pitch::of(60);
    }
}

settings! {
    /// A sum of harmonics.
    #[derive(Copy)]
    Additive, AdditiveSetting, AdditiveParameter {
        /// How many.
        harmonics: Harmonics(Harmonics) = Harmonics::of(16);
        /// How fast they get softer.
        slope: Slope(Amount) = Amount::of(0.5);
        /// From odd ones only to even ones only.
        odd_even: OddEven(Amount) = Amount::of(0.5);
        /// How far they are from whole multiples.
        stretch: Stretch(Amount) = Amount::of(0.0);
        /// How far each wanders.
        detune: Detune(Cents) = Cents::of(0.0);
    }
}
