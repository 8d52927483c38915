//! Effects that put the sound into a space.

use crate::{
    studio::{content::Content, rhythm::NoteValue, settings::settings},
    util::quantity::{Amount, Gain, Hertz, Seconds},
};

settings! {
    /// Echoes.
    #[derive(Copy)]
    Delay, DelaySetting, DelayParameter {
        /// How long after the sound the first one comes.
        time: Time(Seconds) = Seconds::of(0.375);
        /// How long after it instead, if it follows the tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// How much of an echo is echoed.
        feedback: Feedback(Amount) = Amount::of(0.35);
        /// What is cut off above, with every echo.
        damping: Damping(Hertz) = Hertz::of(6000.0);
        /// Whether the echoes go from side to side.
        ping_pong: PingPong(bool) = false;
        /// How much of the echoes is heard.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}

settings! {
    /// A room.
    #[derive(Copy)]
    Reverb, ReverbSetting, ReverbParameter {
        /// How large it is.
        size: Size(Amount) = Amount::of(0.5);
        /// How long it takes to fall silent.
        decay: Decay(Seconds) = Seconds::of(2.0);
        /// How long after the sound its answer begins.
        pre_delay: PreDelay(Seconds) = Seconds::of(0.02);
        /// How soon the treble falls silent.
        damping: Damping(Amount) = Amount::of(0.4);
        /// How wide it is.
        width: Width(Amount) = Amount::of(1.0);
        /// How much of the room is heard.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}

settings! {
    /// A room as it was recorded.
    Convolution, ConvolutionSetting, ConvolutionParameter {
        /// The recording of its answer to a click.
        impulse: Impulse(Option<Content>) = None;
        /// How long after the sound its answer begins.
        pre_delay: PreDelay(Seconds) = Seconds::of(0.0);
        /// How much of the recording is used.
        length: Length(Amount) = Amount::of(1.0);
        /// How much louder the answer is made.
        gain: Gain(Gain) = Gain::of(0.0);
        /// How much of the room is heard.
        mix: Mix(Amount) = Amount::of(0.25);
    }
}
