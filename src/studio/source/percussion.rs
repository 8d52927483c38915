//! Synthesised drums, one table each.
//!
//! Parameter tables only; no synthesis belongs here.

use crate::{
    studio::common::settings::settings,
    util::quantity::{Amount, FrequencyRatio, Hertz, Octaves, Seconds, VoiceCount},
};

settings! {
    /// A bass drum: a sine with a falling pitch.
    #[derive(Copy)]
    Kick, KickSetting, KickParameter {
        /// The final pitch in Hz.
        tone: Tone(Hertz) = Hertz::of(50.0);
        /// The duration of the pitch fall in seconds.
        sweep: Sweep(Seconds) = Seconds::of(0.06);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(0.4);
        /// The level of the beater click, from 0 to 1.
        click: Click(Amount) = Amount::of(0.3);
    }
}

settings! {
    /// A snare drum.
    #[derive(Copy)]
    Snare, SnareSetting, SnareParameter {
        /// The pitch of the membrane in Hz.
        tone: Tone(Hertz) = Hertz::of(180.0);
        /// The level of the snare wires, from 0 to 1.
        wires: Wires(Amount) = Amount::of(0.6);
        /// The brightness of the snare wires, from 0 to 1.
        brightness: Brightness(Amount) = Amount::of(0.6);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(0.2);
    }
}

settings! {
    /// A hi-hat.
    #[derive(Copy)]
    HiHat, HiHatSetting, HiHatParameter {
        /// The cutoff in Hz of the high-pass filter.
        tone: Tone(Hertz) = Hertz::of(6000.0);
        /// The pitched part of the sound, from 0 to 1.
        metal: Metal(Amount) = Amount::of(0.5);
        /// The decay time in seconds of the open hi-hat.
        decay: Decay(Seconds) = Seconds::of(0.3);
        /// The pedal: 0 % is open, 100 % closed.
        closed: Closed(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// A hand clap.
    #[derive(Copy)]
    Clap, ClapSetting, ClapParameter {
        /// The number of claps.
        hands: Hands(VoiceCount) = VoiceCount::of(4);
        /// The time in seconds over which the claps are spread.
        spread: Spread(Seconds) = Seconds::of(0.03);
        /// The centre frequency in Hz.
        tone: Tone(Hertz) = Hertz::of(1200.0);
        /// The decay time of the room in seconds.
        decay: Decay(Seconds) = Seconds::of(0.2);
    }
}

settings! {
    /// A tom.
    #[derive(Copy)]
    Tom, TomSetting, TomParameter {
        /// The pitch in Hz.
        tone: Tone(Hertz) = Hertz::of(110.0);
        /// The pitch fall in octaves.
        sweep: Sweep(Octaves) = Octaves::of(0.5);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(0.5);
        /// The level of the stick noise, from 0 to 1.
        noise: Noise(Amount) = Amount::of(0.15);
    }
}

settings! {
    /// A cowbell.
    #[derive(Copy)]
    Cowbell, CowbellSetting, CowbellParameter {
        /// The lower pitch in Hz.
        tone: Tone(Hertz) = Hertz::of(540.0);
        /// The upper pitch as a multiple of the lower one.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(1.48);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(0.3);
    }
}
