//! A client: the real mirror, and a shell around it as `client` is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::BytesMut;
use imbolc_net::{
    clock::Timestamp,
    event::Event,
    framing::{self, Codec},
    mirror::Mirror,
    model::Model,
    protocol::{
        ActionNumber, ClientMessage, Hello, InstrumentId, Reconnected, Resume, Seq, ServerMessage,
        SessionId, SessionToken,
    },
    quantity::{Hertz, Pitch, Velocity},
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, SourceKind, Studio,
    },
};

use super::{
    network::{Reader, Wire},
    oracle::{Checked, Said, State, Violation, demand},
    plan::Doing,
    world::World,
};
use crate::room;

/// How many messages are written at once.
const BATCH: usize = 32;

/// The instrument whose knob nobody but this participant turns.
pub const fn own(who: usize) -> InstrumentId {
    InstrumentId(1000 + who as u32)
}

/// Where the first turn of the knob begins, in hertz.
const FIRST: f32 = 10_000.0;

/// The client's side of everything.
pub struct Client {
    pub stage: Stage,
    reader: Reader,
    out: BytesMut,
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
    turns: u16,
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

/// What one mirror went through, from its beginning to a crash or a new session.
#[derive(Default)]
pub struct Life {
    /// What was dispatched in it and is not settled.
    open: BTreeMap<u64, Said>,
    last: u64,
    settled: BTreeSet<u64>,
    /// Where the knob was last seen.
    shown: Option<f32>,
    /// The last confirmed state that was compared, and the authority's.
    compared: Option<(State, State)>,
    /// The moment that contains all that is settled.
    contained: Seq,
    /// A gap was seen, and everything must be asked for.
    must_ask: bool,
    /// Everything was asked for and has not come.
    asked: bool,
}

/// Something that was wished for, known by an instrument that does not exist.
pub struct Wish {
    who: usize,
    session: SessionId,
    /// The action that went before it.
    after: u64,
    heard: bool,
    /// It asks for something, and is to be answered.
    asks: bool,
    answered: bool,
}

impl Client {
    pub fn new(at: Timestamp) -> Self {
        Self {
            stage: Stage::Out(at),
            reader: Reader::new(),
            out: BytesMut::new(),
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
        let by = self.now + self.plan.client.connect;
        let client = &mut self.people[who];
        let resume = match &client.mirror {
            Some(mirror) if client.token.is_some() => Some(mirror.resume()),
            _ => client.token.map(|token| Resume { token, seq: None, answered: None }),
        };
        let others = u32::try_from(who).unwrap() + 1;
        let hello = Hello {
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
        let (first, last) = (self.plan.client.first_retry, self.plan.client.last_retry);
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
        let silence = self.plan.client.silence;
        // Who wakes finds what has come meanwhile.
        self.client_reads(who)?;
        let client = &mut self.people[who];
        let late = client.write_by.is_some_and(|by| by <= self.now);
        match client.stage {
            Stage::Out(at) if at <= self.now => self.connect(who),
            Stage::Knocking(_, by) if by <= self.now || late => self.client_loses(who),
            Stage::In(_) if client.heard + silence <= self.now || late => self.client_loses(who),
            Stage::In(_) if client.ping_at <= self.now => {
                client.ping_at = self.now + self.plan.client.ping;
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
            client.write_by = Some(self.now + self.plan.client.silence);
        }
    }

    /// What the mirror has to say goes as far as there is room.
    pub fn client_says(&mut self, who: usize) -> Checked {
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
                framing::encode(Codec::Json, message, &mut client.out).unwrap();
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
            let message = framing::decode(Codec::Json, &frame).map_err(|error| Violation {
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
                    client.life.contained = client.life.contained.max(back.seq);
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
                client.life.contained = client.life.contained.max(*seq);
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

    /// Looks at what a mirror has come to.
    pub fn examine(&mut self, who: usize) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &mut client.mirror else { return Ok(()) };
        let (id, session) = (mirror.client(), mirror.session());
        let same = session == self.session.id();
        for (number, outcome) in mirror.take_settled() {
            let life = &mut client.life;
            demand(life.settled.insert(number.0), "an action is settled once", || {
                format!("participant {who}: {number}")
            })?;
            life.open.remove(&number.0);
            self.tally.settled += 1;
            if outcome.is_err() {
                // Somebody has replaced everything, the knob included.
                life.shown = None;
            }
            if !same {
                continue;
            }
            let at = usize::try_from(number.0 - 1).unwrap();
            let decided = self.oracle.book(id).decided.get(at);
            demand(decided == Some(&outcome), "one is told what was decided", || {
                format!("participant {who}, {number}: told {outcome:?}, decided {decided:?}")
            })?;
        }
        for event in mirror.take_events() {
            if let Event::OwnershipRefused { instrument, .. } = event
                && let Some(wish) = self.wishes.get_mut(&instrument)
            {
                wish.answered = true;
            }
        }
        let (backlog, unanswered) = (self.plan.client.backlog, mirror.unanswered());
        demand(unanswered <= backlog, "memory is bounded: backlog", || unanswered.to_string())?;
        demand(
            unanswered == client.life.open.len(),
            "an action is open until it is settled",
            || format!("participant {who}: {unanswered}, {:?}", client.life.open),
        )?;
        self.compare(who, same)?;
        self.look_at_knob(who)
    }

    /// The mirror's confirmed state is what stood at the authority, and without
    /// anything on top it is what is shown.
    fn compare(&mut self, who: usize, same: bool) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let (confirmed, predicted) = (mirror.confirmed(), mirror.predicted());
        if mirror.unanswered() == 0 && client.life.contained <= confirmed.seq {
            demand(
                Arc::ptr_eq(confirmed, predicted) || confirmed == predicted,
                "what is shown is what is confirmed and what is on its way",
                || format!("participant {who}"),
            )?;
        }
        if !same
            || client.life.compared.as_ref().is_some_and(|(old, _)| Arc::ptr_eq(old, confirmed))
        {
            return Ok(());
        }
        let rule = "a mirror is a moment of the authority";
        let Some(truth) = self.oracle.moment(confirmed.seq) else {
            return demand(false, rule, || format!("participant {who}: {}", confirmed.seq));
        };
        // If two were equal and the same was done to both, then they still are;
        // differences are cheap.
        let equal = client.life.compared.as_ref().is_some_and(|(old, old_truth)| {
            Studio::diff(&old.model, &confirmed.model)
                == Studio::diff(&old_truth.model, &truth.model)
        });
        let equal = equal || confirmed.model == truth.model;
        demand(equal && confirmed.roster == truth.roster, rule, || {
            format!("participant {who} at {}: {:?}", truth.seq, truth.patch_to(confirmed))
        })?;
        client.life.compared = Some((Arc::clone(confirmed), Arc::clone(truth)));
        Ok(())
    }

    fn look_at_knob(&mut self, who: usize) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let instrument = mirror.predicted().model.instruments.get(own(who));
        // Where it is before anybody turns it does not count as a place.
        let place = |hertz: f32| if hertz <= FIRST { 0.0 } else { hertz };
        let now = instrument.map(|instrument| place(instrument.filter.cutoff.get()));
        let before = std::mem::replace(&mut client.life.shown, now);
        let holds = self.plan.people[who].undoes
            || before.zip(now).is_none_or(|(before, now)| before <= now);
        demand(holds, "a knob does not jump back while it is turned", || {
            format!("participant {who}: from {before:?} to {now:?}")
        })
    }

    pub fn client_does(&mut self, who: usize, doing: &Doing) -> Checked {
        let plan = self.plan;
        if self.people[who].sleeps_until > self.now || self.people[who].mirror.is_none() {
            return Ok(());
        }
        match doing {
            Doing::Act(n) => {
                for action in plan.pool.iter().cycle().skip(*n).take(12) {
                    if self.act(who, action.clone()) {
                        break;
                    }
                }
            }
            Doing::Play(pitch) => {
                let play = InstrumentAction::Play(Pitch::of(*pitch), Velocity::of(100));
                self.act(who, NetworkAction::Instrument(own(who), play));
            }
            Doing::Sweep => self.sweep(who),
            Doing::Undo => {
                let client = &mut self.people[who];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::undo) {
                    self.said(who, number, Said::Undo);
                }
            }
            Doing::Redo => {
                let client = &mut self.people[who];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::redo) {
                    self.said(who, number, Said::Redo);
                }
            }
            Doing::Claim(id) => self.wish(who, *id, true),
            Doing::Release(id) => self.wish(who, *id, false),
            Doing::AskForPrivilege => self.just_wish(who, ClientMessage::RequestPrivilege),
            Doing::GivePrivilegeUp => self.just_wish(who, ClientMessage::ReleasePrivilege),
            Doing::AskForEverything => self.just_wish(who, ClientMessage::RequestFullSync),
            Doing::Goodbye(away) => return self.leave(who, Duration::from_millis(*away)),
        }
        self.examine(who)?;
        self.client_says(who)
    }

    fn act(&mut self, who: usize, action: NetworkAction) -> bool {
        let now = self.now;
        let Some(mirror) = &mut self.people[who].mirror else { return false };
        let Ok(number) = mirror.dispatch(now, action.clone()) else { return false };
        self.said(who, number, Said::Act(action));
        true
    }

    fn said(&mut self, who: usize, number: ActionNumber, said: Said) {
        self.tally.dispatched += 1;
        let client = &mut self.people[who];
        client.life.open.insert(number.0, said.clone());
        client.life.last = number.0;
        if let Some(mirror) = &client.mirror
            && mirror.session() == self.session.id()
        {
            self.oracle.book(mirror.client()).said.insert(number.0, said);
        }
    }

    fn sweep(&mut self, who: usize) {
        let id = own(who);
        let Some(mirror) = &self.people[who].mirror else { return };
        let state = Arc::clone(mirror.predicted());
        if !state.model.instruments.contains(id) {
            let name = Name::new("Swept").unwrap();
            let source = SourceKind::Oscillator;
            self.act(who, NetworkAction::AddInstrument { id, name, source });
        } else if state.roster.owner(id).is_none() {
            self.wish(who, id.0, true);
        } else {
            let client = &mut self.people[who];
            client.turns += 1;
            let cutoff = Hertz::new(FIRST + f32::from(client.turns)).unwrap();
            let setting = InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff));
            self.act(who, NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
        }
    }

