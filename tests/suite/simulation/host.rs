//! The host: the real session, and a shell around it as `server` is one.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    protocol::{
        ClientId, ClientMessage, Hello, ProtocolError, Resume, ServerMessage, SessionId,
        SessionToken,
        framing::{self, Format},
    },
    studio::{NetworkAction, Studio},
    sync::session::{Admission, ConnectionId, MessageOutcome, Rejected, Session, Update},
    util::time::Timestamp,
};

use super::{
    network::Reader,
    oracle::{Cause, Checked, Oracle, Sent, State, Violation, demand, numbered},
    plan::Hosting,
    world::{World, initial},
};

/// How long a client has to take the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long writing something, or waiting for a `Hello`, may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// The host's end of a line.
pub struct Socket {
    reader: Reader,
    stage: Stage,
    format: Format,
    out: Vec<u8>,
    /// When what is in `out` must be written.
    write_by: Option<Timestamp>,
    pull_at: Timestamp,
    pull_on_change: bool,
    /// Its client must get a difference first.
    owes_patch: bool,
    pub loses_patch: bool,
}

#[derive(Clone, Copy)]
enum Stage {
    /// A `Hello` must come until then.
    Hello(Timestamp),
    In(ConnectionId),
    /// Only the last words are to be written.
    Over,
}

impl Socket {
    pub fn new(now: Timestamp) -> Self {
        Self {
            reader: Reader::new(),
            stage: Stage::Hello(now + DEADLINE),
            format: Format::default(),
            out: Vec::new(),
            write_by: None,
            pull_at: now,
            pull_on_change: false,
            owes_patch: false,
            loses_patch: false,
        }
    }

    fn say(&mut self, message: &ServerMessage) {
        self.format.encode(message, &mut self.out).unwrap();
    }

    /// When there is something to do, and nothing arrives.
    pub fn due(&self) -> Option<Timestamp> {
        let stage = match self.stage {
            Stage::Hello(deadline) => Some(deadline),
            Stage::In(_) if self.out.is_empty() => Some(self.pull_at),
            Stage::In(_) | Stage::Over => None,
        };
        stage.into_iter().chain(self.write_by).min()
    }
}

