//! Sources that behave like things that are struck, plucked, bowed or blown.

use crate::{
    studio::settings::settings,
    util::quantity::{Amount, Seconds},
};

settings! {
    /// A plucked string.
    #[derive(Copy)]
    Pluck, PluckSetting, PluckParameter {
        /// How soon the string comes to rest.
        damping: Damping(Amount) = Amount::of(0.3);
        /// How hard the plectrum is.
        brightness: Brightness(Amount) = Amount::of(0.6);
        /// Where the string is plucked, as a part of its length.
        place: Place(Amount) = Amount::of(0.2);
    }
}

settings! {
    /// A bowed string.
    #[derive(Copy)]
    Bow, BowSetting, BowParameter {
        /// How hard the bow is pressed.
        pressure: Pressure(Amount) = Amount::of(0.5);
        /// How fast it is drawn.
        speed: Speed(Amount) = Amount::of(0.5);
        /// Where it touches the string, as a part of its length.
        place: Place(Amount) = Amount::of(0.13);
        /// How far the pitch swings.
        vibrato: Vibrato(Amount) = Amount::of(0.1);
        /// How soon the string comes to rest.
        damping: Damping(Amount) = Amount::of(0.2);
    }
}

settings! {
    /// A pipe that is blown.
    #[derive(Copy)]
    Pipe, PipeSetting, PipeParameter {
        /// How hard it is blown.
        breath: Breath(Amount) = Amount::of(0.6);
        /// How much of the breath is heard.
        noise: Noise(Amount) = Amount::of(0.2);
        /// How far the lips are from the edge.
        jet: Jet(Amount) = Amount::of(0.4);
        /// How far the pitch swings.
        vibrato: Vibrato(Amount) = Amount::of(0.1);
        /// Whether its end is closed.
        stopped: Stopped(bool) = false;
    }
}

settings! {
    /// A bar that is struck.
    #[derive(Copy)]
    Mallet, MalletSetting, MalletParameter {
        /// How hard the mallet is.
        hardness: Hardness(Amount) = Amount::of(0.5);
        /// Where it strikes, as a part of the length.
        place: Place(Amount) = Amount::of(0.3);
        /// How long the bar rings.
        decay: Decay(Seconds) = Seconds::of(1.5);
        /// How far its overtones are from a string's.
        inharmonicity: Inharmonicity(Amount) = Amount::of(0.5);
        /// How far the resonator beats.
        tremolo: Tremolo(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A stretched skin.
    #[derive(Copy)]
    Membrane, MembraneSetting, MembraneParameter {
        /// How tight it is.
        tension: Tension(Amount) = Amount::of(0.5);
        /// How hard the stick is.
        hardness: Hardness(Amount) = Amount::of(0.4);
        /// Where it strikes, from the middle to the rim.
        place: Place(Amount) = Amount::of(0.3);
        /// How long it rings.
        decay: Decay(Seconds) = Seconds::of(0.6);
    }
}
