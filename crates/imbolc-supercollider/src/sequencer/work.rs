//! The context of a change of the server: allocators, the batch and the time.

use std::sync::Arc;

use imbolc_net::util::time::Timestamp;

use super::{
    allocation::{Block, Blocks, Nodes},
    batch::Batch,
};
use crate::{
    commands::{self, NodeId, Place},
    output::{Output, When},
    synth_def::{Built, PARAMETERS},
};

/// The allocators and the target of the messages.
pub(super) struct Work<'a> {
    pub(super) nodes: &'a mut Nodes,
    pub(super) blocks: &'a mut Blocks,
    pub(super) batch: &'a mut Batch,
    pub(super) output: &'a mut dyn Output,
    /// The present.
    pub(super) now: Timestamp,
    /// When the change takes effect: a new strip is created at once, existing nodes change in
    /// the order of the calls.
    pub(super) when: When,
}

impl Work<'_> {
    /// Does something at once: new nodes are there before messages that are already scheduled.
    pub(super) fn at_once<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let when = std::mem::replace(&mut self.when, When::Now);
        let result = make(self);
        self.when = when;
        result
    }

    /// Whether this can be used by now.
    pub(super) fn is_defined(&mut self, built: &Built) -> bool {
        self.output.define(&built.definition)
    }
}

/// A synth with a block of parameters.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) node: NodeId,
    name: Arc<str>,
    block: Block,
    values: Vec<f32>,
}

impl Part {
    /// Sets its parameters, which nothing reads yet, and returns it. `None` if there are no
    /// control buses left.
    pub(super) fn reserve(work: &mut Work<'_>, name: &Arc<str>, values: &[f32]) -> Option<Self> {
        let block = work.blocks.take(values.len(), work.now)?;
        // scsynth 3.13 reports an error for no values.
        if !values.is_empty() {
            work.batch.push(When::Now, commands::set_buses(block.first, values));
        }
        let (node, name) = (work.nodes.next(), Arc::clone(name));
        Some(Self { node, name, block, values: values.to_vec() })
    }

    /// Creates the synth.
    pub(super) fn create(
        self,
        work: &mut Work<'_>,
        place: Place,
        controls: &[(&'static str, f32)],
    ) -> Self {
        let mut all = vec![(PARAMETERS, bus_number(self.block.first))];
        all.extend_from_slice(controls);
        work.batch.change(work.when, commands::new_synth(&self.name, self.node, place, &all));
        self
    }

    /// Whether it is a synth of this definition.
    pub(super) fn is(&self, built: &Built) -> bool {
        self.name == built.definition.name
    }

    pub(super) fn update(&mut self, work: &mut Work<'_>, values: &[f32]) {
        update_block(work, self.block, &mut self.values, values);
    }

    /// Frees the synth.
    pub(super) fn free(self, work: &mut Work<'_>) {
        work.batch.change(work.when, commands::free(self.node));
        self.give_back(work);
    }

    /// Gives back its parameters; the synth is freed otherwise.
    pub(super) fn give_back(self, work: &mut Work<'_>) {
        work.blocks.give_back(self.block, work.now);
    }
}

/// Sends the values that differ.
pub(super) fn update_block(work: &mut Work<'_>, block: Block, known: &mut Vec<f32>, new: &[f32]) {
    let differs = |(index, value): (usize, &f32)| {
        known.get(index).is_none_or(|known| known.to_bits() != value.to_bits()).then_some(index)
    };
    let mut changed = new.iter().enumerate().filter_map(differs);
    let Some(first) = changed.next() else { return };
    let last = changed.next_back().unwrap_or(first);
    if let Some(values) = new.get(first..=last) {
        let start = block.first + u32::try_from(first).unwrap_or_default();
        work.batch.change(work.when, commands::set_buses(start, values));
    }
    known.clear();
    known.extend_from_slice(new);
}

/// A bus number as the value of a control: exact, as there are fewer than 2^24.
#[expect(clippy::cast_precision_loss, reason = "below 2^24")]
pub(super) const fn bus_number(bus: u32) -> f32 {
    bus as f32
}
