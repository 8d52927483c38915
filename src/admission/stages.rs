//! The transitions between the stages of a stranger's connection, and the timers.

use std::collections::BTreeMap;

use super::{
    AdmissionControl, AdmissionOutput, AdmissionPolicy, PeerAddress, StrangerId,
    admission_config::CLOSING,
    key_records::Standing,
    stranger::{Budget, Stage, Stranger},
};
use crate::{protocol::EntryRefusal, security::PublicKey, util::time::Timestamp};

/// Outputs and timers.
impl AdmissionControl {
    /// The next thing to do.
    pub fn poll(&mut self) -> AdmissionOutput {
        if let Some(output) = self.outputs.pop_front() {
            output
        } else if std::mem::take(&mut self.is_changed) {
            AdmissionOutput::Changed
        } else if std::mem::take(&mut self.is_known_changed) {
            AdmissionOutput::KnownChanged(self.keys.known().collect())
        } else {
            let deadlines = self.strangers.values().map(|stranger| stranger.deadline);
            let turn = self.turns.next(self.waiting().map(|(_, address)| address));
            AdmissionOutput::Wait(deadlines.chain(turn).min())
        }
    }

    /// Ends what took too long, and gives the turns that are due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let due = self.strangers.iter().filter(|(_, stranger)| stranger.deadline <= now);
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            if self.strangers.get(&id).is_some_and(|due| matches!(due.stage, Stage::Waiting(_))) {
                self.refuse(now, id, EntryRefusal::Unanswered);
            } else {
                self.strangers.remove(&id);
                self.outputs.push_back(AdmissionOutput::TimedOut(id));
            }
        }
        self.give_answers(now);
    }

    pub(super) fn give_answers(&mut self, now: Timestamp) {
        let Self { strangers, turns, .. } = self;
        while let Some(id) = turns.grant(now, waiting(strangers)) {
            if let Some(stranger) = strangers.get_mut(&id) {
                stranger.stage = Stage::Answered;
            }
            self.outputs.push_back(AdmissionOutput::Answer(id));
        }
    }

    fn waiting(&self) -> impl Iterator<Item = (StrangerId, PeerAddress)> {
        waiting(&self.strangers)
    }
}

fn waiting(
    strangers: &BTreeMap<StrangerId, Stranger>,
) -> impl Iterator<Item = (StrangerId, PeerAddress)> {
    let opening = |stranger: &Stranger| matches!(stranger.stage, Stage::Opening);
    let waiting = strangers.iter().filter(move |(_, stranger)| opening(stranger));
    waiting.map(|(id, stranger)| (*id, stranger.address))
}

/// What several messages share.
impl AdmissionControl {
    pub(super) fn address(&self, id: StrangerId) -> Result<PeerAddress, EntryRefusal> {
        self.strangers.get(&id).map(|stranger| stranger.address).ok_or(EntryRefusal::Busy)
    }

    /// The key of a client whose first message after message 3 has arrived.
    pub(super) fn entering(&self, id: StrangerId) -> Result<PublicKey, EntryRefusal> {
        let stranger = self.strangers.get(&id).ok_or(EntryRefusal::Busy)?;
        match (&stranger.stage, stranger.key) {
            (Stage::Entering, Some(key)) if self.keys.is_removed(key) => Err(EntryRefusal::Removed),
            (Stage::Entering, Some(key)) => Ok(key),
            _ => Err(EntryRefusal::OutOfTurn),
        }
    }

    pub(super) const fn is_exempt(&self, address: PeerAddress) -> bool {
        self.config.local_exemption && address.is_local()
    }

    pub(super) fn is_open_to(&self, address: PeerAddress) -> bool {
        self.config.policy == AdmissionPolicy::Open || self.is_exempt(address)
    }

    pub(super) fn asks_a_person(&self) -> bool {
        self.config.policy == AdmissionPolicy::Ask && self.config.attended
    }

    /// Whether `key` is admitted wherever it connects from.
    pub(super) fn is_trusted(&self, key: PublicKey) -> bool {
        self.keys.standing(key).is_some_and(|standing| standing > Standing::Met)
    }

    /// Whether a `Hello` of `key` is admitted.
    pub(super) fn is_admitted(&self, address: PeerAddress, key: PublicKey) -> bool {
        self.check_admitted(address, key).is_ok()
    }

