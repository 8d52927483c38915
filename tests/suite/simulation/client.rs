//! A simulated client: a real `Mirror`, with the same duties as
//! `imbolc_net::client` has around it.

use std::time::Duration;

use imbolc_net::{
    model::InstrumentId,
    protocol::{
        EntryRefusal, Hello, NetworkState, ProtocolError, Reconnected, Resume, Role, SessionToken,
        Welcome,
        framing::{self, Codec, Format},
        limits,
    },
    security::PublicKey,
    sync::SessionEvent,
    sync::mirror::Mirror,
    util::time::Timestamp,
};

use super::{
    mirror_checks::{MirrorLog, drain},
    network::{Reader, Wire},
    oracle::{Checked, NumberedRequest, Violation, ensure},
    participant::own,
    rigged::{ClientMessage, Rigged, ServerMessage},
    world::World,
};
use crate::harness;

/// What a client that the host has removed is told.
pub const REMOVED: ProtocolError = ProtocolError::NotAdmitted(EntryRefusal::Removed);

/// Messages encoded at once.
const BATCH: usize = 32;

/// The client's side of a run.
pub struct Client {
    pub stage: ClientStage,
    reader: Reader,
    out: Vec<u8>,
    write_by: Option<Timestamp>,
    pub mirror: Option<Mirror<Rigged>>,
    /// Resumed without a mirror (after a crash), waiting for the full state.
    back: Option<Reconnected>,
    /// `None` for a plain client.
    pub key: Option<PublicKey>,
    /// Which program it is, which survives some crashes.
    instance: u8,
    /// Whether it knows that it has a place, which survives some crashes.
    has_place: bool,
    /// The token of a plain client, which survives some crashes.
    pub token: Option<SessionToken>,
    /// How often it tried to connect, which is lost with the instance only.
    attempts: u64,
    last_received: Timestamp,
    ping_at: Timestamp,
    pub sleeps_until: Timestamp,
    pub reads_from: Timestamp,
    pause: Duration,
    /// How often this participant turned its knob.
    pub turns: u16,
    pub log: MirrorLog,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClientStage {
    /// Connects at this time.
    Offline(Timestamp),
    /// Sent `Hello`; the answer must arrive by this time.
    Handshaking(u64, Timestamp),
    Connected(u64),
}

impl Client {
    pub fn new(index: usize, at: Timestamp) -> Self {
        let key = u8::try_from(index).ok().filter(|index| index % 2 == 0).map(harness::key);
        Self {
            key,
            instance: 0,
            has_place: false,
            stage: ClientStage::Offline(at),
            reader: Reader::new(),
            out: Vec::new(),
            write_by: None,
            mirror: None,
            back: None,
            token: None,
            attempts: 0,
            last_received: at,
            ping_at: at,
            sleeps_until: Timestamp::ZERO,
            reads_from: Timestamp::ZERO,
            pause: Duration::ZERO,
            turns: 0,
            log: MirrorLog::default(),
        }
    }

    pub const fn wire(&self) -> Option<u64> {
        match self.stage {
            ClientStage::Offline(_) => None,
            ClientStage::Handshaking(wire, _) | ClientStage::Connected(wire) => Some(wire),
        }
    }

    /// The next time at which this client acts without new input.
    pub fn due(&self, idle_timeout: Duration) -> Timestamp {
        let at = match self.stage {
            ClientStage::Offline(at) | ClientStage::Handshaking(_, at) => at,
            ClientStage::Connected(_) => self.ping_at.min(self.last_received + idle_timeout),
        };
        let at = self.write_by.map_or(at, |by| by.min(at));
        at.max(self.sleeps_until)
    }

    pub fn is_settled(&self) -> bool {
        self.log.pending.is_empty()
            && self.out.is_empty()
            && matches!(self.stage, ClientStage::Connected(_))
    }
}

impl World<'_> {
    fn connect(&mut self, index: usize) {
        let participant = &self.plan.participants[index];
        let wire = Wire::new(&mut self.rng, index, participant);
        let wire = self.open(wire);
        let by = self.now + self.plan.client.connect_timeout;
        let client = &mut self.clients[index];
        client.attempts += 1;
        let resume = match &client.mirror {
            Some(mirror) => mirror.resume(),
            None => {
                let token = client.token;
                Resume { token, client_id: None, seq: None, answered: None, history: 0 }
            }
        };
        let resume = client.has_place.then_some(resume);
        let role = if client.attempts % 8 == 7 { Role::Viewer } else { Role::Player };
        let others = u32::try_from(index).unwrap() + 1;
        let Format { codec, compression } = self.plan.format;
        let hello = Hello {
            codecs: vec![codec.name().into()],
            compression: compression.iter().map(|way| way.name().into()).collect(),
            own: vec![own(index), InstrumentId(others)],
            attempt: client.attempts,
            checks_digests: index % 2 == 1,
            role,
            instance: Some(harness::instance(client.instance)),
            resume,
            ..harness::hello(&format!("P{index}"))
        };
        client.stage = ClientStage::Handshaking(wire, by);
        client.reader = Reader::new();
        client.out.clear();
        client.back = None;
        client.write_by = None;
        framing::encode(Codec::Json, &ClientMessage::Hello(hello), &mut client.out).unwrap();
        self.client_writes(index);
    }

