//! Sources that repeat a wave.

use serde::{Deserialize, Serialize};

use crate::{
    studio::{content::Content, settings::settings},
    util::quantity::{Amount, Cents, FrequencyRatio, Octaves, VoiceCount},
};

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

/// How a noise is distributed over the spectrum.
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
    /// A periodic wave.
    #[derive(Copy)]
    Oscillator, OscillatorSetting, OscillatorParameter {
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
    /// Many saws, slightly out of tune.
    #[derive(Copy)]
    SuperSaw, SuperSawSetting, SuperSawParameter {
        /// How many.
        voices: Voices(VoiceCount) = VoiceCount::of(7);
        /// How far the outermost is out of tune.
        detune: Detune(Cents) = Cents::of(25.0);
        /// How far they are spread between the loudspeakers.
        spread: Spread(Amount) = Amount::of(0.8);
        /// How loud the others are against the one in the middle.
        mix: Mix(Amount) = Amount::of(0.6);
        /// How much of a square an octave below is mixed in.
        sub: Sub(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A wave that restarts with every period of another.
    #[derive(Copy)]
    SyncSaw, SyncSawSetting, SyncSawParameter {
        /// Its frequency, as a multiple of the one that restarts it.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(2.0);
        /// How far the envelope moves that ratio.
        sweep: Sweep(Octaves) = Octaves::of(0.0);
        /// How far it is out of tune.
        detune: Detune(Cents) = Cents::of(0.0);
        /// How much of the other is mixed in.
        level: Level(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// One wave of a table, and those between.
    Wavetable, WavetableSetting, WavetableParameter {
        /// The recording of the table; the built-in one if there is none.
        table: Table(Option<Content>) = None;
        /// Where in the table.
        position: Position(Amount) = Amount::of(0.0);
        /// How far the envelope moves that place.
        sweep: Sweep(Amount) = Amount::of(0.0);
        /// How far it is out of tune.
        detune: Detune(Cents) = Cents::of(0.0);
        /// How many of it sound.
        voices: Voices(VoiceCount) = VoiceCount::of(1);
        /// How far these are spread between the loudspeakers.
        spread: Spread(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// Noise.
    #[derive(Copy)]
    Noise, NoiseSetting, NoiseParameter {
        /// How it is distributed over the spectrum.
        colour: Colour(NoiseColour) = NoiseColour::White;
        /// How many clicks there are, if it crackles.
        density: Density(Amount) = Amount::of(0.5);
        /// How far it follows the keyboard.
        tone: Tone(Amount) = Amount::of(0.0);
    }
}
