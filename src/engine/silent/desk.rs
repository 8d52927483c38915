//! What the meters of a desk would show, from the state and the notes that sound.
//!
//! An estimate by velocities, faders, pans, mutes and solos: it knows nothing
//! of sources, filters and envelopes, and nothing of time.

use super::{schedule::Key, sounding::Sounding};
use crate::{
    model::InstrumentId,
    quantity::{Decibels, PadNumber, Pan, Velocity},
    studio::{BusId, Instrument, LayerGroup, Output, StudioState},
};

/// What the meters show.
pub(super) struct Levels {
    /// The left and the right channel of the master.
    pub(super) peaks: [Decibels; 2],
    /// Whether anybody holds a key, audible or not.
    pub(super) keys_held: bool,
}

/// The levels of the held keys, and of the scheduled notes that sound.
pub(super) fn levels(state: &StudioState, sounding: &Sounding) -> Levels {
    Levels {
        peaks: Desk::of(state).sum(sounding).map(decibels),
        keys_held: state.instruments.iter().any(|(_, played)| !played.sounding.is_empty()),
    }
}

/// The state as a mixing desk sees it.
struct Desk<'a> {
    state: &'a StudioState,
    /// Whether an instrument or a layer group is soloed.
    solo: bool,
    bus_solo: bool,
}

impl<'a> Desk<'a> {
    fn of(state: &'a StudioState) -> Self {
        Self {
            state,
            solo: state.instruments.iter().any(|(_, instrument)| instrument.solo)
                || state.mixer.layer_groups().any(|(_, group)| group.solo),
            bus_solo: state.mixer.buses().any(|(_, bus)| bus.solo),
        }
    }

    /// What all instruments together make of the left and of the right.
    fn sum(&self, sounding: &Sounding) -> [f32; 2] {
        let mut sum = [0.0; 2];
        for (id, instrument) in self.state.instruments.iter() {
            let loudness = self.loudness(id, instrument, sounding);
            if loudness > 0.0 {
                sum = add(sum, self.gains(instrument).map(|gain| gain * loudness));
            }
        }
        let master = &self.state.mixer.master;
        if master.mute { [0.0; 2] } else { times(sum, strip(master.level, master.pan)) }
    }

    /// How loud the notes of an instrument are together, before its fader.
    fn loudness(&self, id: InstrumentId, instrument: &Instrument, sounding: &Sounding) -> f32 {
        let group = self.group(instrument);
        let (mute, solo) = group.map_or((false, false), |group| (group.mute, group.solo));
        if instrument.mute || mute || self.solo && !instrument.solo && !solo {
            return 0.0;
        }
        let keys = instrument.sounding.iter().map(|(_, velocity)| amplitude(velocity));
        let scheduled = sounding.of(id).map(|(key, velocity)| match key {
            Key::Note(_) => amplitude(velocity),
            Key::Pad(pad) => amplitude(velocity) * self.pad_gain(id, pad),
        });
        keys.chain(scheduled).sum()
    }

    fn pad_gain(&self, kit: InstrumentId, pad: PadNumber) -> f32 {
        self.state.drums.machine(kit).map_or(0.0, |machine| gain_of(machine.pad(pad).level))
    }

    /// From the notes of an instrument to the master, by output and sends.
    fn gains(&self, instrument: &Instrument) -> [f32; 2] {
        let group = self.group(instrument).map_or(1.0, |group| gain_of(group.level));
        let post = strip(instrument.level, instrument.pan).map(|gain| gain * group);
        let mut gains = match instrument.output {
            Output::Master => post,
            Output::Bus(bus) => times(post, self.bus_gains(bus)),
        };
        for (bus, send) in instrument.sends.iter() {
            let tap = if send.pre_fader { strip(Decibels::of(0.0), instrument.pan) } else { post };
            let sent = tap.map(|gain| gain * gain_of(send.level));
            gains = add(gains, times(sent, self.bus_gains(bus)));
        }
        gains
    }

    fn group(&self, instrument: &Instrument) -> Option<&LayerGroup> {
        self.state.mixer.layer_group(instrument.layer_group?)
    }

    fn bus_gains(&self, id: BusId) -> [f32; 2] {
        match self.state.mixer.bus(id) {
            Some(bus) if !bus.mute && (bus.solo || !self.bus_solo) => strip(bus.level, bus.pan),
            _ => [0.0; 2],
        }
    }
}

fn add(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn times(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0], a[1] * b[1]]
}

fn amplitude(velocity: Velocity) -> f32 {
    f32::from(velocity.get()) / f32::from(Velocity::MAX.get())
}

/// What a strip does to the left and to the right. A balance: in the centre
/// both pass as they are.
fn strip(level: Decibels, pan: Pan) -> [f32; 2] {
    let (gain, pan) = (gain_of(level), pan.get());
    [gain * (1.0 - pan).min(1.0), gain * (1.0 + pan).min(1.0)]
}

fn gain_of(level: Decibels) -> f32 {
    if level == Decibels::MIN { 0.0 } else { 10f32.powf(level.get() / 20.0) }
}

fn decibels(amplitude: f32) -> Decibels {
    let (min, max) = (Decibels::MIN, Decibels::MAX);
    // The logarithm of silence is below every minimum.
    Decibels::new((20.0 * amplitude.log10()).clamp(min.get(), max.get())).unwrap_or(min)
}
