//! Sources that play recordings.

use serde::{Deserialize, Serialize};

use crate::{
    studio::{content::Content, settings::settings},
    util::quantity::{Amount, Gain, Pitch, Semitones},
};

/// What becomes of a sample at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SampleLoop {
    /// It ends.
    Once,
    /// It begins again while the key is held.
    Forward,
    /// It goes back and forth while the key is held.
    PingPong,
}

settings! {
    /// A recording, at the pitch of the key.
    Sampler, SamplerSetting, SamplerParameter {
        /// The recording.
        sample: Sample(Option<Content>) = None;
        /// The key at which it is as it was recorded.
        root: Root(Pitch) = Pitch::of(60);
        /// Where it begins, as a part of its length.
        start: Start(Amount) = Amount::of(0.0);
        /// Where it ends.
        end: End(Amount) = Amount::of(1.0);
        /// What becomes of it at its end.
        looping: Looping(SampleLoop) = SampleLoop::Once;
        /// Whether it is played backwards.
        reverse: Reverse(bool) = false;
        /// How far it is transposed.
        transpose: Transpose(Semitones) = Semitones::of(0);
        /// How much louder it is made.
        gain: Gain(Gain) = Gain::of(0.0);
    }
}

settings! {
    /// The pads of a drum kit; what they sound like is said in its drum machine.
    #[derive(Copy)]
    DrumKit, DrumKitSetting, DrumKitParameter {
        /// How far all pads are transposed.
        tune: Tune(Semitones) = Semitones::of(0);
        /// How far the velocity goes into the loudness.
        sensitivity: Sensitivity(Amount) = Amount::of(0.8);
        /// How much of its decay each pad keeps.
        decay: Decay(Amount) = Amount::of(1.0);
    }
}
