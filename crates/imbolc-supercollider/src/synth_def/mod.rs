//! SynthDefs built in Rust: graphs of units, checked before they are sent.
//!
//! A [`Graph`] is built by calling its methods, one per unit, and by arithmetic on
//! [`Signal`]s. [`Graph::finish`] encodes it in the format "`SCgf` 2" of SuperCollider 3.13
//! ("Synth Definition File Format") and names it by a hash of its content: equal graphs have
//! one name. It must not know any instrument.
//!
//! It checks what `scsynth` does not check: a unit that needs an audio signal gets one
//! (a constant would be read as garbage), and the number of wire buffers is limited.

mod encode;
mod generators;
mod signal;
mod units;

use std::{
    cell::RefCell,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use self::signal::{Rate, Wire};
pub use self::{
    signal::{Input, Signal, Stereo},
    units::{Shape, WhenDone},
};

/// How many wire buffers a graph may use: the option `-w` of the server.
pub const WIRE_BUFFERS: usize = 256;

/// The control of a synth that says where its block of parameters begins.
pub const PARAMETERS: &str = "params";

/// The smoothing of a parameter, in seconds.
const SMOOTHING: f32 = 0.02;

/// An encoded definition. Two with one name are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name: a hash of its content.
    pub name: Arc<str>,
    /// The file that holds it alone.
    pub bytes: Arc<[u8]>,
}

/// A built sound: a definition, and the present values of its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// The definition.
    pub definition: Definition,
    /// The values of its parameters, which go to consecutive control buses.
    pub values: Vec<f32>,
}

/// A graph has more simultaneous audio signals than the server has wire buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this sound needs {0} wire buffers, of {WIRE_BUFFERS}")]
pub struct TooManyWires(pub usize);

/// A graph that is being built.
#[derive(Debug, Default)]
pub struct Graph(RefCell<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// The controls of a synth, with their defaults, in order.
    controls: Vec<(&'static str, f32)>,
    /// The values of the parameters.
    values: Vec<f32>,
    units: Vec<Unit>,
    /// The inputs of all units, one after the other.
    inputs: Vec<Wire>,
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    class: &'static str,
    rate: Rate,
    /// How many of the inputs are its own.
    inputs: usize,
    outputs: usize,
    special: i16,
}

/// The unit that reads the controls, and the one that reads the parameters: they are before
/// all others, and have as many outputs as are asked for.
const CONTROLS: u32 = 0;
const VALUES: u32 = 1;

impl Graph {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        let graph = Self::default();
        let place = {
            let mut parts = graph.0.borrow_mut();
            parts.push("Control", Rate::Control, 0, &[], 0);
            parts.controls.push((PARAMETERS, 0.0));
            Wire::Output { unit: CONTROLS, output: 0, rate: Rate::Control }
        };
        graph.0.borrow_mut().push("In", Rate::Control, 0, &[place], 0);
        graph
    }

    /// A control, which is given when a synth is created and can be set later.
    pub fn control(&self, name: &'static str, default: f32) -> Signal<'_> {
        let mut parts = self.0.borrow_mut();
        let known = parts.controls.iter().position(|(other, _)| *other == name);
        let output = known.unwrap_or(parts.controls.len());
        if known.is_none() {
            parts.controls.push((name, default));
        }
        self.signal(Wire::Output { unit: CONTROLS, output: narrow(output), rate: Rate::Control })
    }

    /// A parameter that has this value now and changes smoothly.
    pub fn knob(&self, value: f32) -> Signal<'_> {
        let raw = self.setting(value);
        self.control_unit("Lag", &[raw.wire(), Wire::Constant(SMOOTHING)])
    }

    /// A parameter that has this value now and changes at once.
    pub fn setting(&self, value: f32) -> Signal<'_> {
        let mut parts = self.0.borrow_mut();
        parts.values.push(value);
        let output = narrow(parts.values.len() - 1);
        self.signal(Wire::Output { unit: VALUES, output, rate: Rate::Control })
    }

    /// A constant.
    pub const fn constant(&self, value: f32) -> Signal<'_> {
        self.signal(Wire::Constant(value))
    }

    /// The definition, and the values of its parameters.
    ///
    /// # Errors
    /// [`TooManyWires`], before the server is asked.
    pub fn finish(self) -> Result<Built, TooManyWires> {
        let mut parts = self.0.into_inner();
        let (controls, values) = (parts.controls.len(), parts.values.len());
        if let [first, second, ..] = &mut *parts.units {
            first.outputs = controls;
            second.outputs = values.max(1);
        }
        let wires = parts.wires();
        if wires > WIRE_BUFFERS {
            return Err(TooManyWires(wires));
        }
        let content = encode::content(&parts);
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let name: Arc<str> = format!("imbolc-{:016x}", hasher.finish()).into();
        let bytes = encode::file(&name, &content).into();
        Ok(Built { definition: Definition { name, bytes }, values: parts.values })
    }

    const fn signal(&self, wire: Wire) -> Signal<'_> {
        Signal::new(self, wire)
    }

    fn control_unit(&self, class: &'static str, inputs: &[Wire]) -> Signal<'_> {
        self.unit(class, Rate::Control, 0, inputs, 1)
    }

    /// Adds a unit and returns its first output. The others follow it.
    fn unit(
        &self,
        class: &'static str,
        rate: Rate,
        special: i16,
        inputs: &[Wire],
        outputs: usize,
    ) -> Signal<'_> {
        let unit = self.0.borrow_mut().push(class, rate, special, inputs, outputs);
        self.signal(Wire::Output { unit, output: 0, rate })
    }

    /// An audio signal that is equal to this one.
    fn audio(&self, wire: Wire) -> Wire {
        match wire {
            Wire::Output { rate: Rate::Audio, .. } => wire,
            Wire::Constant(_) | Wire::Output { rate: Rate::Once, .. } => {
                self.unit("DC", Rate::Audio, 0, &[wire], 1).wire()
            }
            Wire::Output { rate: Rate::Control, .. } => {
                self.unit("K2A", Rate::Audio, 0, &[wire], 1).wire()
            }
        }
    }

    /// The signal at audio rate: a line from block to block.
    pub fn fast<'g>(&'g self, signal: Signal<'g>) -> Signal<'g> {
        self.signal(self.audio(signal.wire()))
    }

    /// The signal at control rate: its value at the beginning of each block.
    pub fn slow<'g>(&'g self, signal: Signal<'g>) -> Signal<'g> {
        self.signal(self.at_most_control(signal.wire()))
    }

    /// A connection that a unit at control rate can read.
    fn at_most_control(&self, wire: Wire) -> Wire {
        match wire {
            Wire::Output { rate: Rate::Audio, .. } => {
                self.unit("A2K", Rate::Control, 0, &[wire], 1).wire()
            }
            _ => wire,
        }
    }
}

