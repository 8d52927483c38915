//! Oscillators, wavetables and noise.
//!
//! Parameter tables only; no synthesis belongs here.

use crate::{
    studio::common::{content::Content, range::choices, settings::settings},
    util::quantity::{Amount, Cents, FrequencyRatio, Octaves, VoiceCount},
};
use serde::{Deserialize, Serialize};

/// The shape of a waveform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Wave {
    Sine,
    Triangle,
    Saw,
    Square,
    Noise,
}

/// The spectrum of a noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum NoiseColour {
    White,
    Pink,
    Brown,
    Blue,
    Crackle,
}

settings! {
    /// A single oscillator.
    #[derive(Copy)]
    Oscillator, OscillatorSetting, OscillatorParameter {
        /// The waveform.
        wave: Wave(Wave) = Wave::Saw;
        /// The detuning in cents.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The pulse width of a square wave, as a fraction of its period.
        width: Width(Amount) = Amount::of(0.5);
        /// The level of a sub-oscillator one octave below, from 0 to 1.
        sub: Sub(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// Several detuned saws.
    #[derive(Copy)]
    SuperSaw, SuperSawSetting, SuperSawParameter {
        /// The number of saws.
        voices: Voices(VoiceCount) = VoiceCount::of(7);
        /// The detuning of the outermost saw in cents.
        detune: Detune(Cents) = Cents::of(25.0);
        /// The stereo width of the saws, from 0 to 1.
        spread: Spread(Amount) = Amount::of(0.8);
        /// The level of the side saws relative to the centre one, from 0 to 1.
        mix: Mix(Amount) = Amount::of(0.6);
        /// The level of a square sub-oscillator one octave below, from 0 to 1.
        sub: Sub(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A saw that is hard-synced to a master oscillator.
    #[derive(Copy)]
    SyncSaw, SyncSawSetting, SyncSawParameter {
        /// The frequency as a multiple of the master's.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// The modulation of `ratio` by the envelope, in octaves.
        sweep: Sweep(Octaves) = Octaves::of(0.0);
        /// The detuning in cents.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The level of the master in the output, from 0 to 1.
        level: Level(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A wavetable oscillator; neighbouring waves are interpolated.
    Wavetable, WavetableSetting, WavetableParameter {
        /// The file with the table; `None` is the built-in one.
        table: Table(Option<Content>) = None;
        /// The position in the table, from 0 to 1.
        position: Position(Amount) = Amount::of(0.0);
        /// The modulation of `position` by the envelope, from 0 to 1.
        sweep: Sweep(Amount) = Amount::of(0.0);
        /// The detuning in cents.
        detune: Detune(Cents) = Cents::of(0.0);
        /// The number of unison voices.
        voices: Voices(VoiceCount) = VoiceCount::of(1);
        /// The stereo width of the unison voices, from 0 to 1.
        spread: Spread(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// A noise generator.
    #[derive(Copy)]
    Noise, NoiseSetting, NoiseParameter {
        /// The spectrum.
        colour: Colour(NoiseColour) = NoiseColour::White;
        /// The density of the clicks of crackling noise, from 0 to 1.
        density: Density(Amount) = Amount::of(0.5);
        /// The keyboard tracking, from 0 to 1.
        tone: Tone(Amount) = Amount::of(0.0);
    }
}

choices! {
    NoiseColour: White Pink Brown Blue Crackle;
    Wave: Sine Triangle Saw Square Noise;
}
