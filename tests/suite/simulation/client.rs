//! A client: the real mirror, and a shell around it as `client` is one.

use std::time::Duration;

use imbolc_net::{
    dispatcher::Event,
    model::InstrumentId,
    protocol::{
        ClientMessage, Hello, ProtocolError, Reconnected, Resume, ServerMessage, SessionToken,
        framing::{self, Codec, Format},
        limits,
    },
    studio::Studio,
    sync::mirror::Mirror,
    util::time::Timestamp,
};

use super::{
    musician::own,
    network::{Reader, Wire},
    oracle::{Checked, Said, Violation, demand},
    watch::Life,
    world::World,
};
use crate::room;

/// How many messages are written at once.
const BATCH: usize = 32;

/// The client's side of everything.
pub struct Client {
    pub stage: Stage,
    reader: Reader,
    out: Vec<u8>,
    write_by: Option<Timestamp>,
    pub mirror: Option<Mirror<Studio>>,
    /// Has come back without a memory, and waits for everything.
    back: Option<Reconnected>,
    /// What is kept where a crash does not reach.
    pub token: Option<SessionToken>,
    heard: Timestamp,
    ping_at: Timestamp,
    pub sleeps_until: Timestamp,
    pub reads_from: Timestamp,
    pause: Duration,
    /// How far the knob was turned.
    pub turns: u16,
    pub life: Life,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// Tries again then.
    Out(Timestamp),
    /// Has said hello, and must be answered until then.
    Knocking(u64, Timestamp),
    In(u64),
}

impl Client {
    pub fn new(at: Timestamp) -> Self {
        Self {
            stage: Stage::Out(at),
            reader: Reader::new(),
            out: Vec::new(),
            write_by: None,
            mirror: None,
            back: None,
            token: None,
            heard: at,
            ping_at: at,
            sleeps_until: Timestamp::ZERO,
            reads_from: Timestamp::ZERO,
            pause: Duration::ZERO,
            turns: 0,
            life: Life::default(),
        }
    }

    pub const fn wire(&self) -> Option<u64> {
        match self.stage {
            Stage::Out(_) => None,
            Stage::Knocking(wire, _) | Stage::In(wire) => Some(wire),
        }
    }

    /// When there is something to do, and nothing arrives.
    pub fn due(&self, silence: Duration) -> Timestamp {
        let at = match self.stage {
            Stage::Out(at) | Stage::Knocking(_, at) => at,
            Stage::In(_) => self.ping_at.min(self.heard + silence),
        };
        let at = self.write_by.map_or(at, |by| by.min(at));
        at.max(self.sleeps_until)
    }

    pub fn is_settled(&self) -> bool {
        self.life.open.is_empty() && self.out.is_empty() && matches!(self.stage, Stage::In(_))
    }
}