    /// The client drops its connection and schedules the next attempt.
    pub fn client_loses(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(wire) = client.wire() else { return };
        let (first, last) = (self.plan.client.initial_backoff, self.plan.client.max_backoff);
        client.pause = (client.pause * 2).clamp(first, last);
        client.stage = ClientStage::Offline(self.now + client.pause);
        client.write_by = None;
        if let Some(wire) = self.wires.get_mut(&wire) {
            wire.up.end(self.now);
        }
    }

    pub fn crash(&mut self, index: usize, keeps_token: bool, away: Duration) {
        self.client_loses(index);
        let client = &mut self.clients[index];
        client.mirror = None;
        client.log = MirrorLog::default();
        client.stage = ClientStage::Offline(self.now + away);
        if !keeps_token {
            client.token = None;
            client.has_place = false;
            // Half of the time it still knows which program it is.
            if client.attempts.is_multiple_of(2) {
                client.instance = client.instance.wrapping_add(1);
                client.attempts = 0;
            }
        }
        self.ownership_requests.retain(|_, request| request.index != index);
    }

    pub fn client_is_due(&mut self, index: usize) -> Checked {
        let idle_timeout = self.plan.client.idle_timeout;
        // After a sleep, first read what arrived meanwhile.
        self.client_reads(index)?;
        let client = &mut self.clients[index];
        let late = client.write_by.is_some_and(|by| by <= self.now);
        match client.stage {
            ClientStage::Offline(at) if at <= self.now => self.connect(index),
            ClientStage::Handshaking(_, by) if by <= self.now || late => self.client_loses(index),
            ClientStage::Connected(_)
                if client.last_received + idle_timeout <= self.now || late =>
            {
                self.client_loses(index)
            }
            ClientStage::Connected(_) if client.ping_at <= self.now => {
                client.ping_at = self.now + self.plan.client.ping_interval;
                let nonce = self.now.micros();
                if let Some(mirror) = &mut client.mirror {
                    mirror.enqueue(ClientMessage::Ping { nonce });
                }
                self.client_sends(index)?;
            }
            _ => {}
        }
        Ok(())
    }

    pub fn client_writes(&mut self, index: usize) {
        let client = &mut self.clients[index];
        let Some(wire) = client.wire().and_then(|wire| self.wires.get_mut(&wire)) else { return };
        wire.up.write(self.now, &mut client.out);
        if client.out.is_empty() {
            client.write_by = None;
        } else if client.write_by.is_none() {
            client.write_by = Some(self.now + self.plan.client.idle_timeout);
        }
    }

    /// Sends the mirror's messages as far as the send buffer has room.
    pub fn client_sends(&mut self, index: usize) -> Checked {
        let codec = self.plan.format.codec;
        loop {
            self.client_writes(index);
            let client = &mut self.clients[index];
            let (ClientStage::Connected(_), Some(mirror), true) =
                (client.stage, &mut client.mirror, client.out.is_empty())
            else {
                return Ok(());
            };
            let batch: Vec<_> = std::iter::from_fn(|| mirror.pull()).take(BATCH).collect();
            for message in &batch {
                if matches!(message, ClientMessage::RequestFullSync) {
                    client.log.must_ask = false;
                    client.log.asked = true;
                }
                framing::encode(codec, message, &mut client.out).unwrap();
            }
            if batch.is_empty() {
                return ensure(
                    !client.log.must_ask,
                    "a client that sees a gap requests a full sync",
                    || format!("participant {index} saw a gap and requested nothing"),
                );
            }
        }
    }

    pub fn client_reads(&mut self, index: usize) -> Checked {
        loop {
            let client = &mut self.clients[index];
            let Some(id) = client.wire() else { return Ok(()) };
            let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
            if client.sleeps_until > self.now || client.reads_from > self.now {
                return Ok(());
            }
            let Some(frame) = client.reader.next() else {
                if !wire.down.has_arrived() {
                    return Ok(());
                }
                wire.down.read(&mut client.reader);
                self.host_writes(id);
                continue;
            };
            client.last_received = self.now;
            let codec = match client.stage {
                ClientStage::Connected(_) => Some(self.plan.format.codec),
                _ => None,
            };
            let message = framing::expand(&frame, limits::SERVER_FRAME).and_then(|frame| {
                framing::decode(codec.unwrap_or_else(|| Codec::of(&frame)), &frame)
            });
            let message = message.map_err(|error| Violation {
                rule: "every frame arrives complete",
                detail: error.to_string(),
            })?;
            match client.stage {
                ClientStage::Handshaking(wire, _) => {
                    self.client_handshake_reply(index, wire, message)?
                }
                _ => self.client_handles(index, message)?,
            }
        }
    }

