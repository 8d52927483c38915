//! Admits clients to a session, and limits what strangers cost its host.
//!
//! A *stranger* is a connection whose client is not in the session yet. An
//! [`AdmissionControl`] is a plain value: it knows no socket, no clock, no randomness,
//! no byte of the channel and no arithmetic on curves. docs/security.md gives the
//! reasons, docs/protocol.md ("Entering") the states.
//!
//! The shell changes it, then drains it, as it does a
//! [`Session`](crate::sync::session::Session):
//!
//! 1. [`connected`](AdmissionControl::connected) for each new connection, and
//!    [`disconnected`](AdmissionControl::disconnected) when it is closed.
//! 2. Of an encrypted one, [`opening`](AdmissionControl::opening) when message 1 has
//!    arrived: [`Answer`](AdmissionOutput::Answer) says when it may be answered. Then
//!    [`proven`](AdmissionControl::proven) when message 3 has arrived.
//! 3. [`hello`](AdmissionControl::hello), [`begin_code`](AdmissionControl::begin_code)
//!    and [`code_proof`](AdmissionControl::code_proof), or
//!    [`ask`](AdmissionControl::ask), [`revealed`](AdmissionControl::revealed) and
//!    [`introduced`](AdmissionControl::introduced), as the messages arrive. If one of
//!    them fails, the connection ends with that reason.
//! 4. [`joined`](AdmissionControl::joined) if the session accepts the `Hello`. The
//!    connection is no stranger's any more.
//! 5. After each change, [`poll`](AdmissionControl::poll) until it returns
//!    [`AdmissionOutput::Wait`]; [`handle_timeout`](AdmissionControl::handle_timeout) at
//!    the time in it.

mod admission_config;
mod admission_output;
mod answer_turns;
mod code_guard;
mod join_request;
mod key_records;
mod peer_address;
mod questions;
mod stages;
mod stranger;
#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

pub use admission_config::{AdmissionConfig, AdmissionPolicy};
use admission_config::{
    KEPT_PLACES, MAX_KNOWN_HANDSHAKES, MAX_RUNS, PLAIN_STRANGER_FRAME, RUN_TIMEOUT, STRANGER_FRAME,
};
pub use admission_output::{AdmissionOutput, AdmissionStatus, Admitted};
use answer_turns::AnswerTurns;
use code_guard::CodeGuard;
pub use code_guard::CodePause;
pub use join_request::{DecisionError, JoinRequest, StrangerId, Verdict};
use key_records::KeyRecords;
pub use key_records::KnownParticipant;
pub use peer_address::PeerAddress;
use stranger::{Budget, Stage, Stranger};

use crate::{
    protocol::{EntryRefusal, limits},
    security::{Entry, JoinCode, PublicKey},
    util::time::Timestamp,
};

/// The state machine of admission: one for each session.
pub struct AdmissionControl {
    config: AdmissionConfig,
    code: CodeGuard,
    keys: KeyRecords,
    turns: AnswerTurns,
    strangers: BTreeMap<StrangerId, Stranger>,
    /// The addresses and keys that were declined, and until when they may not ask again.
    declined: Vec<(Timestamp, PeerAddress, PublicKey)>,
    next_stranger: u64,
    outputs: VecDeque<AdmissionOutput>,
    is_changed: bool,
    is_known_changed: bool,
}

impl fmt::Debug for AdmissionControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmissionControl")
            .field("config", &self.config)
            .field("paused", &self.code.pause())
            .field("strangers", &self.strangers.len())
            .finish_non_exhaustive()
    }
}

/// Construction and inspection.
impl AdmissionControl {
    /// The control of a session that begins with `code`, and admits the `known` keys.
    #[must_use]
    pub fn new(config: AdmissionConfig, code: JoinCode, known: Vec<KnownParticipant>) -> Self {
        Self {
            config,
            code: CodeGuard::new(code),
            keys: KeyRecords::new(known),
            turns: AnswerTurns::default(),
            strangers: BTreeMap::new(),
            declined: Vec::new(),
            next_stranger: 0,
            outputs: VecDeque::new(),
            is_changed: false,
            is_known_changed: false,
        }
    }

    /// What a host's screen shows.
    #[must_use]
    pub fn status(&self) -> AdmissionStatus {
        AdmissionStatus {
            policy: self.config.policy,
            code: self.code.code().clone(),
            paused: self.code.pause(),
            requests: self.requests().cloned().collect(),
        }
    }

