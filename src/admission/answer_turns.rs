//! When the first message of a channel may be answered: answering costs arithmetic.

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
    /// Which of those who are waiting is answered now, if any: one of the address that
    /// was answered least in the last second, and of these the first that came.
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
        let counts = self.counts();
        let count = |address| counts.get(address).copied().unwrap_or_default();
        let (_, id, address) = waiting
            .map(|(id, address)| (count(&address), id, address))
            .filter(|(count, ..)| *count < MAX_ANSWERS_OF_ADDRESS)
            .min()?;
        self.given.push_back((now, address));
        Some(id)
    }

    /// When to try again, if somebody waits. It may be too early still.
    pub(super) fn next(
        &self,
        mut waiting: impl Iterator<Item = PeerAddress>,
    ) -> Option<Timestamp> {
        let first = waiting.next()?;
        let counts = self.counts();
        let is_free = |address| {
            counts.get(&address).is_none_or(|count| *count < MAX_ANSWERS_OF_ADDRESS)
        };
        if is_free(first) || waiting.any(is_free) {
            return Some(self.earliest());
        }
        self.given.front().map(|(at, _)| (*at + SECOND).max(self.earliest()))
    }

    fn earliest(&self) -> Timestamp {
        self.given.back().map_or(Timestamp::ZERO, |(at, _)| *at + SECOND / MAX_ANSWERS)
    }

    fn counts(&self) -> BTreeMap<PeerAddress, usize> {
        let mut counts = BTreeMap::new();
        for (_, address) in &self.given {
            *counts.entry(*address).or_default() += 1;
        }
        counts
    }
}