    pub(super) fn check_admitted(
        &self,
        address: PeerAddress,
        key: PublicKey,
    ) -> Result<(), EntryRefusal> {
        if self.keys.is_removed(key) {
            Err(EntryRefusal::Removed)
        } else if self.is_trusted(key) || self.is_open_to(address) {
            Ok(())
        } else if self.asks_a_person() {
            Err(EntryRefusal::CodeOrQuestion)
        } else {
            Err(EntryRefusal::CodeNeeded)
        }
    }

    pub(super) fn know(&mut self, key: PublicKey, name: &str) {
        self.is_known_changed |= self.keys.raise(key, Standing::Known, name);
    }

    /// Moves a connection to the stage that `next` gives.
    pub(super) fn step(
        &mut self,
        id: StrangerId,
        next: impl FnOnce(&Stage) -> Option<Stage>,
    ) -> Result<(), EntryRefusal> {
        let stranger = self.strangers.get_mut(&id).ok_or(EntryRefusal::Busy)?;
        stranger.stage = next(&stranger.stage).ok_or(EntryRefusal::OutOfTurn)?;
        Ok(())
    }

    /// The `Hello` of `id` may come.
    pub(super) fn expect_hello(&mut self, now: Timestamp, id: StrangerId) {
        if let Some(stranger) = self.strangers.get_mut(&id) {
            let may_introduce =
                matches!(&stranger.stage, Stage::Waiting(request) if request.name.is_none());
            let deadline = now + self.config.handshake_timeout;
            // The client's person may still compare the words.
            let asked = if may_introduce { stranger.deadline } else { Timestamp::ZERO };
            stranger.deadline = deadline.max(asked);
            stranger.stage = Stage::Admitted { may_introduce };
        }
    }

    pub(super) fn admit(&mut self, now: Timestamp, id: StrangerId) {
        self.expect_hello(now, id);
        self.outputs.push_back(AdmissionOutput::Admit(id));
    }

    pub(super) fn refuse(&mut self, now: Timestamp, id: StrangerId, reason: EntryRefusal) {
        self.end(now, id);
        self.outputs.push_back(AdmissionOutput::Refuse(id, reason));
    }

    /// A connection whose message is refused ends.
    pub(super) fn ending<T>(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        outcome: Result<T, EntryRefusal>,
    ) -> Result<T, EntryRefusal> {
        if outcome.is_err() {
            self.end(now, id);
        }
        outcome
    }

    /// The client is told why, and keeps its place until the connection is closed.
    fn end(&mut self, now: Timestamp, id: StrangerId) {
        if let Some(stranger) = self.strangers.get_mut(&id) {
            self.is_changed |= matches!(stranger.stage, Stage::Waiting(_));
            stranger.stage = Stage::Ended;
            stranger.deadline = now + CLOSING;
        }
    }

    /// From now on the connection counts towards `budget`, of `limit` connections.
    pub(super) fn charge(&mut self, id: StrangerId, budget: Budget, limit: usize) {
        if let Some(&Stranger { address, random, .. }) = self.strangers.get(&id) {
            self.make_room(budget, limit, address, random);
        }
        if let Some(stranger) = self.strangers.get_mut(&id) {
            stranger.budget = budget;
        }
    }

    /// Makes room for a connection from `address`, if `limit` connections count towards
    /// `budget`: one of the busiest address is closed, each of them with the same chance.
    /// The new one counts towards its address.
    pub(super) fn make_room(
        &mut self,
        budget: Budget,
        limit: usize,
        address: PeerAddress,
        random: u64,
    ) {
        let open = self.strangers.iter().filter(|(_, other)| other.budget == budget);
        let open: Vec<_> = open.map(|(id, other)| (*id, other.address)).collect();
        if open.len() < limit {
            return;
        }
        let mut counts = BTreeMap::from([(address, 1)]);
        for (_, other) in &open {
            *counts.entry(*other).or_insert(0) += 1;
        }
        let most = open.iter().filter_map(|(_, other)| counts.get(other)).max().copied();
        let busiest: Vec<_> =
            open.iter().filter(|(_, other)| counts.get(other).copied() == most).collect();
        let chosen = random.checked_rem(busiest.len() as u64).and_then(|n| usize::try_from(n).ok());
        if let Some((id, _)) = chosen.and_then(|chosen| busiest.get(chosen)) {
            self.strangers.remove(id);
            self.outputs.push_back(AdmissionOutput::Evict(*id));
        }
    }
}
