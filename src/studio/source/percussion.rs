//! Sources that make one drum each, out of nothing but waves and noise.

use crate::{
    studio::settings::settings,
    util::quantity::{Amount, FrequencyRatio, Hertz, Octaves, Seconds, VoiceCount},
};

settings! {
    /// A drum whose pitch falls from a click to a boom.
    #[derive(Copy)]
    Kick, KickSetting, KickParameter {
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

settings! {
    /// A drum with wires under its skin.
    #[derive(Copy)]
    Snare, SnareSetting, SnareParameter {
        /// The pitch of the skin.
        tone: Tone(Hertz) = Hertz::of(180.0);
        /// How loud the wires are.
        wires: Wires(Amount) = Amount::of(0.6);
        /// How bright they are.
        brightness: Brightness(Amount) = Amount::of(0.6);
        /// How long it sounds.
        decay: Decay(Seconds) = Seconds::of(0.2);
    }
}

settings! {
    /// Two cymbals on a stand.
    #[derive(Copy)]
    HiHat, HiHatSetting, HiHatParameter {
        /// Where its spectrum begins.
        tone: Tone(Hertz) = Hertz::of(6000.0);
        /// How much of it is pitched.
        metal: Metal(Amount) = Amount::of(0.5);
        /// How long it sounds if it is open.
        decay: Decay(Seconds) = Seconds::of(0.3);
        /// How far it is closed.
        closed: Closed(Amount) = Amount::of(1.0);
    }
}

settings! {
    /// Hands.
    #[derive(Copy)]
    Clap, ClapSetting, ClapParameter {
        /// How many.
        hands: Hands(VoiceCount) = VoiceCount::of(4);
        /// How far they are apart in time.
        spread: Spread(Seconds) = Seconds::of(0.03);
        /// The middle of their spectrum.
        tone: Tone(Hertz) = Hertz::of(1200.0);
        /// How long the room answers.
        decay: Decay(Seconds) = Seconds::of(0.2);
    }
}

settings! {
    /// A drum that can be tuned.
    #[derive(Copy)]
    Tom, TomSetting, TomParameter {
        /// Its pitch.
        tone: Tone(Hertz) = Hertz::of(110.0);
        /// How far the pitch falls.
        sweep: Sweep(Octaves) = Octaves::of(0.5);
        /// How long it sounds.
        decay: Decay(Seconds) = Seconds::of(0.5);
        /// How much of the stick is heard.
        noise: Noise(Amount) = Amount::of(0.15);
    }
}

settings! {
    /// A cowbell.
    #[derive(Copy)]
    Cowbell, CowbellSetting, CowbellParameter {
        /// Its lower pitch.
        tone: Tone(Hertz) = Hertz::of(540.0);
        /// The upper one, as a multiple of it.
        ratio: Ratio(FrequencyRatio) = FrequencyRatio::of(1.48);
        /// How long it sounds.
        decay: Decay(Seconds) = Seconds::of(0.3);
    }
}
