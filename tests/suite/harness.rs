//! A test harness without a network: the real session and real mirrors on a
//! virtual clock. Messages are delivered at once, or when the test says so.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use imbolc_net::{
    SessionEvent,
    model::{InstrumentId, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, Hello, InstanceId, NetworkState, PROTOCOL_VERSION,
        ProtocolError, Refusal, Resume, Role, ServerMessage, SessionId, SessionToken, Welcome,
        framing::Codec,
    },
    security::PublicKey,
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, Studio, StudioEffect,
        StudioNotice, StudioState,
    },
    sync::{
        mirror::{Mirror, MirrorError, MirrorOutput},
        session::{
            Accepted, ConnectionId, Credentials, Rejected, Session, SessionConfig, SessionOutput,
            Update,
        },
    },
    util::{
        quantity::{Hertz, Pitch, Velocity},
        time::Timestamp,
    },
};

pub const BASS: InstrumentId = InstrumentId(1);
pub const LEAD: InstrumentId = InstrumentId(2);
pub const PAD: InstrumentId = InstrumentId(3);

pub fn cutoff(instrument: InstrumentId, hertz: f32) -> NetworkAction {
    let setting = FilterSetting::Cutoff(Hertz::new(hertz).unwrap());
    NetworkAction::Instrument(instrument, InstrumentAction::Set(InstrumentSetting::Filter(setting)))
}

pub fn cutoff_of(state: &StudioState, instrument: InstrumentId) -> f32 {
    state.instruments.get(instrument).unwrap().filter.cutoff.get()
}

pub fn play_key(instrument: InstrumentId, pitch: u8) -> NetworkAction {
    let action = InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100));
    NetworkAction::Instrument(instrument, action)
}

pub fn hello(name: &str) -> Hello {
    Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: name.into(),
        own: vec![],
        privilege: false,
        codecs: vec![Codec::Json.name().into()],
        compression: vec![],
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
        resume: None,
    }
}

/// The key of an installation.
pub fn key(number: u8) -> PublicKey {
    PublicKey::new([number + 0x10; 32]).unwrap()
}

pub fn instance(number: u8) -> InstanceId {
    InstanceId::new([number; 16])
}

fn welcomed(admission: Result<Accepted<Studio>, Rejected>) -> (ConnectionId, Welcome) {
    match admission {
        Ok(Accepted { connection, answer: ServerMessage::Welcome(welcome), .. }) => {
            (connection, welcome)
        }
        other => panic!("{other:?}"),
    }
}

/// A session on a virtual clock.
pub struct Harness {
    pub session: Session<Studio>,
    pub now: Timestamp,
    tokens: u128,
    /// What the session has returned and the test has not taken.
    effects: Vec<StudioEffect>,
    forgotten: Vec<Arc<NetworkState>>,
    news: Vec<SessionEvent<Studio>>,
    notices: Vec<StudioNotice>,
}

/// A client: its mirror, and its connection to the session.
pub struct Guest {
    pub mirror: Mirror<Studio>,
    pub connection: ConnectionId,
    /// The time on its own clock.
    pub now: Timestamp,
    /// What the session has sent and the guest has not received.
    pub to_guest: VecDeque<ServerMessage>,
    /// What the guest has sent and the session has not received.
    pub to_session: VecDeque<ClientMessage>,
    /// What the mirror has returned and the test has not taken.
    events: Vec<SessionEvent<Studio>>,
    settled: Vec<(ActionNumber, Result<(), Refusal>)>,
}

impl Harness {
    pub fn new() -> Self {
        Self::with(SessionConfig::default())
    }

    pub fn with(config: SessionConfig) -> Self {
        let id = SessionId::new([7; 16]);
        let session = Session::hosted(config, id, "host", StudioState::starter());
        let now = Timestamp::ZERO + Duration::from_secs(1);
        let (effects, forgotten, news, notices) = Default::default();
        Self { session, now, tokens: 0, effects, forgotten, news, notices }
    }

    pub fn token(&mut self) -> SessionToken {
        self.tokens += 1;
        SessionToken::new(self.tokens.to_be_bytes())
    }

    /// Drains the session, and returns when its timers are due.
    pub fn deadline(&mut self) -> Option<Timestamp> {
        loop {
            match self.session.poll() {
                SessionOutput::Effect(_, effect) => self.effects.push(effect),
                SessionOutput::Forgotten(state) => self.forgotten.push(state),
                SessionOutput::Event(event) => self.news.push(event),
                SessionOutput::Notice(notice) => self.notices.push(notice),
                SessionOutput::Changed { .. } | SessionOutput::Replaced => {}
                SessionOutput::Wait(deadline) => return deadline,
            }
        }
    }

    /// The effects since the last call.
    pub fn take_effects(&mut self) -> Vec<StudioEffect> {
        self.deadline();
        std::mem::take(&mut self.effects)
    }

    /// The forgotten snapshots since the last call.
    pub fn take_forgotten(&mut self) -> Vec<Arc<NetworkState>> {
        self.deadline();
        std::mem::take(&mut self.forgotten)
    }

    /// What the host was told since the last call.
    pub fn take_news(&mut self) -> Vec<SessionEvent<Studio>> {
        self.deadline();
        std::mem::take(&mut self.news)
    }

    /// The notices that the host was told since the last call.
    pub fn take_notices(&mut self) -> Vec<StudioNotice> {
        self.deadline();
        std::mem::take(&mut self.notices)
    }

