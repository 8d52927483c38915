//! The gains of strips: levels, pans, groups, mutes and solos.
//!
//! A pan is a balance: in the centre, both sides are unchanged.

use imbolc_net::{
    studio::{Audibility, Bus, Instrument, Master, Output, StudioState},
    util::quantity::{Decibels, Pan},
};

/// The gains, left and right.
pub(super) type Gains = [f32; 2];

const SILENCE: Gains = [0.0; 2];

pub(super) fn amplitude(level: Decibels) -> f32 {
    if level == Decibels::MIN { 0.0 } else { 10_f32.powf(level.get() / 20.0) }
}

fn balanced(level: Decibels, pan: Pan) -> Gains {
    let (gain, pan) = (amplitude(level), pan.get());
    [gain * (1.0 - pan).min(1.0), gain * (1.0 + pan).min(1.0)]
}

/// The gains of the path from an instrument to its output.
pub(super) fn of_output(
    state: &StudioState,
    audibility: &Audibility<'_>,
    instrument: &Instrument,
) -> Gains {
    if !audibility.hears(instrument, instrument.output) {
        return SILENCE;
    }
    fader(state, instrument)
}

fn fader(state: &StudioState, instrument: &Instrument) -> Gains {
    let group = instrument.layer_group.and_then(|id| state.mixer.layer_group(id));
    let group = group.map_or(1.0, |group| amplitude(group.level));
    balanced(instrument.level, instrument.pan).map(|gain| gain * group)
}

/// The gains of the sends of an instrument, by bus.
pub(super) fn sends<'a>(
    state: &'a StudioState,
    audibility: &'a Audibility<'_>,
    instrument: &'a Instrument,
) -> impl Iterator<Item = (imbolc_net::studio::BusId, Gains)> + 'a {
    instrument.sends.iter().map(move |(bus, send)| {
        let tapped = if send.pre_fader {
            balanced(Decibels::of(0.0), instrument.pan)
        } else {
            fader(state, instrument)
        };
        let heard = audibility.hears(instrument, Output::Bus(bus));
        let level = if heard { amplitude(send.level) } else { 0.0 };
        (bus, tapped.map(|gain| gain * level))
    })
}

/// The gains of a bus.
pub(super) fn bus(bus: &Bus) -> Gains {
    if bus.mute { SILENCE } else { balanced(bus.level, bus.pan) }
}

/// The gains of the master.
pub(super) fn master(master: &Master) -> Gains {
    if master.mute { SILENCE } else { balanced(master.level, master.pan) }
}
