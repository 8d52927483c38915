//! Live inputs: the sound card and the buses.
//!
//! Parameter tables only; no audio routing belongs here.

use crate::{
    studio::common::{ids::BusId, settings::settings},
    util::quantity::{Decibels, Gain, InputChannel},
};

settings! {
    /// An input of the host's sound card.
    #[derive(Copy)]
    AudioInput, AudioInputSetting, AudioInputParameter {
        /// The input channel, from 1; the left one of a stereo pair.
        channel: Channel(InputChannel) = InputChannel::of(1);
        /// The gain in dB.
        gain: Gain(Gain) = Gain::of(0.0);
        /// The level in dB below which the input is muted.
        gate: Gate(Decibels) = Decibels::MIN;
        /// Whether the input is heard without a held key.
        monitor: Monitor(bool) = true;
    }
}

settings! {
    /// The signal of a bus.
    #[derive(Copy)]
    BusInput, BusInputSetting, BusInputParameter {
        /// The bus; `None` if no bus is chosen.
        bus: Bus(Option<BusId>) = None;
        /// The gain in dB.
        gain: Gain(Gain) = Gain::of(0.0);
        /// Whether the bus is heard only while a key is held.
        keyed: Keyed(bool) = false;
    }
}
