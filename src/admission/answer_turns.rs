//! Limits the rate of answers to the first message of a channel, because each costs
//! computation.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    PeerAddress, StrangerId,
    admission_config::{MAX_ANSWERS, MAX_ANSWERS_OF_ADDRESS},
};
use crate::util::time::Timestamp;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct AnswerTurns {
    /// The answers of the last second, oldest first.
    given: VecDeque<(Timestamp, PeerAddress)>,
}

impl AnswerTurns {
    /// Which of the `waiting` strangers is answered now, if any: of the address that was
    /// answered longest ago, the one that connected first.
    pub(super) fn grant(
        &mut self,
        now: Timestamp,
        waiting: impl Iterator<Item = (StrangerId, PeerAddress)>,
    ) -> Option<StrangerId> {
        while self.given.front().is_some_and(|(at, _)| *at + SECOND <= now) {
            self.given.pop_front();
        }
        if self.earliest() > now {
            return None;
        }
        let turns = self.turns();
        let turn = |address| turns.get(&address).copied().unwrap_or_default();
        let (_, id, address) = waiting
            .map(|(id, address)| (turn(address), id, address))
            .filter(|((_, count), ..)| *count < MAX_ANSWERS_OF_ADDRESS)
            .min_by_key(|((last, _), id, _)| (*last, *id))?;
        self.given.push_back((now, address));
        Some(id)
    }

    /// When to try again, if a stranger waits. It may be too early still.
    pub(super) fn next(&self, mut waiting: impl Iterator<Item = PeerAddress>) -> Option<Timestamp> {
        let first = waiting.next()?;
        let turns = self.turns();
        let is_free =
            |address| turns.get(&address).is_none_or(|(_, count)| *count < MAX_ANSWERS_OF_ADDRESS);
        if is_free(first) || waiting.any(is_free) {
            return Some(self.earliest());
        }
        self.given.front().map(|(at, _)| (*at + SECOND).max(self.earliest()))
    }

    fn earliest(&self) -> Timestamp {
        self.given.back().map_or(Timestamp::ZERO, |(at, _)| *at + SECOND / MAX_ANSWERS)
    }

    /// When each address was answered last, and how often in the last second.
    fn turns(&self) -> BTreeMap<PeerAddress, (Timestamp, usize)> {
        let mut turns = BTreeMap::new();
        for (at, address) in &self.given {
            let (last, count) = turns.entry(*address).or_default();
            *last = *at;
            *count += 1;
        }
        turns
    }
}