    /// What message 2 says to the client.
    #[must_use]
    pub fn entry(&self, id: StrangerId) -> Entry {
        if self.address(id).is_ok_and(|address| self.is_open_to(address)) {
            Entry::Open
        } else if self.asks_a_person() {
            Entry::Ask
        } else {
            Entry::Code
        }
    }

    /// Bytes of the next frame that the client may send. 0: none is expected. A client
    /// whose message 3 has not arrived is taken for a plain one.
    #[must_use]
    pub fn frame_limit(&self, id: StrangerId) -> usize {
        let Some(Stranger { address, key, stage, .. }) = self.strangers.get(&id) else {
            return 0;
        };
        match (stage, key) {
            (Stage::Accepted, _) if self.is_open_to(*address) => limits::HELLO_FRAME,
            (Stage::Accepted, _) => PLAIN_STRANGER_FRAME,
            (Stage::Entering, Some(key)) if self.is_admitted(*address, *key) => limits::HELLO_FRAME,
            (Stage::Admitted { .. }, _) => limits::HELLO_FRAME,
            (Stage::Entering | Stage::Proving(_) | Stage::Asking | Stage::Waiting(_), _) => {
                STRANGER_FRAME
            }
            _ => 0,
        }
    }
}

/// A stranger's connection.
impl AdmissionControl {
    /// A connection was accepted, from `ip`; `None` if it comes from within this process.
    /// `random` decides which one makes room, if it must.
    pub fn connected(&mut self, now: Timestamp, ip: Option<IpAddr>, random: u64) -> StrangerId {
        let address = PeerAddress::of(ip);
        self.make_room(Budget::Handshake, self.config.handshakes, address, random);
        let id = StrangerId(self.next_stranger);
        self.next_stranger += 1;
        let deadline = now + self.config.handshake_timeout;
        let (key, budget, stage) = (None, Budget::Handshake, Stage::Accepted);
        self.strangers.insert(id, Stranger { address, random, key, budget, stage, deadline });
        id
    }

    /// Message 1 of the channel has arrived. [`AdmissionOutput::Answer`] says when it may
    /// be answered. A client of the own machine that needs no code does not wait.
    ///
    /// # Errors
    /// If it is not the first thing that arrives. Then the connection ends.
    pub fn opening(&mut self, now: Timestamp, id: StrangerId) -> Result<(), EntryRefusal> {
        let is_exempt = self.address(id).is_ok_and(|address| self.is_exempt(address));
        let outcome = self.step(id, |stage| match stage {
            Stage::Accepted if is_exempt => Some(Stage::Answered),
            Stage::Accepted => Some(Stage::Opening),
            _ => None,
        });
        if outcome.is_ok() && is_exempt {
            self.outputs.push_back(AdmissionOutput::Answer(id));
        }
        self.give_answers(now);
        self.ending(now, id, outcome)
    }

    /// Message 3 of the channel has arrived: the client holds `key`.
    ///
    /// # Errors
    /// If message 2 may not have left yet. Then the connection ends.
    pub fn proven(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        key: PublicKey,
    ) -> Result<(), EntryRefusal> {
        let outcome = self.step(id, |stage| match stage {
            Stage::Answered => Some(Stage::Entering),
            _ => None,
        });
        if outcome.is_ok() {
            if let Some(stranger) = self.strangers.get_mut(&id) {
                stranger.key = Some(key);
            }
            if self.is_trusted(key) {
                self.charge(id, Budget::Known, MAX_KNOWN_HANDSHAKES);
            }
        }
        self.ending(now, id, outcome)
    }

    /// A `Hello` has arrived. `has_place` says whether a key has a place in the session.
    /// Call [`joined`](Self::joined) if the session accepts the `Hello`.
    ///
    /// # Errors
    /// If the client is not admitted. Then the connection ends.
    pub fn hello(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        has_place: impl Fn(PublicKey) -> bool,
    ) -> Result<Admitted, EntryRefusal> {
        let outcome = self.try_hello(id, has_place);
        self.ending(now, id, outcome)
    }

    fn try_hello(
        &mut self,
        id: StrangerId,
        has_place: impl Fn(PublicKey) -> bool,
    ) -> Result<Admitted, EntryRefusal> {
        let stranger = self.strangers.get(&id).ok_or(EntryRefusal::Busy)?;
        let address = stranger.address;
        let key = match (&stranger.stage, stranger.key) {
            (Stage::Accepted, _) if self.is_open_to(address) => None,
            (Stage::Accepted, _) => return Err(EntryRefusal::PlainNotAdmitted),
            (Stage::Entering | Stage::Admitted { .. }, Some(key)) => {
                // Also of a key that was admitted: it may have been removed since.
                self.check_admitted(address, key)?;
                Some(key)
            }
            _ => return Err(EntryRefusal::OutOfTurn),
        };
        self.step(id, |_| Some(Stage::Joining))?;
        let is_known = key.is_some_and(|key| self.keys.is_known(key));
        let absent = self.keys.known().filter(|known| !has_place(known.key));
        let most = KEPT_PLACES.min(self.config.places / 4);
        let kept_places = if is_known { 0 } else { (0..most).zip(absent).count() };
        Ok(Admitted { key, is_known, kept_places: u32::try_from(kept_places).unwrap_or(most) })
    }