    fn just_wish(&mut self, who: usize, wish: ClientMessage) {
        if let Some(mirror) = &mut self.people[who].mirror {
            // There may be too many already, which is no matter.
            let _ = mirror.wish(wish);
        }
    }

    fn wish(&mut self, who: usize, id: u32, asks: bool) {
        let client = &mut self.people[who];
        let Some(mirror) = &mut client.mirror else { return };
        self.tags += 1;
        let tag = InstrumentId(self.tags);
        let instruments = vec![InstrumentId(id), tag];
        let wish = if asks {
            ClientMessage::RequestOwnership { instruments }
        } else {
            ClientMessage::ReleaseOwnership { instruments }
        };
        if mirror.wish(wish).is_ok() {
            let (session, after) = (mirror.session(), client.life.last);
            let wish = Wish { who, session, after, heard: false, asks, answered: false };
            self.wishes.insert(tag, wish);
        }
    }

    /// The host hears a wish: not before what was done before it, nor after what
    /// was done after it.
    pub fn hear_wish(
        &mut self,
        client: imbolc_net::protocol::ClientId,
        message: &ClientMessage,
    ) -> Checked {
        let (ClientMessage::RequestOwnership { instruments }
        | ClientMessage::ReleaseOwnership { instruments }) = message
        else {
            return Ok(());
        };
        let decided = self.oracle.book(client).decided.len() as u64;
        for tag in instruments {
            let Some(wish) = self.wishes.get_mut(tag) else { continue };
            let first = !std::mem::replace(&mut wish.heard, true);
            let after = wish.after;
            demand(!first || after == decided, "a wish keeps its place among the actions", || {
                format!("{client}: after {decided} instead of {after}")
            })?;
        }
        Ok(())
    }

    fn leave(&mut self, who: usize, away: Duration) -> Checked {
        if let Stage::In(_) = self.people[who].stage {
            if let Some(mirror) = &mut self.people[who].mirror {
                mirror.say(ClientMessage::Goodbye);
            }
            self.client_says(who)?;
        }
        self.crash(who, false, away);
        Ok(())
    }

    /// What was wished for, and nobody heard or answered.
    pub fn unheard(&self) -> Checked {
        let lost = self.wishes.iter().find(|(_, wish)| {
            wish.session == self.session.id() && !(wish.heard && (wish.answered || !wish.asks))
        });
        demand(lost.is_none(), "no wish is lost", || {
            lost.map(|(tag, wish)| format!("{tag} of participant {}", wish.who)).unwrap_or_default()
        })
    }
}
