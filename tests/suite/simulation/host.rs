//! The simulated host: a real `Session`, with the same duties as
//! `imbolc_net::server` has around it.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    protocol::{
        ClientId, Hello, ProtocolError, Refusal, Resume, SessionId, SessionToken,
        framing::{self, Format},
    },
    studio::{AutomationAction, NetworkAction, PianoRollAction},
    sync::session::{
        Accepted, ConnectionId, Credentials, MessageOutcome, Rejected, Session, SessionOutput,
        Update,
    },
    util::time::Timestamp,
};

use super::{
    client::REMOVED,
    engine::DelayedEngine,
    network::Reader,
    oracle::{Cause, Checked, Oracle, Pauses, Sent, State, Violation, ensure, numbered},
    plan::HostAction,
    rigged::{ClientMessage, Rigged, ServerMessage, on_host},
    world::{World, initial},
};

/// How long a client has to read the final message.
const FINAL_WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Limit for writing a message, and for the arrival of a `Hello`.
const IO_TIMEOUT: Duration = Duration::from_secs(3);

/// The host's end of a connection.
pub struct Socket {
    reader: Reader,
    stage: HostStage,
    format: Format,
    out: Vec<u8>,
    /// When `out` must be written completely.
    write_by: Option<Timestamp>,
    pull_at: Timestamp,
    pull_on_change: bool,
    /// The first update for this client must be a patch.
    owes_patch: bool,
    pub loses_patch: bool,
}

#[derive(Clone, Copy)]
enum HostStage {
    /// A `Hello` must arrive by this time.
    Hello(Timestamp),
    Connected(ConnectionId),
    /// Writes what remains in `out`, then closes.
    Closing,
}

impl Socket {
    pub fn new(now: Timestamp) -> Self {
        Self {
            reader: Reader::new(),
            stage: HostStage::Hello(now + IO_TIMEOUT),
            format: Format::default(),
            out: Vec::new(),
            write_by: None,
            pull_at: now,
            pull_on_change: false,
            owes_patch: false,
            loses_patch: false,
        }
    }

    fn send(&mut self, message: &ServerMessage) {
        self.format.encode(message, &mut self.out).unwrap();
    }

    /// The next time at which this socket acts without new input.
    pub fn due(&self) -> Option<Timestamp> {
        let stage = match self.stage {
            HostStage::Hello(deadline) => Some(deadline),
            HostStage::Connected(_) if self.out.is_empty() => Some(self.pull_at),
            HostStage::Connected(_) | HostStage::Closing => None,
        };
        stage.into_iter().chain(self.write_by).min()
    }
}