    /// The client begins a run of the code. Returns the code to run it with.
    ///
    /// # Errors
    /// If codes are paused or the key was removed. Then the connection ends.
    pub fn begin_code(
        &mut self,
        now: Timestamp,
        id: StrangerId,
    ) -> Result<&JoinCode, EntryRefusal> {
        let outcome = self.try_begin_code(now, id);
        self.ending(now, id, outcome)?;
        Ok(self.code.code())
    }

    fn try_begin_code(&mut self, now: Timestamp, id: StrangerId) -> Result<(), EntryRefusal> {
        self.entering(id)?;
        self.code.check_pause(self.address(id)?)?;
        self.charge(id, Budget::Run, MAX_RUNS);
        if let Some(stranger) = self.strangers.get_mut(&id) {
            stranger.stage = Stage::Proving(self.code.generation());
            stranger.deadline = now + RUN_TIMEOUT;
        }
        Ok(())
    }

    /// The client's MAC has arrived. `is_right` verifies it; it is not called if the code
    /// was replaced or is paused since the run began. If the MAC is right, the key is
    /// known from now on.
    ///
    /// # Errors
    /// If it is wrong, which has been counted, or was not verified. Then the connection
    /// ends.
    pub fn code_proof(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        is_right: impl FnOnce() -> bool,
    ) -> Result<(), EntryRefusal> {
        let outcome = self.try_code_proof(now, id, is_right);
        self.ending(now, id, outcome)
    }

    fn try_code_proof(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        is_right: impl FnOnce() -> bool,
    ) -> Result<(), EntryRefusal> {
        let stranger = self.strangers.get(&id).ok_or(EntryRefusal::Busy)?;
        let (&Stage::Proving(generation), Some(key)) = (&stranger.stage, stranger.key) else {
            return Err(EntryRefusal::OutOfTurn);
        };
        let paused = self.code.pause();
        let outcome = self.code.verify(stranger.address, generation, is_right);
        self.is_changed |= self.code.pause() != paused;
        outcome?;
        self.know(key, "");
        self.expect_hello(now, id);
        Ok(())
    }

    /// The session has accepted the `Hello`, under `name`: the connection is no
    /// stranger's any more. `unix_time` is in seconds since 1970.
    pub fn joined(&mut self, now: Timestamp, id: StrangerId, name: &str, unix_time: u64) {
        let is_joining = |stranger: &&Stranger| matches!(stranger.stage, Stage::Joining);
        let Some(stranger) = self.strangers.get(&id).filter(is_joining) else { return };
        let key = stranger.key;
        self.strangers.remove(&id);
        if let Some(key) = key {
            self.keys.seen(key, name, unix_time);
            self.is_known_changed |= self.keys.is_known(key);
        }
        self.give_answers(now);
    }

    /// The connection is closed.
    pub fn disconnected(&mut self, now: Timestamp, id: StrangerId) {
        let stranger = self.strangers.remove(&id);
        self.is_changed |= stranger.is_some_and(|gone| matches!(gone.stage, Stage::Waiting(_)));
        self.give_answers(now);
    }
}

/// What the person at the host does, apart from [deciding](AdmissionControl::decide).
impl AdmissionControl {
    /// Replaces the code, and lifts the pause of codes.
    pub fn new_code(&mut self, code: JoinCode) {
        self.code.replace(code);
        self.is_changed = true;
    }

    /// Removes `key`, whose participant was called `name`: it is not known any more, and
    /// refused until it is [admitted by its name](Self::admit_by_name) or the session
    /// ends. Its user knows the old code, so `code` replaces it.
    pub fn remove_key(&mut self, now: Timestamp, key: PublicKey, name: &str, code: JoinCode) {
        self.is_known_changed |= self.keys.is_known(key);
        self.keys.remove(key, name);
        self.new_code(code);
        let open = self.strangers.iter().filter(|(_, stranger)| {
            stranger.key == Some(key) && !matches!(stranger.stage, Stage::Ended)
        });
        for id in open.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.refuse(now, id, EntryRefusal::Removed);
        }
    }
}
