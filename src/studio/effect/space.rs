//! Time-based effects: delay, reverb and convolution.
//!
//! Parameter tables only; no signal processing belongs here.

use crate::{
    studio::common::{content::Content, rhythm::NoteValue, settings::settings},
    util::quantity::{Amount, Gain, Hertz, Seconds},
};

settings! {
    /// A delay line with feedback.
    #[derive(Copy)]
    Delay, DelaySetting, DelayParameter {
        /// The delay in seconds.
        time: Time(Seconds) = Seconds::of(0.375);
        /// The delay as a note value; replaces `time`. `None` ignores the
        /// tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// The part of each echo that is fed back, from 0 to 1.
        feedback: Feedback(Amount) = Amount::of(0.35);
        /// The cutoff in Hz of the low-pass filter in the feedback path.
        damping: Damping(Hertz) = Hertz::of(6000.0);
        /// Whether the echoes alternate between left and right.
        ping_pong: PingPong(bool) = false;
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}

settings! {
    /// An algorithmic reverb.
    #[derive(Copy)]
    Reverb, ReverbSetting, ReverbParameter {
        /// The size of the simulated room, from 0 to 1.
        size: Size(Amount) = Amount::of(0.5);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(2.0);
        /// The time in seconds before the reverb starts.
        pre_delay: PreDelay(Seconds) = Seconds::of(0.02);
        /// The damping of high frequencies, from 0 to 1.
        damping: Damping(Amount) = Amount::of(0.4);
        /// The stereo width, from 0 to 1.
        width: Width(Amount) = Amount::of(1.0);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}

settings! {
    /// A reverb from a recorded impulse response.
    Convolution, ConvolutionSetting, ConvolutionParameter {
        /// The impulse response; `None` if no file is chosen.
        impulse: Impulse(Option<Content>) = None;
        /// The time in seconds before the reverb starts.
        pre_delay: PreDelay(Seconds) = Seconds::of(0.0);
        /// The part of the impulse response that is used, from 0 to 1.
        length: Length(Amount) = Amount::of(1.0);
        /// The gain of the wet signal in dB.
        gain: Gain(Gain) = Gain::of(0.0);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}
