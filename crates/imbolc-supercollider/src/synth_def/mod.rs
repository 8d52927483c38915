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
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
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

/// A definition. Two with one name are the same.
#[derive(Clone)]
pub struct Definition {
    /// Its name: a hash of its content.
    pub name: Arc<str>,
    content: Arc<Content>,
}

/// A definition is built for each turned knob and sent once, so it is encoded when it is sent.
enum Content {
    Graph(Parts),
    Encoded(Vec<u8>),
}

impl Definition {
    /// A definition from elsewhere: the file that holds it alone.
    #[must_use]
    pub fn encoded(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), content: Arc::new(Content::Encoded(bytes)) }
    }

    /// The file that holds it alone.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match &*self.content {
            Content::Graph(parts) => encode::file(&self.name, parts),
            Content::Encoded(bytes) => bytes.clone(),
        }
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Definition {}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Definition({})", self.name)
    }
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

#[derive(Clone, Copy, Debug, Hash)]
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
        let values = std::mem::take(&mut parts.values);
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        let name = format!("imbolc-{:016x}", hasher.finish()).into();
        let definition = Definition { name, content: Arc::new(Content::Graph(parts)) };
        Ok(Built { definition, values })
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

/// All that is encoded. The values of the parameters are not: they are no part of a definition.
impl Hash for Parts {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for (name, default) in &self.controls {
            (name, default.to_bits()).hash(hasher);
        }
        for (unit, inputs) in self.each() {
            unit.hash(hasher);
            for input in inputs {
                match *input {
                    Wire::Constant(value) => (u32::MAX, value.to_bits()).hash(hasher),
                    Wire::Output { unit, output, .. } => (unit, output).hash(hasher),
                }
            }
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
        // The audio outputs of all units, one after the other, each with its last reader.
        let mut first = Vec::with_capacity(self.units.len());
        let mut count = 0;
        for unit in &self.units {
            first.push(count);
            count += if unit.rate == Rate::Audio { unit.outputs } else { 0 };
        }
        let mut last_readers = vec![None; count];
        for (reader, (_, inputs)) in self.each().enumerate() {
            for input in inputs {
                if let Wire::Output { unit, output, rate: Rate::Audio } = *input
                    && let Some(first) = first.get(unit as usize)
                    && let Some(last) = last_readers.get_mut(first + output as usize)
                {
                    *last = Some(reader);
                }
            }
        }
        let mut ends = vec![0; self.units.len()];
        let (mut live, mut most) = (0_usize, 0);
        let mut rest = &*last_readers;
        for (maker, unit) in self.units.iter().enumerate() {
            let outputs = if unit.rate == Rate::Audio { unit.outputs } else { 0 };
            let (own, others) = rest.split_at(outputs);
            rest = others;
            live += outputs;
            most = most.max(live);
            live -= ends.get(maker).copied().unwrap_or_default();
            for last in own {
                match last.and_then(|reader: usize| ends.get_mut(reader)) {
                    Some(count) => *count += 1,
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