impl World<'_> {
    fn connect(&mut self, who: usize) {
        let person = &self.plan.people[who];
        let wire = Wire::new(&mut self.dice, who, person);
        let wire = self.open(wire);
        let by = self.now + self.plan.client.connect_timeout;
        let client = &mut self.people[who];
        let resume = match &client.mirror {
            Some(mirror) if client.token.is_some() => Some(mirror.resume()),
            _ => client.token.map(|token| Resume { token, seq: None, answered: None }),
        };
        let others = u32::try_from(who).unwrap() + 1;
        let Format { codec, compression } = self.plan.format;
        let hello = Hello {
            codecs: vec![codec.name().into()],
            compression: compression.iter().map(|way| way.name().into()).collect(),
            own: vec![own(who), InstrumentId(others)],
            resume,
            ..room::hello(&format!("P{who}"))
        };
        client.stage = Stage::Knocking(wire, by);
        client.reader = Reader::new();
        client.out.clear();
        client.back = None;
        client.write_by = None;
        framing::encode(Codec::Json, &ClientMessage::<Studio>::Hello(hello), &mut client.out)
            .unwrap();
        self.client_writes(who);
    }

    /// The client gives its line up.
    pub fn client_loses(&mut self, who: usize) {
        let client = &mut self.people[who];
        let Some(wire) = client.wire() else { return };
        let (first, last) = (self.plan.client.initial_backoff, self.plan.client.max_backoff);
        client.pause = (client.pause * 2).clamp(first, last);
        client.stage = Stage::Out(self.now + client.pause);
        client.write_by = None;
        if let Some(wire) = self.wires.get_mut(&wire) {
            wire.up.end(self.now);
        }
    }

    pub fn crash(&mut self, who: usize, keeps_token: bool, away: Duration) {
        self.client_loses(who);
        let client = &mut self.people[who];
        client.mirror = None;
        client.life = Life::default();
        client.stage = Stage::Out(self.now + away);
        if !keeps_token {
            client.token = None;
        }
        self.wishes.retain(|_, wish| wish.who != who);
    }

    pub fn client_is_due(&mut self, who: usize) -> Checked {
        let silence = self.plan.client.idle_timeout;
        // Who wakes finds what has come meanwhile.
        self.client_reads(who)?;
        let client = &mut self.people[who];
        let late = client.write_by.is_some_and(|by| by <= self.now);
        match client.stage {
            Stage::Out(at) if at <= self.now => self.connect(who),
            Stage::Knocking(_, by) if by <= self.now || late => self.client_loses(who),
            Stage::In(_) if client.heard + silence <= self.now || late => self.client_loses(who),
            Stage::In(_) if client.ping_at <= self.now => {
                client.ping_at = self.now + self.plan.client.ping_interval;
                let nonce = self.now.micros();
                if let Some(mirror) = &mut client.mirror {
                    mirror.say(ClientMessage::Ping { nonce });
                }
                self.client_says(who)?;
            }
            _ => {}
        }
        Ok(())
    }

    pub fn client_writes(&mut self, who: usize) {
        let client = &mut self.people[who];
        let Some(wire) = client.wire().and_then(|wire| self.wires.get_mut(&wire)) else { return };
        wire.up.write(self.now, &mut client.out);
        if client.out.is_empty() {
            client.write_by = None;
        } else if client.write_by.is_none() {
            client.write_by = Some(self.now + self.plan.client.idle_timeout);
        }
    }

    /// What the mirror has to say goes as far as there is room.
    pub fn client_says(&mut self, who: usize) -> Checked {
        let codec = self.plan.format.codec;
        loop {
            self.client_writes(who);
            let client = &mut self.people[who];
            let (Stage::In(_), Some(mirror), true) =
                (client.stage, &mut client.mirror, client.out.is_empty())
            else {
                return Ok(());
            };
            let batch: Vec<_> = std::iter::from_fn(|| mirror.poll_message()).take(BATCH).collect();
            for message in &batch {
                if matches!(message, ClientMessage::RequestFullSync) {
                    client.life.must_ask = false;
                    client.life.asked = true;
                }
                framing::encode(codec, message, &mut client.out).unwrap();
            }
            if batch.is_empty() {
                return demand(!client.life.must_ask, "who lacks something asks for it", || {
                    format!("participant {who} saw a gap and said nothing")
                });
            }
        }
    }

    pub fn client_reads(&mut self, who: usize) -> Checked {
        loop {
            let client = &mut self.people[who];
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
            client.heard = self.now;
            let codec = match client.stage {
                Stage::In(_) => Some(self.plan.format.codec),
                _ => None,
            };
            let message = framing::expand(&frame, limits::SERVER_FRAME).and_then(|frame| {
                framing::decode(codec.unwrap_or_else(|| Codec::of(&frame)), &frame)
            });
            let message = message.map_err(|error| Violation {
                rule: "every frame arrives whole",
                detail: error.to_string(),
            })?;
            match client.stage {
                Stage::Knocking(wire, _) => self.client_is_answered(who, wire, message)?,
                _ => self.client_hears(who, message)?,
            }
        }
    }

    fn client_is_answered(&mut self, who: usize, wire: u64, message: ServerMessage) -> Checked {
        let backlog = self.plan.client.backlog;
        let client = &mut self.people[who];
        match message {
            ServerMessage::Welcome(welcome) => {
                client.token = Some(welcome.token);
                self.wishes.retain(|_, wish| wish.who != who);
                let client = &mut self.people[who];
                match &mut client.mirror {
                    Some(mirror) => {
                        mirror.start_anew(welcome);
                        let lost: Vec<_> = std::mem::take(&mut client.life.open)
                            .into_values()
                            .filter_map(|said| match said {
                                Said::Act(action) => Some(action),
                                Said::Undo | Said::Redo => None,
                            })
                            .collect();
                        let told = mirror.take_events().into_iter().find_map(|event| match event {
                            Event::NewSession { unanswered, .. } => Some(unanswered),
                            _ => None,
                        });
                        demand(
                            told.as_ref() == Some(&lost),
                            "what cannot be resumed is reported",
                            || format!("participant {who} lost {lost:?} and was told {told:?}"),
                        )?;
                        self.tally.reported += lost.len() as u64;
                    }
                    None => client.mirror = Some(Mirror::new(welcome, backlog)),
                }
                self.people[who].life = Life::default();
                self.client_is_in(who, wire)
            }
            ServerMessage::ReconnectSuccessful(back) => match &mut client.mirror {
                Some(mirror) => {
                    self.tally.resumed += 1;
                    client.life.applied = client.life.applied.max(back.seq);
                    client.life.must_ask = false;
                    client.life.asked = false;
                    client.token = Some(back.token);
                    mirror.reconnected(back);
                    self.client_is_in(who, wire)
                }
                None => {
                    client.back = Some(back);
                    Ok(())
                }
            },
            ServerMessage::FullStateSync { state } if client.back.is_some() => {
                let back = client.back.take().unwrap();
                self.tally.resumed += 1;
                client.token = Some(back.token);
                let last = back.last_action;
                let mirror = Mirror::resumed(back, state, backlog);
                // What it said in its last life and was not heard of is forgotten.
                let book = self.oracle.book(mirror.client());
                book.said.split_off(&last.next().0);
                client.life = Life { last: last.0, ..Life::default() };
                client.mirror = Some(mirror);
                self.client_is_in(who, wire)
            }
            ServerMessage::ReconnectFailed { .. } => {
                client.token = None;
                self.client_loses(who);
                self.connect(who);
                Ok(())
            }
            // It is in already, and was not heard of since.
            ServerMessage::Error(ProtocolError::Silent { .. }) if client.back.is_some() => {
                self.client_loses(who);
                Ok(())
            }
            ServerMessage::Error(error) => {
                self.client_loses(who);
                demand(false, "nobody breaks the protocol", || format!("{who}: {error}"))
            }
            // Too early for anything else to matter.
            _ => Ok(()),
        }
    }

    fn client_is_in(&mut self, who: usize, wire: u64) -> Checked {
        let client = &mut self.people[who];
        client.stage = Stage::In(wire);
        client.pause = Duration::ZERO;
        client.ping_at = self.now;
        self.examine(who)?;
        self.client_says(who)
    }

    fn client_hears(&mut self, who: usize, message: ServerMessage) -> Checked {
        if matches!(message, ServerMessage::Error(_) | ServerMessage::Shutdown) {
            self.client_loses(who);
            return Ok(());
        }
        let client = &mut self.people[who];
        let Some(mirror) = &mut client.mirror else { return Ok(()) };
        match &message {
            ServerMessage::ActionsApplied { seq, .. } => {
                client.life.applied = client.life.applied.max(*seq);
            }
            ServerMessage::StatePatchUpdate(patch) if patch.base > mirror.confirmed().seq => {
                client.life.must_ask = !client.life.asked;
            }
            ServerMessage::FullStateSync { .. } => client.life.asked = false,
            _ => {}
        }
        mirror.handle(message);
        self.examine(who)?;
        self.client_says(who)
    }
}