    fn client_handshake_reply(
        &mut self,
        index: usize,
        wire: u64,
        message: ServerMessage,
    ) -> Checked {
        let client = &mut self.clients[index];
        match message {
            ServerMessage::Welcome(welcome) => self.client_welcomed(index, wire, welcome),
            ServerMessage::ReconnectSuccessful(back) => match &mut client.mirror {
                Some(mirror) => {
                    self.stats.resumed += 1;
                    client.log.applied = client.log.applied.max(back.seq);
                    client.log.must_ask = false;
                    client.log.asked = false;
                    client.token = back.token;
                    mirror.reconnected(back);
                    self.client_connected(index, wire)
                }
                None => {
                    client.back = Some(back);
                    Ok(())
                }
            },
            ServerMessage::FullStateSync { state } if client.back.is_some() => {
                self.client_restored(index, wire, state)
            }
            ServerMessage::ReconnectFailed { .. } => {
                client.token = None;
                client.has_place = false;
                self.client_loses(index);
                self.connect(index);
                Ok(())
            }
            // It tries again until it is admitted again.
            ServerMessage::Error(REMOVED) => {
                self.client_loses(index);
                Ok(())
            }
            // The host timed this connection out before the full state arrived.
            ServerMessage::Error(ProtocolError::Silent { .. }) if client.back.is_some() => {
                self.client_loses(index);
                Ok(())
            }
            ServerMessage::Error(error) => {
                self.client_loses(index);
                ensure(false, "no party violates the protocol", || format!("{index}: {error}"))
            }
            // Other messages do not matter before the handshake is complete.
            _ => Ok(()),
        }
    }

    fn client_welcomed(&mut self, index: usize, wire: u64, welcome: Welcome<Rigged>) -> Checked {
        self.clients[index].token = welcome.token;
        self.clients[index].has_place = true;
        self.ownership_requests.retain(|_, request| request.index != index);
        let client = &mut self.clients[index];
        match &mut client.mirror {
            Some(mirror) => {
                mirror.start_anew(welcome);
                let lost: Vec<_> = std::mem::take(&mut client.log.pending)
                    .into_values()
                    .flat_map(|request| match request {
                        NumberedRequest::Act(action) => vec![action],
                        NumberedRequest::Batch(actions) => actions,
                        NumberedRequest::Undo | NumberedRequest::Redo => vec![],
                    })
                    .collect();
                let told = drain(mirror).0.into_iter().find_map(|event| match event {
                    SessionEvent::NewSession { unanswered, .. } => Some(unanswered),
                    _ => None,
                });
                ensure(told.as_ref() == Some(&lost), "lost requests are reported", || {
                    format!("participant {index} lost {lost:?} and was told {told:?}")
                })?;
                self.stats.reported += lost.len() as u64;
            }
            None => client.mirror = Some(Mirror::new(welcome, self.plan.client.backlog)),
        }
        self.clients[index].log = MirrorLog::default();
        self.client_connected(index, wire)
    }

    /// The full state arrived after a resumption without a mirror.
    fn client_restored(&mut self, index: usize, wire: u64, state: NetworkState<Rigged>) -> Checked {
        let client = &mut self.clients[index];
        let Some(back) = client.back.take() else { return Ok(()) };
        self.stats.resumed += 1;
        client.token = back.token;
        let last = back.last_action;
        let mirror = Mirror::resumed(back, state, self.plan.client.backlog);
        // Requests of the crashed process that the host has not received no longer
        // count.
        self.oracle.record(mirror.client()).requests.split_off(&last.next().0);
        client.log = MirrorLog { last: last.0, ..MirrorLog::default() };
        client.mirror = Some(mirror);
        self.client_connected(index, wire)
    }

    fn client_connected(&mut self, index: usize, wire: u64) -> Checked {
        let client = &mut self.clients[index];
        client.stage = ClientStage::Connected(wire);
        client.pause = Duration::ZERO;
        client.ping_at = self.now;
        self.check_mirror(index)?;
        self.client_sends(index)
    }

    fn client_handles(&mut self, index: usize, message: ServerMessage) -> Checked {
        if matches!(message, ServerMessage::Error(_) | ServerMessage::Shutdown) {
            self.client_loses(index);
            return Ok(());
        }
        let client = &mut self.clients[index];
        let Some(mirror) = &mut client.mirror else { return Ok(()) };
        match &message {
            ServerMessage::ActionsApplied { seq, .. } => {
                client.log.applied = client.log.applied.max(*seq);
            }
            ServerMessage::StatePatchUpdate(patch) if patch.base > mirror.confirmed().seq => {
                client.log.must_ask = !client.log.asked;
            }
            ServerMessage::FullStateSync { .. } => client.log.asked = false,
            _ => {}
        }
        mirror.handle(message);
        self.check_mirror(index)?;
        self.client_sends(index)
    }
}
