//! The parameters that a participant can turn, type and automate: how each is called, in
//! which group it stands, and what a turn of it does.
//!
//! It knows neither keys nor the screen. Values have their units from the model.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        BusId, BusParameter, ChainParameter, Device, DrumParameter, Hosted, InstrumentParameter,
        LayerGroupParameter, MasterParameter, NetworkAction, PadParameter, Parameter, ParameterId,
        SendsParameter, SessionParameter, SlotId, StudioState, Target,
    },
    util::{
        quantity::{Amount, PadNumber},
        unit::Unit,
    },
};

use crate::{describe, intent::Intent};

/// A parameter with its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// What it moves.
    pub target: Target,
    /// The heading of its group, such as `Filter`.
    pub group: String,
    /// Its name within the group, such as `cutoff`.
    pub label: String,
    /// Its name among all parameters, as commands take it: `filter cutoff`.
    pub name: String,
}

/// How far one key turns a parameter, as a part of its range.
const KNOB_STEP: f32 = 0.01;

/// The bottom of a fader, in dB; everything below it is silence.
const FADER_BOTTOM: f64 = -60.0;

impl Knob {
    fn new(target: Target, group: impl Into<String>, label: &str, name: String) -> Self {
        // An `on` that is `off` would puzzle.
        let label = if label == "on" { "on/off" } else { label };
        Self { target, group: group.into(), label: label.into(), name }
    }

    /// The present value with its unit; `None` if the parameter does not exist any more.
    #[must_use]
    pub fn value(&self, studio: &StudioState) -> Option<String> {
        self.target.shown(studio)
    }

    /// Opens the line to type a value, with the present one in it.
    #[must_use]
    pub fn type_value(&self, studio: &StudioState) -> Intent {
        let value = self.value(studio).unwrap_or_default();
        Intent::TypeValue { command: format!("set {}", self.name), value }
    }

    /// Turns the parameter by one step in the direction of `by`: a level by a decibel, a
    /// choice to the next one, anything else by a hundredth of its range, to a value that
    /// is as round as it is shown. At its end it stays as it is.
    #[must_use]
    pub fn turned(&self, studio: &StudioState, by: f32) -> Option<Intent> {
        let now = self.target.part(studio)?;
        let shown = self.target.shown(studio)?;
        let next = match Unit::Level.read(&shown).filter(|_| shown.ends_with(" dB")) {
            Some(level) => self.louder(level, by.signum().into(), studio),
            None => self.next_value(now, &shown, by.signum() * KNOB_STEP, studio),
        };
        Some(next.map_or(Intent::Nothing, Intent::from))
    }

    /// The action that moves a level by decibels; below the bottom of a fader is silence.
    fn louder(&self, level: f64, by: f64, studio: &StudioState) -> Option<NetworkAction> {
        let to = if level < FADER_BOTTOM && by > 0.0 { FADER_BOTTOM } else { level + by };
        let silence = (to < FADER_BOTTOM).then(|| self.target.read("-inf", studio).ok());
        let moved = || self.target.read(&to.to_string(), studio).ok();
        silence.flatten().or_else(moved).or_else(|| {
            let end = if by < 0.0 { Amount::MIN } else { Amount::MAX };
            self.target.action(end, studio)
        })
    }

    /// The action that sets the next value that is shown differently.
    fn next_value(
        &self,
        now: Amount,
        shown: &str,
        by: f32,
        studio: &StudioState,
    ) -> Option<NetworkAction> {
        let text = |steps: u8| {
            let part = (now.get() + by * f32::from(steps)).clamp(0.0, 1.0);
            self.target.text(Amount::new(part).ok()?, studio)
        };
        let next = (1..=100).filter_map(text).find(|text| text != shown)?;
        self.target.read(&next, studio).ok()
    }
}