    pub fn handshake(&mut self, hello: &Hello) -> Result<Accepted<Studio>, Rejected> {
        let token = self.token();
        self.enter(hello, Credentials::plain(token))
    }

    pub fn enter(
        &mut self,
        hello: &Hello,
        credentials: Credentials,
    ) -> Result<Accepted<Studio>, Rejected> {
        self.session.handle_hello(self.now, hello, credentials)
    }

    pub fn welcome(&mut self, hello: &Hello) -> (ConnectionId, Welcome) {
        welcomed(self.handshake(hello))
    }

    pub fn join(&mut self, name: &str, own: &[InstrumentId]) -> Guest {
        let token = self.token();
        self.join_by(&Hello { own: own.into(), ..hello(name) }, Credentials::plain(token))
    }

    pub fn join_by(&mut self, hello: &Hello, credentials: Credentials) -> Guest {
        let (connection, welcome) = welcomed(self.enter(hello, credentials));
        // A client that never sends a message may not have its token; its place is
        // not kept.
        let pong = ClientMessage::Pong { nonce: self.now.micros() };
        self.session.handle(self.now, connection, pong).unwrap();
        Guest {
            mirror: Mirror::new(welcome, 1024),
            connection,
            now: self.now,
            to_guest: VecDeque::new(),
            to_session: VecDeque::new(),
            events: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// Advances the clock and the session's timers.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.deadline().filter(|due| *due < end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
        }
        self.now = end;
        self.session.handle_timeout(self.now);
    }

    /// The host is stopped: the clock advances, and no timer runs.
    pub fn pause(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// The session sends what it has for `guest`.
    pub fn transmit(&mut self, guest: &mut Guest) -> Result<(), ProtocolError> {
        let out = self.session.pull(self.now, guest.connection)?;
        guest.to_guest.extend(out.messages);
        guest.to_guest.extend(out.update.map(|update| match update {
            Update::Patch { from, to } => ServerMessage::StatePatchUpdate(from.patch_to(&to)),
            Update::Full(state) => ServerMessage::FullStateSync { state: (*state).clone() },
        }));
        guest.to_guest.extend(out.metering.map(ServerMessage::Metering));
        Ok(())
    }

    /// The session receives what `guest` has sent.
    pub fn receive(&mut self, guest: &mut Guest) -> Result<(), ProtocolError> {
        for message in guest.to_session.drain(..) {
            self.session.handle(self.now, guest.connection, message)?;
        }
        Ok(())
    }

    /// Delivers everything in both directions until the pacing interval allows no
    /// more, and then once more.
    pub fn settle(&mut self, guests: &mut [&mut Guest]) {
        for _ in 0..2 {
            for guest in guests.iter_mut() {
                guest.transmit();
                self.receive(guest).unwrap();
            }
            for guest in guests.iter_mut() {
                self.transmit(guest).unwrap();
                guest.receive();
            }
            self.now = self.now + Duration::from_millis(40);
        }
    }

    /// The guest's connection is lost, with all messages in flight.
    pub fn cut(&mut self, guest: &mut Guest) {
        guest.to_guest.clear();
        guest.to_session.clear();
        self.session.disconnected(self.now, guest.connection);
    }

    /// The guest resumes with its token.
    pub fn resume(&mut self, guest: &mut Guest) -> Result<(), Rejected> {
        self.resume_with(guest, guest.mirror.resume())
    }

    pub fn resume_with(&mut self, guest: &mut Guest, resume: Resume) -> Result<(), Rejected> {
        let admission = self.handshake(&Hello { resume: Some(resume), ..hello("resuming") })?;
        let ServerMessage::ReconnectSuccessful(back) = admission.answer else {
            panic!("{:?}", admission.answer);
        };
        guest.to_guest.clear();
        guest.to_session.clear();
        guest.connection = admission.connection;
        guest.mirror.reconnected(back);
        Ok(())
    }

    pub fn cutoff(&self, instrument: InstrumentId) -> f32 {
        cutoff_of(&self.session.state().model, instrument)
    }
}

impl Guest {
    pub fn id(&self) -> ClientId {
        self.connection.client
    }

    pub fn dispatch(&mut self, action: NetworkAction) -> Result<(), MirrorError> {
        self.mirror.dispatch(self.now, action).map(drop)
    }

    /// Drains the mirror, and returns whether it has messages to send.
    pub fn has_messages(&mut self) -> bool {
        loop {
            match self.mirror.poll() {
                MirrorOutput::Confirmed { .. } | MirrorOutput::Predicted { .. } => {}
                MirrorOutput::Event(event) => self.events.push(event),
                MirrorOutput::Settled(number, result) => self.settled.push((number, result)),
                MirrorOutput::Wait { has_messages } => return has_messages,
            }
        }
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<SessionEvent<Studio>> {
        self.has_messages();
        std::mem::take(&mut self.events)
    }

    /// The decisions on its operations since the last call.
    pub fn take_settled(&mut self) -> Vec<(ActionNumber, Result<(), Refusal>)> {
        self.has_messages();
        std::mem::take(&mut self.settled)
    }

    /// The guest sends what it has.
    pub fn transmit(&mut self) {
        while let Some(message) = self.mirror.pull() {
            self.to_session.push_back(message);
        }
    }

    /// The guest receives what the session has sent.
    pub fn receive(&mut self) {
        for message in self.to_guest.drain(..) {
            self.mirror.handle(message);
        }
    }

    pub fn cutoff(&self, instrument: InstrumentId) -> f32 {
        cutoff_of(&self.mirror.predicted().model, instrument)
    }
}