impl Parts {
    fn push(
        &mut self,
        class: &'static str,
        rate: Rate,
        special: i16,
        inputs: &[Wire],
        outputs: usize,
    ) -> u32 {
        self.inputs.extend_from_slice(inputs);
        self.units.push(Unit { class, rate, inputs: inputs.len(), outputs, special });
        narrow(self.units.len() - 1)
    }

    /// The units, each with its inputs.
    fn each(&self) -> impl Iterator<Item = (&Unit, &[Wire])> {
        let mut rest = &*self.inputs;
        self.units.iter().map(move |unit| {
            let (own, others) = rest.split_at(unit.inputs);
            rest = others;
            (unit, own)
        })
    }

    /// The largest number of audio signals that exist at a time, from the unit that makes
    /// one to the last one that reads it.
    fn wires(&self) -> usize {
        let mut last_read = vec![Vec::new(); self.units.len()];
        for (unit, own) in last_read.iter_mut().zip(&self.units) {
            let outputs = if own.rate == Rate::Audio { own.outputs } else { 0 };
            *unit = vec![None; outputs];
        }
        for (reader, (_, inputs)) in self.each().enumerate() {
            for input in inputs {
                if let Wire::Output { unit, output, rate: Rate::Audio } = *input
                    && let Some(last) = last_read
                        .get_mut(unit as usize)
                        .and_then(|outputs: &mut Vec<_>| outputs.get_mut(output as usize))
                {
                    *last = Some(reader);
                }
            }
        }
        let mut ends: Vec<usize> = vec![0; self.units.len()];
        let (mut live, mut most) = (0_usize, 0);
        for (maker, outputs) in last_read.iter().enumerate() {
            live += outputs.len();
            most = most.max(live);
            live -= ends.get(maker).copied().unwrap_or_default();
            for last in outputs {
                match last {
                    Some(reader) => ends[*reader] += 1,
                    None => live -= 1,
                }
            }
        }
        most
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