/// The parameters of an instrument, group by group.
#[must_use]
pub fn of_instrument(id: InstrumentId, studio: &StudioState) -> Vec<Knob> {
    let Some(instrument) = studio.instruments.get(id) else { return Vec::new() };
    let (sent, own): (Vec<_>, Vec<_>) = instrument
        .parameters()
        .into_iter()
        .filter(|it| !matches!(it, InstrumentParameter::Chain(_)))
        .partition(|it| matches!(it, InstrumentParameter::Sends(_)));
    let mut knobs: Vec<_> = own.into_iter().map(|it| instrument_knob(id, it, studio)).collect();
    let source = format!("Source: {}", describe::label(instrument.source.kind()));
    let hosted = hosted_knobs(Device::Source(id), &source, "source", studio);
    knobs.splice(0..0, hosted);
    // The strip comes last among what every instrument has.
    knobs.sort_by_key(|knob| knob.group == OUTPUT);
    knobs.extend(sent.into_iter().map(|it| instrument_knob(id, it, studio)));
    for slot in instrument.chain.slots() {
        knobs.extend(of_slot(Place::Instrument(id), slot.id, studio));
    }
    knobs
}

/// The strip whose effects are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Of an instrument.
    Instrument(InstrumentId),
    /// Of a bus.
    Bus(BusId),
    /// Of the master.
    Master,
}

/// The parameters of one effect.
#[must_use]
pub fn of_slot(place: Place, slot: SlotId, studio: &StudioState) -> Vec<Knob> {
    let (chain, prefix, device) = match place {
        Place::Instrument(id) => {
            let chain = studio.instruments.get(id).map(|instrument| &instrument.chain);
            (chain, String::new(), Device::Slot(id, slot))
        }
        Place::Bus(id) => {
            let chain = studio.mixer.bus(id).map(|bus| &bus.chain);
            (chain, format!("bus {id} "), Device::BusSlot(id, slot))
        }
        Place::Master => {
            (Some(&studio.mixer.master.chain), "master ".into(), Device::MasterSlot(slot))
        }
    };
    let Some((chain, effect)) = chain.and_then(|chain| Some((chain, &chain.slot(slot)?.effect)))
    else {
        return Vec::new();
    };
    let kind = describe::label(effect.kind());
    let group = format!("Effect {slot}: {kind}");
    let own = chain.parameters().into_iter().filter(|parameter| parameter.slot() == slot);
    let mut knobs: Vec<_> = own
        .map(|parameter| {
            let target = match place {
                Place::Instrument(id) => {
                    Target::Instrument(id, InstrumentParameter::Chain(parameter))
                }
                Place::Bus(id) => Target::Bus(id, BusParameter::Chain(parameter)),
                Place::Master => Target::Master(MasterParameter::Chain(parameter)),
            };
            let label = match parameter {
                ChainParameter::Bypass(_) => "bypass".into(),
                ChainParameter::Effect(_, parameter) => within(&kind, &describe::label(parameter)),
            };
            let name = format!("{prefix}{}", describe::label(parameter));
            Knob::new(target, &*group, &label, name)
        })
        .collect();
    knobs.extend(hosted_knobs(device, &group, &format!("{prefix}effect {slot}"), studio));
    knobs
}

/// The parameters of the drum machine of an instrument, if it is a drum kit.
#[must_use]
pub fn of_drums(id: InstrumentId, studio: &StudioState) -> Vec<Knob> {
    let Some(machine) = studio.drums.machine(id) else { return Vec::new() };
    let mut knobs: Vec<_> = DrumParameter::ALL
        .iter()
        .map(|parameter| {
            let label = describe::label(parameter);
            let name = format!("drums {label}");
            Knob::new(Target::Drums(id, *parameter), "Drums", &label, name)
        })
        .collect();
    let pads = PadNumber::MIN.get()..=PadNumber::MAX.get();
    for pad in pads.filter_map(|pad| PadNumber::new(pad).ok()) {
        let number = pad.get() + 1;
        let group = format!("Pad {number} {}", machine.pad(pad).name);
        knobs.extend(PadParameter::all().into_iter().map(|parameter| {
            let label = describe::label(parameter);
            let name = format!("pad {number} {label}");
            Knob::new(Target::Pad(id, pad, parameter), &*group, &label, name)
        }));
    }
    knobs
}

