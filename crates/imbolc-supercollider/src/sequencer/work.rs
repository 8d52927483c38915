//! What every change of the server needs at hand.

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

/// Numbers to give out, and where the messages go.
pub(super) struct Work<'a> {
    pub(super) nodes: &'a mut Nodes,
    pub(super) blocks: &'a mut Blocks,
    pub(super) batch: &'a mut Batch,
    pub(super) output: &'a mut dyn Output,
    /// The present.
    pub(super) now: Timestamp,
    /// When values change: at once for an edit, on time for a lane.
    pub(super) when: When,
}

impl Work<'_> {
    /// When nodes are moved or freed: not before what is under way to them has arrived.
    pub(super) fn after_all(&self) -> When {
        match self.when {
            When::Now => When::At(self.now),
            at @ When::At(_) => at,
        }
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
    /// Creates it. `None` if there are no control buses left.
    pub(super) fn create(
        work: &mut Work<'_>,
        built: &Built,
        place: Place,
        controls: &[(&'static str, f32)],
        when: When,
    ) -> Option<Self> {
        let block = work.blocks.take(built.values.len(), work.now)?;
        let node = work.nodes.next();
        work.batch.push(when, commands::set_buses(block.first, &built.values));
        let mut all = vec![(PARAMETERS, number(block.first))];
        all.extend_from_slice(controls);
        let name = Arc::clone(&built.definition.name);
        work.batch.push(when, commands::new_synth(&name, node, place, &all));
        Some(Self { node, name, block, values: built.values.clone() })
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
        let when = work.after_all();
        work.batch.push(when, commands::free(self.node));
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
    let last = changed.last().unwrap_or(first);
    if let Some(values) = new.get(first..=last) {
        let start = block.first + u32::try_from(first).unwrap_or_default();
        work.batch.push(work.when, commands::set_buses(start, values));
    }
    known.clear();
    known.extend_from_slice(new);
}

/// A bus number as the value of a control: exact, as there are fewer than 2^24.
#[expect(clippy::cast_precision_loss, reason = "below 2^24")]
pub(super) const fn number(bus: u32) -> f32 {
    bus as f32
}
