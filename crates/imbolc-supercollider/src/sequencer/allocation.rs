//! Allocates the numbers of the server's nodes, audio buses and control buses.
//!
//! Scheduled messages may still refer to a number that was given back, so it rests for a while.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use imbolc_net::util::time::Timestamp;

use crate::commands::NodeId;

/// How long a number rests: far longer than any message is scheduled ahead.
const REST: Duration = Duration::from_secs(1);

/// How many instruments have a strip at a time.
pub const MAX_STRIPS: usize = 256;

/// How many buses there can be.
const MAX_BUSES: u32 = 64;

/// How many strips there are numbers for, so that those of removed ones can rest.
const STRIP_NUMBERS: u32 = 512;

/// The private audio buses that the sequencer uses, behind the outputs and inputs.
pub const PRIVATE_AUDIO_BUSES: u32 = 2 + 4 * MAX_BUSES + 2 * STRIP_NUMBERS;

/// The control buses that it uses.
pub const CONTROL_BUSES: u32 = 262_144;

/// The control buses with the peaks: two for the master, then for each bus and each strip.
pub const METERS: u32 = 2 + 2 * MAX_BUSES + 2 * STRIP_NUMBERS;

/// The first control bus of the parameters.
const PARAMETERS: u32 = 2_048;

/// The groups of the server, in their order.
pub(super) const INSTRUMENTS: NodeId = NodeId(1);
pub(super) const BUSES: NodeId = NodeId(2);
pub(super) const MASTER: NodeId = NodeId(3);

/// Nodes below are those that the sequencer names itself.
const FIRST_NODE: i32 = 1_000;

/// Node ids, which are not used again until two thousand million others were used.
#[derive(Debug)]
pub(super) struct Nodes(i32);

impl Default for Nodes {
    fn default() -> Self {
        Self(FIRST_NODE)
    }
}

impl Nodes {
    pub(super) fn next(&mut self) -> NodeId {
        let id = self.0;
        self.0 = id.checked_add(1).unwrap_or(FIRST_NODE);
        NodeId(id)
    }
}

/// Numbers from 0 on.
#[derive(Debug)]
pub(super) struct Numbers {
    next: u32,
    end: u32,
    resting: BTreeSet<(Timestamp, u32)>,
}

impl Numbers {
    pub(super) const fn of_strips() -> Self {
        Self { next: 0, end: STRIP_NUMBERS, resting: BTreeSet::new() }
    }

    pub(super) const fn of_buses() -> Self {
        Self { next: 0, end: MAX_BUSES, resting: BTreeSet::new() }
    }

    /// A free number. If all are used or rest, one that rests.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<u32> {
        if self.resting.first().is_none_or(|(until, _)| *until > now) && self.next < self.end {
            self.next += 1;
            return Some(self.next - 1);
        }
        self.resting.pop_first().map(|(_, number)| number)
    }

    pub(super) fn give_back(&mut self, number: u32, now: Timestamp) {
        self.resting.insert((now + REST, number));
    }
}

/// Consecutive control buses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) first: u32,
    size: u32,
}

/// The control buses of the parameters.
#[derive(Debug)]
pub(super) struct Blocks {
    next: u32,
    /// Those that are given back when no voice reads them any more.
    retired: Vec<Block>,
    resting: BTreeMap<u32, BTreeSet<(Timestamp, u32)>>,
}

impl Default for Blocks {
    fn default() -> Self {
        Self { next: PARAMETERS, retired: Vec::new(), resting: BTreeMap::new() }
    }
}

impl Blocks {
    /// A block for so many values; `None` if there is no room.
    pub(super) fn take(&mut self, count: usize, now: Timestamp) -> Option<Block> {
        let size = u32::try_from(count.max(1).next_multiple_of(8)).ok()?;
        let rested = self.resting.get_mut(&size).and_then(|resting| {
            resting.first().is_some_and(|(until, _)| *until <= now).then(|| resting.pop_first())
        });
        if let Some(Some((_, first))) = rested {
            return Some(Block { first, size });
        }
        let first = self.next;
        self.next = first.checked_add(size).filter(|end| *end <= CONTROL_BUSES)?;
        Some(Block { first, size })
    }

    /// Gives a block back that nothing reads from now on.
    pub(super) fn give_back(&mut self, block: Block, now: Timestamp) {
        self.resting.entry(block.size).or_default().insert((now + REST, block.first));
    }

    /// Gives a block back when nothing reads it any more.
    pub(super) fn retire(&mut self, block: Block) {
        self.retired.push(block);
    }

    /// Gives back the retired blocks that are not read.
    pub(super) fn give_back_retired(&mut self, is_read: impl Fn(Block) -> bool, now: Timestamp) {
        let (read, free) = std::mem::take(&mut self.retired).into_iter().partition(|b| is_read(*b));
        self.retired = read;
        Vec::into_iter(free).for_each(|block| self.give_back(block, now));
    }

    /// How many control buses are in use.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        let resting = self.resting.iter().map(|(size, own)| *size as usize * own.len());
        (self.next - PARAMETERS) as usize - resting.sum::<usize>()
    }
}

/// The layout of the audio buses.
#[derive(Clone, Copy, Debug)]
pub(super) struct AudioBuses {
    /// The first that is neither an output nor an input.
    pub(super) first: u32,
}

impl AudioBuses {
    pub(super) const fn master(self) -> u32 {
        self.first
    }

    pub(super) const fn bus(self, number: u32) -> u32 {
        self.first + 2 + 4 * number
    }

    /// The signal of a bus behind its effects.
    pub(super) const fn tap(self, number: u32) -> u32 {
        self.bus(number) + 2
    }

    pub(super) const fn strip(self, number: u32) -> u32 {
        self.first + 2 + 4 * MAX_BUSES + 2 * number
    }
}

/// The control buses with the peaks of the master.
pub(super) const MASTER_METER: u32 = 0;

/// The control buses with the peaks of a bus.
pub(super) const fn bus_meter(number: u32) -> u32 {
    2 + 2 * number
}

/// The control buses with the peaks of a strip.
pub(super) const fn strip_meter(number: u32) -> u32 {
    2 + 2 * MAX_BUSES + 2 * number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rest_before_they_are_used_again() {
        let mut numbers = Numbers::of_buses();
        let start = Timestamp::ZERO;
        assert_eq!(numbers.take(start), Some(0));
        numbers.give_back(0, start);
        assert_eq!(numbers.take(start), Some(1));
        assert_eq!(numbers.take(start + REST), Some(0));
    }

    #[test]
    fn blocks_rest_until_their_last_reader_is_gone() {
        let mut blocks = Blocks::default();
        let (start, end) = (Timestamp::ZERO, Timestamp::ZERO + Duration::from_secs(5));
        let block = blocks.take(3, start).unwrap();
        blocks.retire(block);
        blocks.give_back_retired(|_| true, start);
        assert_ne!(blocks.take(3, end), Some(block));
        blocks.give_back_retired(|_| false, end);
        assert_ne!(blocks.take(3, end), Some(block));
        assert_eq!(blocks.take(5, end + REST), Some(block));
    }
}