impl World<'_> {
    /// Calls the session and checks the transition.
    pub fn with_session<T>(
        &mut self,
        cause: &Cause,
        call: impl FnOnce(&mut Session<Rigged>, Timestamp) -> T,
    ) -> Checked<(T, State)> {
        let before = Arc::clone(self.session.state());
        let result = on_host(|| call(&mut self.session, self.now));
        let after = self.session.state();
        self.oracle.check_transition(self.now, &before, after, cause)?;
        if !Arc::ptr_eq(&before, after) {
            let now = self.now;
            for socket in self.sockets.values_mut().filter(|socket| socket.pull_on_change) {
                socket.pull_at = now;
            }
        }
        self.drain_session();
        Ok((result, before))
    }

    /// Polls the session until it waits, and keeps when its timers are due and what the
    /// engine must do.
    fn drain_session(&mut self) {
        let mut tasks = Vec::new();
        self.session_due = loop {
            match self.session.poll() {
                SessionOutput::Effect(_, effect) => tasks.push(Some(effect)),
                SessionOutput::Replaced => tasks.push(None),
                SessionOutput::Wait(due) => break due,
                _ => {}
            }
        };
        self.engine.hand_over(self.now, self.session.state(), tasks);
    }

    pub fn host_times_out(&mut self) -> Checked {
        let (_, before) = self.with_session(&Cause::Timers, Session::handle_timeout)?;
        // Most of these calls only show that the host runs.
        self.idle += u64::from(Arc::ptr_eq(&before, self.session.state()));
        Ok(())
    }

    pub fn host_is_stopped(&self) -> bool {
        self.host_paused.is_some_and(|(_, until)| self.now < until)
    }

    /// The host runs again. What has queued meanwhile is handled in any order.
    pub fn host_wakes(&mut self) -> Checked {
        let Some((since, _)) = self.host_paused.take() else { return Ok(()) };
        self.oracle.host_paused(self.now.since(since));
        let mut tasks: Vec<_> = self.sockets.keys().copied().map(Some).collect();
        // The timers.
        tasks.push(None);
        while !tasks.is_empty() {
            match tasks.swap_remove(self.rng.index(tasks.len())) {
                None => self.host_times_out()?,
                Some(id) => {
                    self.host_writes(id);
                    self.host_reads(id)?;
                    let end = self.wires.get(&id).and_then(|wire| {
                        wire.up.end_due().into_iter().chain(wire.host_sees_break).min()
                    });
                    if end.is_some_and(|end| end <= self.now) {
                        self.host_sees_end(id)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub fn perform_host_action(&mut self, action: &HostAction) -> Checked {
        let host = ClientId::HOST;
        if self.host_is_stopped() {
            return Ok(());
        }
        match action {
            HostAction::Act(n) => {
                let plan = self.plan;
                for action in plan.pool.iter().cycle().skip(*n).take(8) {
                    let cause = Cause::Act(host, action);
                    let (done, before) = self.with_session(&cause, |s, now| s.act(now, action))?;
                    if done.is_ok() {
                        break;
                    }
                    let unchanged = Arc::ptr_eq(&before, self.session.state());
                    ensure(unchanged, "a refused action changes nothing", || {
                        format!("{action:?}")
                    })?;
                }
                Ok(())
            }
            HostAction::Batch(n, length) => {
                let plan = self.plan;
                for start in *n..n + 8 {
                    let actions = plan.batch(start, *length);
                    let cause = Cause::Batch(host, &actions);
                    let (done, before) =
                        self.with_session(&cause, |s, now| s.act_all(now, &actions))?;
                    if done.is_ok() {
                        self.stats.batches += 1;
                        break;
                    }
                    let unchanged = Arc::ptr_eq(&before, self.session.state());
                    ensure(unchanged, "a refused batch changes nothing", || {
                        format!("{actions:?}")
                    })?;
                }
                Ok(())
            }
            HostAction::Undo => {
                self.with_session(&Cause::UndoOrRedo(host), |s, _| s.undo()).map(drop)
            }
            HostAction::Redo => {
                self.with_session(&Cause::UndoOrRedo(host), |s, _| s.redo()).map(drop)
            }
            HostAction::Claim(id) => {
                let ids = [InstrumentId(*id)];
                self.with_session(&Cause::Claim(host), |s, _| s.claim(host, &ids)).map(drop)
            }
            HostAction::Release(id) => {
                let ids = [InstrumentId(*id)];
                let cause = Cause::Release(host, &ids);
                self.with_session(&cause, |s, _| s.release(host, &ids)).map(drop)
            }
            HostAction::Revoke => {
                let cause = Cause::RequestPrivilege(host);
                let (granted, _) =
                    self.with_session(&cause, |s, now| s.request_privilege(now, host))?;
                ensure(granted.is_ok(), "the host can take the privilege", String::new)
            }
            HostAction::ReleasePrivilege => {
                let cause = Cause::ReleasePrivilege(host);
                self.with_session(&cause, |s, _| s.release_privilege(host)).map(drop)
            }
            HostAction::Engine(n) => {
                let pool = self.plan.pool.iter().cycle().skip(*n).take(self.plan.pool.len());
                let is_of_engine = |action: &&_| match action {
                    NetworkAction::ProjectReport(_) => n % 4 == 0,
                    NetworkAction::PianoRoll(_, PianoRollAction::Paste(_))
                    | NetworkAction::Automation(_, AutomationAction::Put(_)) => n % 4 != 0,
                    _ => false,
                };
                let Some(action) = pool.into_iter().find(is_of_engine) else { return Ok(()) };
                self.with_session(&Cause::Engine(action), |s, _| s.act_for_engine(action)).map(drop)
            }
            HostAction::Transport(action) => {
                let action = NetworkAction::Transport(*action);
                // It may not have the privilege.
                self.with_session(&Cause::Act(host, &action), |s, now| s.act(now, &action))
                    .map(drop)
            }
            HostAction::EngineWorks => {
                self.engine_works();
                Ok(())
            }
            HostAction::EngineOverrun => {
                self.engine.overrun();
                Ok(())
            }
            HostAction::EngineIsHeard => self.engine_is_heard(),
            HostAction::SetRole(n, role) => {
                let Some(client) = self.nth_guest(*n) else { return Ok(()) };
                let cause = Cause::Moderation(client);
                let (done, _) = self.with_session(&cause, |s, _| s.set_role(client, *role))?;
                let state = self.session.state();
                let is_so = state.roster.participants[&client].role == *role;
                ensure(done && is_so, "the host decides the roles", || client.to_string())
            }
            HostAction::Remove(n) => {
                let Some(client) = self.nth_guest(*n) else { return Ok(()) };
                let cause = Cause::Moderation(client);
                let (removed, _) =
                    self.with_session(&cause, |s, _| s.remove_participant(client))?;
                self.oracle.removed(client, removed.as_ref().and_then(|removed| removed.key));
                self.stats.removed += 1;
                ensure(removed.is_some(), "the host removes participants", || client.to_string())
            }
            HostAction::Readmit => {
                self.readmit_all();
                Ok(())
            }
            HostAction::Free(n) => {
                let Some(client) = self.nth_guest(*n) else { return Ok(()) };
                let is_away = self.session.state().roster.is_away(client);
                let cause = Cause::Moderation(client);
                let (freed, _) = self.with_session(&cause, |s, _| s.free(client))?;
                ensure(freed == is_away, "what an absent participant owns is freed", || {
                    client.to_string()
                })
            }
            HostAction::Restart => {
                self.restart();
                Ok(())
            }
            HostAction::Pause(millis) => {
                let until = self.now + Duration::from_millis(*millis);
                self.host_paused = Some((self.now, until));
                Ok(())
            }
        }
    }

    /// The `n`th participant, not counting the host.
    fn nth_guest(&self, n: usize) -> Option<ClientId> {
        let roster = &self.session.state().roster;
        let mut guests = roster.participants.keys().filter(|client| **client != ClientId::HOST);
        guests.nth(n).copied()
    }

    pub fn readmit_all(&mut self) {
        for key in std::mem::take(&mut self.oracle.removed_keys) {
            assert!(self.session.readmit_key(key));
        }
    }

    /// The process restarts and loses everything that it held in memory.
    fn restart(&mut self) {
        self.sessions += 1;
        let id = SessionId::new([self.sessions; 16]);
        let config = self.plan.session.clone();
        self.session_due = None;
        self.session = Session::hosted(config, id, "host", initial(self.plan));
        self.oracle = Oracle::new(&self.plan.session, self.session.state());
        self.engine = DelayedEngine::new(self.session.state());
        for wire in std::mem::take(&mut self.sockets).into_keys() {
            self.close_socket(wire);
        }
    }

    fn close_socket(&mut self, wire: u64) {
        self.sockets.remove(&wire);
        if let Some(wire) = self.wires.get_mut(&wire) {
            wire.down.end(self.now);
        }
    }

    /// The host sees that a connection is lost.
    pub fn host_loses(&mut self, wire: u64) -> Checked {
        let Some(socket) = self.sockets.get(&wire) else { return Ok(()) };
        let stage = socket.stage;
        self.close_socket(wire);
        if let HostStage::Connected(connection) = stage {
            self.with_session(&Cause::Presence, |s, now| s.disconnected(now, connection))?;
        }
        Ok(())
    }

    fn host_closes(&mut self, wire: u64, error: Option<ProtocolError>) -> Checked {
        let Some(socket) = self.sockets.get_mut(&wire) else { return Ok(()) };
        let stage = std::mem::replace(&mut socket.stage, HostStage::Closing);
        if let Some(error) = error {
            socket.send(&ServerMessage::Error(error));
        }
        socket.write_by = Some(self.now + FINAL_WRITE_TIMEOUT);
        if let HostStage::Connected(connection) = stage {
            self.with_session(&Cause::Presence, |s, now| s.disconnected(now, connection))?;
        }
        self.host_writes(wire);
        Ok(())
    }

    /// Writes as much of `out` as the connection has room for.
    pub fn host_writes(&mut self, id: u64) {
        if self.host_is_stopped() {
            return;
        }
        let (Some(socket), Some(wire)) = (self.sockets.get_mut(&id), self.wires.get_mut(&id))
        else {
            return;
        };
        wire.down.write(self.now, &mut socket.out);
        if socket.out.is_empty() {
            if matches!(socket.stage, HostStage::Closing) {
                self.close_socket(id);
            } else {
                socket.write_by = None;
            }
        } else if socket.write_by.is_none() {
            socket.write_by = Some(self.now + IO_TIMEOUT);
        }
    }

    /// Reads and handles what has arrived, unless the client does not drain its
    /// answers.
    pub fn host_reads(&mut self, id: u64) -> Checked {
        if self.host_is_stopped() {
            return Ok(());
        }
        loop {
            let (Some(socket), Some(wire)) = (self.sockets.get_mut(&id), self.wires.get_mut(&id))
            else {
                return Ok(());
            };
            match socket.stage {
                HostStage::Connected(connection) if !self.session.has_room(connection) => {
                    return Ok(());
                }
                HostStage::Closing => return Ok(()),
                HostStage::Hello(_) | HostStage::Connected(_) => {}
            }
            let Some(frame) = socket.reader.next() else {
                if !wire.up.has_arrived() {
                    return Ok(());
                }
                wire.up.read(&mut socket.reader);
                let bound = wire.up.room() + 256 * 1024;
                ensure(socket.reader.held() <= bound, "memory is bounded: reading", String::new)?;
                continue;
            };
            let codec = socket.format.codec;
            let message = framing::decode(codec, &frame).map_err(|error| Violation {
                rule: "every frame arrives complete",
                detail: format!("{error}: {}", String::from_utf8_lossy(&frame)),
            })?;
            match (socket.stage, message) {
                (HostStage::Hello(_), ClientMessage::Hello(hello)) => {
                    self.host_handles_hello(id, &hello)?
                }
                (HostStage::Connected(connection), message) => {
                    self.host_handles(id, connection, message)?
                }
                (_, message) => {
                    let detail = format!("{message:?}");
                    return Err(Violation { rule: "a connection begins with Hello", detail });
                }
            }
        }
    }

    fn host_handles_hello(&mut self, id: u64, hello: &Hello) -> Checked {
        let token = self.token();
        let key = self.wires.get(&id).and_then(|wire| self.clients[wire.index].key);
        let place = key.zip(hello.instance);
        let known = match place {
            Some(place) => self.oracle.places.get(&place).copied(),
            None => {
                let shown = hello.resume.as_ref().and_then(|resume| resume.token);
                shown.and_then(|token| self.oracle.owner_of(token))
            }
        };
        let remembered = hello.resume.as_ref().and_then(|resume| resume.client_id);
        let roster = Arc::clone(&self.session.state().roster);
        let known = known.filter(|client| {
            roster.participants.contains_key(client)
                && remembered.is_none_or(|remembered| remembered == *client)
        });
        let credentials = key.map_or(Credentials::plain(token), Credentials::proven);
        let (answer, _) =
            self.with_session(&Cause::Presence, |s, now| s.handle_hello(now, hello, credentials))?;
        let is_removed = key.is_some_and(|key| self.oracle.removed_keys.contains(&key));
        let refused = matches!(answer, Err(Rejected::Unfit(REMOVED)));
        ensure(refused == is_removed, "a removed key is refused", || format!("{key:?}"))?;
        let newest = known.map_or(0, |client| self.oracle.record(client).attempt);
        let is_newer = hello.attempt == 0 || hello.attempt > newest || refused;
        let superseded = matches!(answer, Err(Rejected::Unfit(ProtocolError::Superseded)));
        ensure(superseded != is_newer, "a newer attempt beats an older one", || {
            format!("{known:?}: {} after {newest}", hello.attempt)
        })?;
        let (stage, answer) = match answer {
            Ok(Accepted { connection, format, answer }) => {
                let resumed = hello.resume.is_some();
                let client = connection.client;
                let is_its = if resumed {
                    known == Some(client)
                } else {
                    !roster.participants.contains_key(&client)
                };
                ensure(is_its, "no client gets the place of another", || {
                    format!("{client} for {place:?}, known as {known:?}")
                })?;
                let shown = self.session.state().roster.participants[&client].key;
                ensure(shown == key, "the roster shows the proven key", || client.to_string())?;
                if let Some(lost) = known.filter(|_| !resumed) {
                    let state = self.session.state();
                    let is_gone = !state.roster.participants.contains_key(&lost);
                    ensure(is_gone, "no second place is left", || lost.to_string())?;
                    self.oracle.record(lost).taken_over = true;
                    self.stats.taken_over += 1;
                }
                self.oracle.places.extend(place.map(|place| (place, client)));
                let record = self.oracle.record(connection.client);
                record.attempt = record.attempt.max(hello.attempt);
                let owes = self.record_admission(connection, hello.resume.as_ref(), token)?;
                let socket = self.sockets.get_mut(&id).unwrap();
                socket.format = format;
                socket.owes_patch = owes;
                (HostStage::Connected(connection), answer)
            }
            Err(Rejected::Unknown(reason)) => {
                ensure(known.is_none(), "a client can resume within the window", || {
                    format!("{known:?} was rejected")
                })?;
                (HostStage::Closing, ServerMessage::ReconnectFailed { reason })
            }
            Err(Rejected::Unfit(error)) => (HostStage::Closing, ServerMessage::Error(error)),
            Err(other) => panic!("{other:?}"),
        };
        let by = self.now + IO_TIMEOUT;
        let socket = self.sockets.get_mut(&id).unwrap();
        socket.stage = stage;
        socket.send(&answer);
        socket.write_by = Some(by);
        socket.pull_at = self.now;
        self.host_writes(id);
        Ok(())
    }

    /// Records a join or a resumption. Returns whether a patch must suffice to
    /// resume.
    fn record_admission(
        &mut self,
        connection: ConnectionId,
        resume: Option<&Resume>,
        token: SessionToken,
    ) -> Checked<bool> {
        let client = connection.client;
        let seq = resume.and_then(|resume| resume.seq);
        let owes = seq.and_then(|seq| self.oracle.base_first_sent(self.now, client, seq));
        if let Some(resume) = resume {
            if let Some(token) = resume.token {
                self.oracle.token_used(client, token);
            }
            let state = self.session.state();
            let silent = state.roster.owned_by(client).all(|id| {
                let instrument = state.model.instruments.get(id);
                instrument.is_none_or(|instrument| instrument.sounding.is_empty())
            });
            ensure(silent, "a resuming client holds no key", || client.to_string())?;
        }
        self.oracle.token_issued(client, token);
        let now = self.now;
        let at = self.session.state().seq;
        let record = self.oracle.record(client);
        record.connection = Some(connection);
        record.last_received = now;
        record.pauses = Pauses::default();
        // The state that the client resumed with counts only if the session
        // must remember it.
        let base = match (seq, owes) {
            (None, _) => Some(Sent { seq: at, at: now, first: now }),
            (Some(seq), Some(first)) => Some(Sent { seq, at: now, first }),
            (Some(_), None) => None,
        };
        record.sent = base.into_iter().collect();
        Ok(owes.is_some())
    }

    fn host_handles(
        &mut self,
        id: u64,
        connection: ConnectionId,
        message: ClientMessage,
    ) -> Checked {
        let client = connection.client;
        let is_member = self.session.state().roster.participants.contains_key(&client);
        let gone = !is_member || self.session.state().roster.is_away(client);
        let stale = self.oracle.record(client).connection != Some(connection);
        let request = numbered(&message);
        let cause = match &message {
            ClientMessage::Action { action, .. } => Cause::Act(client, action),
            ClientMessage::Batch { actions, .. } => Cause::Batch(client, actions),
            ClientMessage::Undo { .. } | ClientMessage::Redo { .. } => Cause::UndoOrRedo(client),
            ClientMessage::RequestOwnership { .. } => Cause::Claim(client),
            ClientMessage::ReleaseOwnership { instruments } => Cause::Release(client, instruments),
            ClientMessage::RequestPrivilege => Cause::RequestPrivilege(client),
            ClientMessage::ReleasePrivilege => Cause::ReleasePrivilege(client),
            ClientMessage::Goodbye => Cause::Presence,
            _ => Cause::Unrelated,
        };
        let copy = message.clone();
        let (result, before) =
            self.with_session(&cause, |s, now| s.handle(now, connection, copy))?;
        let outcome = match result {
            Err(error) => {
                let expected = match error {
                    ProtocolError::Superseded => stale || self.oracle.record(client).taken_over,
                    REMOVED => !stale && self.oracle.record(client).removed,
                    ProtocolError::Silent { .. } => !stale && gone,
                    ProtocolError::Expired { .. } => !stale && !is_member,
                    _ => false,
                };
                ensure(expected, "no party violates the protocol", || {
                    format!("{client}: {error}")
                })?;
                return self.host_closes(id, Some(error));
            }
            Ok(MessageOutcome::Leaving) => {
                self.sockets.get_mut(&id).unwrap().stage = HostStage::Closing;
                self.host_writes(id);
                return Ok(());
            }
            Ok(MessageOutcome::Staying) => Ok(()),
            Ok(MessageOutcome::Refused(reason)) => Err(reason),
        };
        ensure(!stale && !gone, "a superseded connection has no effect", || {
            format!("{client}: {message:?}")
        })?;
        let now = self.now;
        let record = self.oracle.record(client);
        record.last_received = now;
        record.pauses = Pauses::default();
        self.stats.received += 1;
        if let Some(request) = request {
            self.stats.refused += u64::from(outcome.is_err());
            self.stats.viewers += u64::from(outcome == Err(Refusal::Viewer));
            let unchanged = Arc::ptr_eq(&before, self.session.state());
            self.oracle.check_outcome(client, request, outcome, unchanged)?;
        }
        self.check_request_order(client, &message)?;
        let now = self.now;
        self.sockets.get_mut(&id).unwrap().pull_at = now;
        Ok(())
    }

    /// A deadline of this socket has passed, or it may have something to send.
    pub fn host_is_due(&mut self, id: u64) -> Checked {
        let Some(socket) = self.sockets.get(&id) else { return Ok(()) };
        if socket.write_by.is_some_and(|by| by <= self.now) {
            return self.host_loses(id);
        }
        match socket.stage {
            HostStage::Hello(_) => self.host_loses(id),
            HostStage::Connected(connection) => self.pull(id, connection),
            HostStage::Closing => Ok(()),
        }
    }

    fn pull(&mut self, id: u64, connection: ConnectionId) -> Checked {
        let outgoing = match on_host(|| self.session.pull(self.now, connection)) {
            Ok(outgoing) => outgoing,
            Err(error) => return self.host_closes(id, Some(error)),
        };
        self.drain_session();
        // Besides answers: an acknowledgement, a pong, a ping and one more
        // message.
        let bound = self.plan.session.max_answers + 4;
        let count = outgoing.messages.len();
        ensure(count <= bound, "memory is bounded: answers", || format!("{count} messages"))?;
        let socket = self.sockets.get_mut(&id).unwrap();
        socket.pull_at = outgoing.next.at;
        socket.pull_on_change = outgoing.next.on_change;
        let owes_patch = std::mem::take(&mut socket.owes_patch);
        if outgoing.is_empty() {
            self.idle += 1;
            return self.host_reads(id);
        }
        for message in &outgoing.messages {
            socket.send(message);
        }
        if let Some(update) = outgoing.update {
            let (message, seq) = match update {
                Update::Patch { from, to } => {
                    self.stats.patches += 1;
                    (ServerMessage::StatePatchUpdate(from.patch_to(&to)), to.seq)
                }
                Update::Full(state) => {
                    self.stats.fulls += 1;
                    ensure(!owes_patch, "a resuming client receives a patch", || {
                        format!("{} received the full state", connection.client)
                    })?;
                    (ServerMessage::FullStateSync { state: (*state).clone() }, state.seq)
                }
            };
            // Full states are never dropped, because they repair a lost patch.
            let is_patch = matches!(message, ServerMessage::StatePatchUpdate(_));
            if !is_patch || !std::mem::take(&mut socket.loses_patch) {
                socket.send(&message);
            }
            let record = self.oracle.record(connection.client);
            record.sent.push_back(Sent { seq, at: self.now, first: self.now });
            if record.sent.len() > 1024 {
                record.sent.pop_front();
            }
        }
        self.host_writes(id);
        self.host_reads(id)
    }
}
