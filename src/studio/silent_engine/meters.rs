//! Meter levels, estimated from the state and the sounding notes.
//!
//! It considers velocities, faders, pans, mutes and solos; it knows nothing of
//! sources, filters, envelopes or time.

use std::iter;

use super::{
    sounds::Sounds,
    strike::{Struckable, VoiceKey},
};
use crate::{
    model::InstrumentId,
    studio::{
        Audibility, BusParameter, ClickParameter, Instrument, InstrumentParameter, LayerGroup,
        MasterParameter, Output, PadParameter, SessionParameter, StudioState, Target,
    },
    util::quantity::{Decibels, PadNumber, Pan, Velocity},
};

/// The levels of what sounds, left and right, and of the click.
pub(super) fn peaks(state: &StudioState, sounds: &Sounds, clicks: bool) -> [Decibels; 2] {
    StripGains::of(state).sum(sounds, clicks).map(decibels)
}

/// Whether the meters depend on this parameter.
pub(super) const fn reads(target: Target) -> bool {
    use InstrumentParameter::{Level, Mute, Pan, Sends, Solo};

    match target {
        Target::Instrument(_, parameter) => {
            matches!(parameter, Level | Pan | Mute | Solo | Sends(_))
        }
        Target::Pad(_, _, parameter) => matches!(parameter, PadParameter::Level),
        Target::Bus(_, parameter) => !matches!(parameter, BusParameter::Chain(_)),
        Target::Master(parameter) => !matches!(parameter, MasterParameter::Chain(_)),
        Target::LayerGroup(..) => true,
        Target::Session(parameter) => {
            matches!(parameter, SessionParameter::Click(ClickParameter::Level))
        }
        Target::Drums(..) | Target::Hosted(..) => false,
    }
}

/// The gains of all strips in one state.
struct StripGains<'a> {
    state: &'a StudioState,
    audibility: Audibility<'a>,
}

impl<'a> StripGains<'a> {
    fn of(state: &'a StudioState) -> Self {
        Self { state, audibility: Audibility::of(state) }
    }

    /// The sum of all instruments, left and right. The click goes directly to the
    /// master, so no solo silences it.
    fn sum(&self, sounds: &Sounds, clicks: bool) -> [f32; 2] {
        let mut sum = [if clicks { gain_of(self.state.session.click.level) } else { 0.0 }; 2];
        // Both are in the order of the instruments, so neither is searched.
        let mut voices = sounds.sounding.iter().peekable();
        for (id, instrument) in self.state.instruments.iter() {
            while voices.next_if(|((of, _), _)| *of < id).is_some() {}
            let own = iter::from_fn(|| voices.next_if(|((of, _), _)| *of == id));
            let loudness = self.loudness(own, sounds.keyboard.sounding(id));
            if loudness > 0.0 {
                sum = sum_of(sum, self.gains(instrument).map(|gain| gain * loudness));
            }
        }
        let master = &self.state.mixer.master;
        if master.mute { [0.0; 2] } else { times(sum, strip(master.level, master.pan)) }
    }

    /// The total amplitude of an instrument's notes, before its fader.
    fn loudness(
        &self,
        scheduled: impl Iterator<Item = (VoiceKey, Velocity)>,
        keys: impl Iterator<Item = Velocity>,
    ) -> f32 {
        let scheduled = scheduled.map(|((id, key), velocity)| match key {
            Struckable::Note(_) => amplitude(velocity),
            Struckable::Pad(pad) => amplitude(velocity) * self.pad_gain(id, pad),
        });
        scheduled.chain(keys.map(amplitude)).sum()
    }

    fn pad_gain(&self, kit: InstrumentId, pad: PadNumber) -> f32 {
        self.state.drums.machine(kit).map_or(0.0, |machine| gain_of(machine.pad(pad).level))
    }

    /// The gains from an instrument's notes to the master, by output and sends.
    fn gains(&self, instrument: &Instrument) -> [f32; 2] {
        let group = self.group(instrument).map_or(1.0, |group| gain_of(group.level));
        let post = strip(instrument.level, instrument.pan).map(|gain| gain * group);
        let mut gains = times(post, self.path_gains(instrument, instrument.output));
        for (bus, send) in instrument.sends.iter() {
            let tap = if send.pre_fader { strip(Decibels::of(0.0), instrument.pan) } else { post };
            let sent = tap.map(|gain| gain * gain_of(send.level));
            let path = self.path_gains(instrument, Output::Bus(bus));
            gains = sum_of(gains, times(sent, path));
        }
        gains
    }

    fn group(&self, instrument: &Instrument) -> Option<&LayerGroup> {
        self.state.mixer.layer_group(instrument.layer_group?)
    }

    /// The gains of the bus on a path of an instrument; 0 if the path is not heard.
    fn path_gains(&self, instrument: &Instrument, to: Output) -> [f32; 2] {
        if !self.audibility.hears(instrument, to) {
            return [0.0; 2];
        }
        match to {
            Output::Master => [1.0; 2],
            Output::Bus(id) => {
                self.state.mixer.bus(id).map_or([0.0; 2], |bus| strip(bus.level, bus.pan))
            }
        }
    }
}

fn sum_of(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] + b[0], a[1] + b[1]]
}

fn times(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    [a[0] * b[0], a[1] * b[1]]
}

fn amplitude(velocity: Velocity) -> f32 {
    f32::from(velocity.get()) / f32::from(Velocity::MAX.get())
}

/// The gains of a strip, left and right. The pan is a balance: in the centre, both
/// are unchanged.
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
