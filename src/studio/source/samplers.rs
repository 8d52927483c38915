//! Sources that play samples.
//!
//! Parameter tables only; files and their content do not belong here.

use crate::{
    studio::common::{content::Content, range::choices, settings::settings},
    util::quantity::{Amount, Gain, Pitch, Semitones},
};
use serde::{Deserialize, Serialize};

/// The behaviour of a sampler at the end of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleLoop {
    /// It stops.
    Once,
    /// It restarts while the key is held.
    Forward,
    /// It alternates forwards and backwards while the key is held.
    PingPong,
}

settings! {
    /// A sample at the pitch of the key.
    Sampler, SamplerSetting, SamplerParameter {
        /// The sample; `None` if no file is chosen.
        sample: Sample(Option<Content>) = None;
        /// The key that plays the sample at its original pitch.
        root: Root(Pitch) = Pitch::of(60);
        /// The start of playback, as a fraction of the sample's length.
        start: Start(Amount) = Amount::of(0.0);
        /// The end of playback, as a fraction of the sample's length.
        end: End(Amount) = Amount::of(1.0);
        /// The behaviour at the end.
        looping: Looping(SampleLoop) = SampleLoop::Once;
        /// Whether the sample is played backwards.
        reverse: Reverse(bool) = false;
        /// The transposition in semitones.
        transpose: Transpose(Semitones) = Semitones::of(0);
        /// The gain in dB.
        gain: Gain(Gain) = Gain::of(0.0);
    }
}

settings! {
    /// The settings that all pads of a drum kit share. Its [drum
    /// machine](crate::studio::DrumMachine) holds the pads.
    #[derive(Copy)]
    DrumKit, DrumKitSetting, DrumKitParameter {
        /// The transposition of all pads in semitones.
        tune: Tune(Semitones) = Semitones::of(0);
        /// The effect of the velocity on the level, from 0 to 1.
        sensitivity: Sensitivity(Amount) = Amount::of(0.8);
        /// The part of its decay that each pad keeps, from 0 to 1.
        decay: Decay(Amount) = Amount::of(1.0);
    }
}

choices! {
    SampleLoop: Once Forward PingPong;
}
