//! Sources that come from elsewhere.

use crate::{
    studio::{mixer::BusId, settings::settings},
    util::quantity::{Decibels, Gain, InputChannel},
};

settings! {
    /// An input of the sound card.
    #[derive(Copy)]
    AudioInput, AudioInputSetting, AudioInputParameter {
        /// The input, or the left one of two.
        channel: Channel(InputChannel) = InputChannel::of(1);
        /// How much louder it is made.
        gain: Gain(Gain) = Gain::of(0.0);
        /// Under which level it is silent.
        gate: Gate(Decibels) = Decibels::MIN;
        /// Whether it is heard without a key being held.
        monitor: Monitor(bool) = true;
    }
}

settings! {
    /// What a bus carries.
    #[derive(Copy)]
    BusInput, BusInputSetting, BusInputParameter {
        /// Which one.
        bus: Bus(Option<BusId>) = None;
        /// How much louder it is made.
        gain: Gain(Gain) = Gain::of(0.0);
        /// Whether it is heard only while a key is held.
        keyed: Keyed(bool) = false;
    }
}