/// The parameters that belong to no instrument: buses, layer groups, master, session.
#[must_use]
pub fn shared(studio: &StudioState) -> Vec<Knob> {
    let mut knobs = Vec::new();
    for (id, bus) in studio.mixer.buses() {
        let group = format!("Bus {id} {}", bus.name);
        knobs.extend(BusParameter::all().into_iter().map(|parameter| {
            let label = describe::label(parameter);
            let name = format!("bus {id} {label}");
            Knob::new(Target::Bus(id, parameter), &*group, &label, name)
        }));
        for slot in bus.chain.slots() {
            knobs.extend(of_slot(Place::Bus(id), slot.id, studio));
        }
    }
    for (id, layers) in studio.mixer.layer_groups() {
        let group = format!("Group {id} {}", layers.name);
        knobs.extend(LayerGroupParameter::all().into_iter().map(|parameter| {
            let label = describe::label(parameter);
            let name = format!("group {id} {label}");
            Knob::new(Target::LayerGroup(id, parameter), &*group, &label, name)
        }));
    }
    knobs.extend(MasterParameter::all().into_iter().map(|parameter| {
        let label = describe::label(parameter);
        let name = format!("master {label}");
        Knob::new(Target::Master(parameter), "Master", &label, name)
    }));
    for slot in studio.mixer.master.chain.slots() {
        knobs.extend(of_slot(Place::Master, slot.id, studio));
    }
    knobs.extend(SessionParameter::all().into_iter().map(|parameter| {
        let label = describe::label(parameter);
        Knob::new(Target::Session(parameter), "Session", &label, label.clone())
    }));
    knobs
}

/// The name of a parameter, as commands take it; empty if it does not exist any more.
#[must_use]
pub fn name_of(target: Target, studio: &StudioState) -> String {
    let mut knobs = shared(studio);
    if let Some(id) = target.instrument() {
        knobs.extend(of_instrument(id, studio));
        knobs.extend(of_drums(id, studio));
    }
    let found = knobs.into_iter().find(|knob| knob.target == target);
    found.map(|knob| knob.name).unwrap_or_default()
}

/// The heading of the strip's own parameters.
const OUTPUT: &str = "Output";

fn instrument_knob(id: InstrumentId, parameter: InstrumentParameter, studio: &StudioState) -> Knob {
    let name = describe::label(parameter);
    let (group, within_group) = match parameter {
        InstrumentParameter::Source(source) => {
            let label = describe::label(source);
            let kind = studio.instruments.get(id).map(|it| describe::label(it.source.kind()));
            let kind = kind.unwrap_or_default();
            let label = within(&kind, &label);
            return Knob::new(
                Target::Instrument(id, parameter),
                format!("Source: {kind}"),
                &label,
                name,
            );
        }
        InstrumentParameter::Sends(SendsParameter(bus, send)) => {
            let to = studio.mixer.bus(bus).map_or("?", |bus| bus.name.as_str());
            let label = describe::label(send);
            let name = format!("send {bus} {label}");
            let group = format!("Send to B{bus} {to}");
            return Knob::new(Target::Instrument(id, parameter), group, &label, name);
        }
        InstrumentParameter::Chain(_) => ("Effects", ""),
        InstrumentParameter::Filter(_) => ("Filter", "filter"),
        InstrumentParameter::Amp(_) => ("Envelope", "amp"),
        InstrumentParameter::Lfo(_) => ("LFO", "lfo"),
        InstrumentParameter::Arpeggiator(_) => ("Arpeggiator", "arpeggiator"),
        InstrumentParameter::Chord
        | InstrumentParameter::Octave
        | InstrumentParameter::Groove(_) => ("Playing", "groove"),
        InstrumentParameter::Channels
        | InstrumentParameter::Level
        | InstrumentParameter::Pan
        | InstrumentParameter::Mute
        | InstrumentParameter::Solo => (OUTPUT, ""),
    };
    Knob::new(Target::Instrument(id, parameter), group, &within(within_group, &name), name)
}

/// The parameters of the plug-in or `SynthDef` that is loaded into `device`.
fn hosted_knobs(device: Device, group: &str, prefix: &str, studio: &StudioState) -> Vec<Knob> {
    let definition = device.hosted(studio).and_then(Hosted::definition);
    let definition = definition.and_then(|id| studio.registry.definition(id));
    let rows = definition.map_or(&[][..], |definition| &definition.parameters);
    let knob = |(id, row): (u16, &Parameter)| {
        let label = row.name().to_string();
        let name = format!("{prefix} {}", label.to_lowercase());
        Knob::new(Target::Hosted(device, ParameterId(id)), group, &label, name)
    };
    (0..).zip(rows).map(knob).collect()
}

/// `name` without the words of the group before it.
fn within(group: &str, name: &str) -> String {
    name.strip_prefix(group).map_or(name, str::trim_start).to_owned()
}
