//! Physical models: strings, pipes, bars and membranes.
//!
//! Parameter tables only; no synthesis belongs here.

use crate::{
    studio::common::settings::settings,
    util::quantity::{Amount, Seconds},
};

settings! {
    /// A plucked string.
    #[derive(Copy)]
    Pluck, PluckSetting, PluckParameter {
        /// The damping of the string, from 0 to 1.
        damping: Damping(Amount) = Amount::of(0.3);
        /// The hardness of the plectrum, from 0 to 1.
        brightness: Brightness(Amount) = Amount::of(0.6);
        /// The plucking point, as a fraction of the string's length.
        place: Place(Amount) = Amount::of(0.2);
    }
}

settings! {
    /// A bowed string.
    #[derive(Copy)]
    Bow, BowSetting, BowParameter {
        /// The bow pressure, from 0 to 1.
        pressure: Pressure(Amount) = Amount::of(0.5);
        /// The bow speed, from 0 to 1.
        speed: Speed(Amount) = Amount::of(0.5);
        /// The bowing point, as a fraction of the string's length.
        place: Place(Amount) = Amount::of(0.13);
        /// The depth of the vibrato, from 0 to 1.
        vibrato: Vibrato(Amount) = Amount::of(0.1);
        /// The damping of the string, from 0 to 1.
        damping: Damping(Amount) = Amount::of(0.2);
    }
}

settings! {
    /// A blown pipe.
    #[derive(Copy)]
    Pipe, PipeSetting, PipeParameter {
        /// The breath pressure, from 0 to 1.
        breath: Breath(Amount) = Amount::of(0.6);
        /// The level of the breath noise, from 0 to 1.
        noise: Noise(Amount) = Amount::of(0.2);
        /// The distance from the lips to the edge, from 0 to 1.
        jet: Jet(Amount) = Amount::of(0.4);
        /// The depth of the vibrato, from 0 to 1.
        vibrato: Vibrato(Amount) = Amount::of(0.1);
        /// Whether the end of the pipe is closed.
        stopped: Stopped(bool) = false;
    }
}

settings! {
    /// A struck bar, such as that of a marimba.
    #[derive(Copy)]
    Mallet, MalletSetting, MalletParameter {
        /// The hardness of the mallet, from 0 to 1.
        hardness: Hardness(Amount) = Amount::of(0.5);
        /// The striking point, as a fraction of the bar's length.
        place: Place(Amount) = Amount::of(0.3);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(1.5);
        /// The deviation of the overtones from a harmonic series, from 0 to 1.
        inharmonicity: Inharmonicity(Amount) = Amount::of(0.5);
        /// The depth of the resonator's tremolo, from 0 to 1.
        tremolo: Tremolo(Amount) = Amount::of(0.0);
    }
}

settings! {
    /// A struck membrane.
    #[derive(Copy)]
    Membrane, MembraneSetting, MembraneParameter {
        /// The tension, from 0 to 1.
        tension: Tension(Amount) = Amount::of(0.5);
        /// The hardness of the stick, from 0 to 1.
        hardness: Hardness(Amount) = Amount::of(0.4);
        /// The striking point: 0 % is the centre, 100 % the rim.
        place: Place(Amount) = Amount::of(0.3);
        /// The decay time in seconds.
        decay: Decay(Seconds) = Seconds::of(0.6);
    }
}