impl World<'_> {
    /// Calls the session, and looks at what it did.
    pub fn with_session<T>(
        &mut self,
        cause: &Cause,
        call: impl FnOnce(&mut Session<Studio>, Timestamp) -> T,
    ) -> Checked<(T, State)> {
        let before = Arc::clone(self.session.state());
        let result = call(&mut self.session, self.now);
        let after = self.session.state();
        self.oracle.moved(&before, after, cause)?;
        if !Arc::ptr_eq(&before, after) {
            let now = self.now;
            for socket in self.sockets.values_mut().filter(|socket| socket.pull_on_change) {
                socket.pull_at = now;
            }
        }
        self.session.take_effects();
        self.session.take_forgotten();
        Ok((result, before))
    }

    pub fn host_times_out(&mut self) -> Checked {
        self.with_session(&Cause::Presence, Session::handle_timeout).map(drop)
    }

    pub fn host(&mut self, doing: &Hosting) -> Checked {
        let host = ClientId::HOST;
        match doing {
            Hosting::Act(n) => {
                let plan = self.plan;
                for action in plan.pool.iter().cycle().skip(*n).take(8) {
                    let cause = Cause::Act(host, action);
                    let (done, before) = self.with_session(&cause, |s, now| s.act(now, action))?;
                    if done.is_ok() {
                        break;
                    }
                    let unchanged = Arc::ptr_eq(&before, self.session.state());
                    demand(unchanged, "nothing refused is applied", || format!("{action:?}"))?;
                }
                Ok(())
            }
            Hosting::Undo => self.with_session(&Cause::Trace(host), |s, _| s.undo()).map(drop),
            Hosting::Redo => self.with_session(&Cause::Trace(host), |s, _| s.redo()).map(drop),
            Hosting::Claim(id) => {
                let ids = [InstrumentId(*id)];
                self.with_session(&Cause::Claim(host), |s, _| s.claim(host, &ids)).map(drop)
            }
            Hosting::Release(id) => {
                let ids = [InstrumentId(*id)];
                let cause = Cause::Release(host, &ids);
                self.with_session(&cause, |s, _| s.release(host, &ids)).map(drop)
            }
            Hosting::Revoke => {
                let cause = Cause::AskForPrivilege(host);
                let (granted, _) = self.with_session(&cause, |s, _| s.request_privilege(host))?;
                demand(granted.is_ok(), "the host can take the privilege", String::new)
            }
            Hosting::GivePrivilegeUp => {
                let cause = Cause::GivePrivilegeUp(host);
                self.with_session(&cause, |s, _| s.release_privilege(host)).map(drop)
            }
            Hosting::Engine(n) => {
                let pool = self.plan.pool.iter().cycle().skip(*n).take(self.plan.pool.len());
                let is_report = |action: &&_| matches!(action, NetworkAction::ProjectReport(_));
                let Some(action) = pool.into_iter().find(is_report) else { return Ok(()) };
                self.with_session(&Cause::Engine(action), |s, _| s.act_for_engine(action)).map(drop)
            }
            Hosting::Restart => {
                self.restart();
                Ok(())
            }
        }
    }

    /// The process ends, and with it all that it knew.
    fn restart(&mut self) {
        self.sessions += 1;
        let id = SessionId::new([self.sessions; 16]);
        let config = self.plan.session.clone();
        self.session = Session::hosted(config, id, "host", initial(self.plan));
        self.oracle = Oracle::new(&self.plan.session, self.session.state());
        for wire in std::mem::take(&mut self.sockets).into_keys() {
            self.hang_up(wire);
        }
    }

    fn hang_up(&mut self, wire: u64) {
        self.sockets.remove(&wire);
        if let Some(wire) = self.wires.get_mut(&wire) {
            wire.down.end(self.now);
        }
    }

    /// The host finds that a connection is lost.
    pub fn host_loses(&mut self, wire: u64) -> Checked {
        let Some(socket) = self.sockets.get(&wire) else { return Ok(()) };
        let stage = socket.stage;
        self.hang_up(wire);
        if let Stage::In(ticket) = stage {
            self.with_session(&Cause::Presence, |s, now| s.disconnected(now, ticket))?;
        }
        Ok(())
    }

    fn host_ends(&mut self, wire: u64, error: Option<ProtocolError>) -> Checked {
        let Some(socket) = self.sockets.get_mut(&wire) else { return Ok(()) };
        let stage = std::mem::replace(&mut socket.stage, Stage::Over);
        if let Some(error) = error {
            socket.say(&ServerMessage::Error(error));
        }
        socket.write_by = Some(self.now + LAST_WORDS);
        if let Stage::In(ticket) = stage {
            self.with_session(&Cause::Presence, |s, now| s.disconnected(now, ticket))?;
        }
        self.host_writes(wire);
        Ok(())
    }

    /// What is to be written goes as far as there is room.
    pub fn host_writes(&mut self, id: u64) {
        let (Some(socket), Some(wire)) = (self.sockets.get_mut(&id), self.wires.get_mut(&id))
        else {
            return;
        };
        wire.down.write(self.now, &mut socket.out);
        if socket.out.is_empty() {
            if matches!(socket.stage, Stage::Over) {
                self.hang_up(id);
            } else {
                socket.write_by = None;
            }
        } else if socket.write_by.is_none() {
            socket.write_by = Some(self.now + DEADLINE);
        }
    }

    /// Reads as long as there is something, and who sent it listens.
    pub fn host_reads(&mut self, id: u64) -> Checked {
        loop {
            let (Some(socket), Some(wire)) = (self.sockets.get_mut(&id), self.wires.get_mut(&id))
            else {
                return Ok(());
            };
            match socket.stage {
                Stage::In(ticket) if !self.session.has_room(ticket) => return Ok(()),
                Stage::Over => return Ok(()),
                Stage::Hello(_) | Stage::In(_) => {}
            }
            let Some(frame) = socket.reader.next() else {
                if !wire.up.has_arrived() {
                    return Ok(());
                }
                wire.up.read(&mut socket.reader);
                let bound = wire.up.room() + 256 * 1024;
                demand(socket.reader.held() <= bound, "memory is bounded: reading", String::new)?;
                continue;
            };
            let codec = socket.format.codec;
            let message = framing::decode(codec, &frame).map_err(|error| Violation {
                rule: "every frame arrives whole",
                detail: format!("{error}: {}", String::from_utf8_lossy(&frame)),
            })?;
            match (socket.stage, message) {
                (Stage::Hello(_), ClientMessage::Hello(hello)) => self.admit(id, &hello)?,
                (Stage::In(ticket), message) => self.hear(id, ticket, message)?,
                (_, message) => {
                    let detail = format!("{message:?}");
                    return Err(Violation { rule: "a conversation begins with Hello", detail });
                }
            }
        }
    }

    fn admit(&mut self, id: u64, hello: &Hello) -> Checked {
        let token = self.token();
        let known = hello.resume.as_ref().and_then(|resume| self.oracle.owner_of(resume.token));
        let roster = Arc::clone(&self.session.state().roster);
        let known = known.filter(|client| roster.participants.contains_key(client));
        let (answer, _) =
            self.with_session(&Cause::Presence, |s, now| s.handle_hello(now, hello, token))?;
        let (stage, answer) = match answer {
            Ok(Admission { ticket, format, answer }) => {
                let resumed = hello.resume.is_some();
                demand(
                    !resumed || known == Some(ticket.client),
                    "a token works once, and for its owner",
                    || format!("{} came back as {known:?}", ticket.client),
                )?;
                let owes = self.entered(ticket, hello.resume.as_ref(), token)?;
                let socket = self.sockets.get_mut(&id).unwrap();
                socket.format = format;
                socket.owes_patch = owes;
                (Stage::In(ticket), answer)
            }
            Err(Rejected::Unknown(reason)) => {
                demand(known.is_none(), "who comes back in time is let in", || {
                    format!("{known:?} was not")
                })?;
                (Stage::Over, ServerMessage::ReconnectFailed { reason })
            }
            Err(Rejected::Unfit(error)) => (Stage::Over, ServerMessage::Error(error)),
        };
        let by = self.now + DEADLINE;
        let socket = self.sockets.get_mut(&id).unwrap();
        socket.stage = stage;
        socket.say(&answer);
        socket.write_by = Some(by);
        socket.pull_at = self.now;
        self.host_writes(id);
        Ok(())
    }

    /// Somebody has come in, or back. Returns whether a difference is enough.
    fn entered(
        &mut self,
        ticket: ConnectionId,
        resume: Option<&Resume>,
        token: SessionToken,
    ) -> Checked<bool> {
        let client = ticket.client;
        let seq = resume.and_then(|resume| resume.seq);
        let owes = seq.and_then(|seq| self.oracle.stands_on(self.now, client, seq));
        if let Some(resume) = resume {
            self.oracle.used(client, resume.token);
            let state = self.session.state();
            let silent = state.roster.owned_by(client).all(|id| {
                let instrument = state.model.instruments.get(id);
                instrument.is_none_or(|instrument| instrument.sounding.is_empty())
            });
            demand(silent, "who comes back holds no key", || client.to_string())?;
        }
        self.oracle.gave(client, token);
        let now = self.now;
        let at = self.session.state().seq;
        let book = self.oracle.book(client);
        book.ticket = Some(ticket);
        book.heard = now;
        // What it came back with counts if it is sure to be remembered.
        let base = match (seq, owes) {
            (None, _) => Some(Sent { seq: at, at: now, first: now }),
            (Some(seq), Some(first)) => Some(Sent { seq, at: now, first }),
            (Some(_), None) => None,
        };
        book.sent = base.into_iter().collect();
        Ok(owes.is_some())
    }

    fn hear(&mut self, id: u64, ticket: ConnectionId, message: ClientMessage) -> Checked {
        let client = ticket.client;
        let gone = !self.session.state().roster.participants.contains_key(&client)
            || self.session.state().roster.is_away(client);
        let stale = self.oracle.book(client).ticket != Some(ticket);
        let said = numbered(&message);
        let cause = match &message {
            ClientMessage::Action { action, .. } => Cause::Act(client, action),
            ClientMessage::Undo { .. } | ClientMessage::Redo { .. } => Cause::Trace(client),
            ClientMessage::RequestOwnership { .. } => Cause::Claim(client),
            ClientMessage::ReleaseOwnership { instruments } => Cause::Release(client, instruments),
            ClientMessage::RequestPrivilege => Cause::AskForPrivilege(client),
            ClientMessage::ReleasePrivilege => Cause::GivePrivilegeUp(client),
            ClientMessage::Goodbye => Cause::Presence,
            _ => Cause::Talk,
        };
        let words = message.clone();
        let (heard, before) = self.with_session(&cause, |s, now| s.handle(now, ticket, words))?;
        let outcome = match heard {
            Err(error) => {
                let expected =
                    matches!(error, ProtocolError::Superseded | ProtocolError::Silent { .. })
                        && (stale || gone);
                demand(expected, "nobody breaks the protocol", || format!("{client}: {error}"))?;
                return self.host_ends(id, Some(error));
            }
            Ok(MessageOutcome::Leaving) => {
                self.sockets.get_mut(&id).unwrap().stage = Stage::Over;
                self.host_writes(id);
                return Ok(());
            }
            Ok(MessageOutcome::Staying) => Ok(()),
            Ok(MessageOutcome::Refused(reason)) => Err(reason),
        };
        demand(!stale && !gone, "an old connection does not speak for its client", || {
            format!("{client}: {message:?}")
        })?;
        self.oracle.book(client).heard = self.now;
        self.tally.heard += 1;
        if let Some(said) = said {
            self.tally.refused += u64::from(outcome.is_err());
            let unchanged = Arc::ptr_eq(&before, self.session.state());
            self.oracle.decided(client, said, outcome, unchanged)?;
        }
        self.hear_wish(client, &message)?;
        let now = self.now;
        self.sockets.get_mut(&id).unwrap().pull_at = now;
        Ok(())
    }

    /// A line's time has come: something must have happened, or is to be said.
    pub fn host_is_due(&mut self, id: u64) -> Checked {
        let Some(socket) = self.sockets.get(&id) else { return Ok(()) };
        if socket.write_by.is_some_and(|by| by <= self.now) {
            return self.host_loses(id);
        }
        match socket.stage {
            Stage::Hello(_) => self.host_loses(id),
            Stage::In(ticket) => self.pull(id, ticket),
            Stage::Over => Ok(()),
        }
    }

    fn pull(&mut self, id: u64, ticket: ConnectionId) -> Checked {
        let outgoing = match self.session.pull(self.now, ticket) {
            Ok(outgoing) => outgoing,
            Err(error) => return self.host_ends(id, Some(error)),
        };
        self.session.take_forgotten();
        // An acknowledgement, a pong, a ping, and what is not an answer.
        let bound = self.plan.session.max_answers + 4;
        let said = outgoing.messages.len();
        demand(said <= bound, "memory is bounded: answers", || format!("{said} messages"))?;
        let socket = self.sockets.get_mut(&id).unwrap();
        socket.pull_at = outgoing.next.at;
        socket.pull_on_change = outgoing.next.on_change;
        let owes_patch = std::mem::take(&mut socket.owes_patch);
        if outgoing.is_empty() {
            self.idle += 1;
            return self.host_reads(id);
        }
        for message in &outgoing.messages {
            socket.say(message);
        }
        if let Some(update) = outgoing.update {
            let (message, seq) = match update {
                Update::Patch { from, to } => {
                    self.tally.patches += 1;
                    (ServerMessage::StatePatchUpdate(from.patch_to(&to)), to.seq)
                }
                Update::Full(state) => {
                    self.tally.fulls += 1;
                    demand(!owes_patch, "who comes back gets the difference", || {
                        format!("{} got everything", ticket.client)
                    })?;
                    (ServerMessage::FullStateSync { state: (*state).clone() }, state.seq)
                }
            };
            // Everything, once it was asked for, is what puts right what was lost.
            let is_patch = matches!(message, ServerMessage::StatePatchUpdate(_));
            if !is_patch || !std::mem::take(&mut socket.loses_patch) {
                socket.say(&message);
            }
            let book = self.oracle.book(ticket.client);
            book.sent.push_back(Sent { seq, at: self.now, first: self.now });
            if book.sent.len() > 1024 {
                book.sent.pop_front();
            }
        }
        self.host_writes(id);
        self.host_reads(id)
    }
}
