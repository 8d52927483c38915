//! A rehearsal room without a network: the real session and real mirrors on a
//! virtual clock. Messages cross at once, or when the test says so.

use std::{collections::VecDeque, time::Duration};

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{
        ClientId, ClientMessage, Hello, PROTOCOL_VERSION, ProtocolError, Resume, ServerMessage,
        SessionId, SessionToken, Welcome, framing::Codec,
    },
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, Studio, StudioState,
    },
    sync::{
        mirror::{Mirror, MirrorError},
        session::{Admission, ConnectionId, Rejected, Session, SessionConfig, Update},
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
        resume: None,
    }
}

/// The room: a session in it, and a clock on the wall.
pub struct Room {
    pub session: Session<Studio>,
    pub now: Timestamp,
    tokens: u128,
}

/// Somebody in the room, and the wires to and from the session.
pub struct Guest {
    pub mirror: Mirror<Studio>,
    pub ticket: ConnectionId,
    /// What its clock says.
    pub now: Timestamp,
    /// What the session has sent and the guest has not heard.
    pub to_guest: VecDeque<ServerMessage>,
    /// What the guest has sent and the session has not heard.
    pub to_session: VecDeque<ClientMessage>,
}

impl Room {
    pub fn new() -> Self {
        Self::with(SessionConfig::default())
    }

    pub fn with(config: SessionConfig) -> Self {
        let id = SessionId::new([7; 16]);
        let session = Session::hosted(config, id, "host", StudioState::starter());
        Self { session, now: Timestamp::ZERO + Duration::from_secs(1), tokens: 0 }
    }

    pub fn token(&mut self) -> SessionToken {
        self.tokens += 1;
        SessionToken::new(self.tokens.to_be_bytes())
    }

    pub fn knock(&mut self, hello: &Hello) -> Result<Admission<Studio>, Rejected> {
        let token = self.token();
        self.session.handle_hello(self.now, hello, token)
    }

    pub fn welcome(&mut self, hello: &Hello) -> (ConnectionId, Welcome) {
        match self.knock(hello) {
            Ok(Admission { ticket, answer: ServerMessage::Welcome(welcome), .. }) => {
                (ticket, welcome)
            }
            Ok(Admission { answer, .. }) => panic!("{answer:?}"),
            Err(Rejected::Unfit(error)) => panic!("{error}"),
            Err(Rejected::Unknown(reason)) => panic!("{reason}"),
        }
    }

    pub fn join(&mut self, name: &str, own: &[InstrumentId]) -> Guest {
        let (ticket, welcome) = self.welcome(&Hello { own: own.into(), ..hello(name) });
        // Whoever says nothing may not have had its token, and loses its place.
        let sign_of_life = ClientMessage::Pong { nonce: self.now.micros() };
        self.session.handle(self.now, ticket, sign_of_life).unwrap();
        let mirror = Mirror::new(welcome, 1024);
        Guest {
            mirror,
            ticket,
            now: self.now,
            to_guest: VecDeque::new(),
            to_session: VecDeque::new(),
        }
    }

    /// Lets time pass, and the session's timers with it.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.session.handle_timeout(self.now);
    }

    /// What the session has to say to `guest` goes onto the wire.
    pub fn say(&mut self, guest: &mut Guest) -> Result<(), ProtocolError> {
        let out = self.session.pull(self.now, guest.ticket)?;
        guest.to_guest.extend(out.messages);
        guest.to_guest.extend(out.update.map(|update| match update {
            Update::Patch { from, to } => ServerMessage::StatePatchUpdate(from.patch_to(&to)),
            Update::Full(state) => ServerMessage::FullStateSync { state: (*state).clone() },
        }));
        guest.to_guest.extend(out.metering.map(ServerMessage::Metering));
        Ok(())
    }

    /// What `guest` has sent arrives.
    pub fn listen(&mut self, guest: &mut Guest) -> Result<(), ProtocolError> {
        for message in guest.to_session.drain(..) {
            self.session.handle(self.now, guest.ticket, message)?;
        }
        Ok(())
    }

    /// Lets everything cross in both directions, until the patch pace allows no
    /// more, and then once more.
    pub fn settle(&mut self, guests: &mut [&mut Guest]) {
        for _ in 0..2 {
            for guest in guests.iter_mut() {
                guest.speak();
                self.listen(guest).unwrap();
            }
            for guest in guests.iter_mut() {
                self.say(guest).unwrap();
                guest.listen();
            }
            self.now = self.now + Duration::from_millis(40);
        }
    }

    /// The guest's connection is gone, and what was on it.
    pub fn cut(&mut self, guest: &mut Guest) {
        guest.to_guest.clear();
        guest.to_session.clear();
        self.session.disconnected(self.now, guest.ticket);
    }

    /// The guest comes back with its token.
    pub fn resume(&mut self, guest: &mut Guest) -> Result<(), Rejected> {
        self.resume_with(guest, guest.mirror.resume())
    }

    pub fn resume_with(&mut self, guest: &mut Guest, resume: Resume) -> Result<(), Rejected> {
        let admission = self.knock(&Hello { resume: Some(resume), ..hello("whoever") })?;
        let ServerMessage::ReconnectSuccessful(back) = admission.answer else {
            panic!("{:?}", admission.answer);
        };
        guest.to_guest.clear();
        guest.to_session.clear();
        guest.ticket = admission.ticket;
        guest.mirror.reconnected(back);
        Ok(())
    }

    pub fn cutoff(&self, instrument: InstrumentId) -> f32 {
        cutoff_of(&self.session.state().model, instrument)
    }
}

impl Guest {
    pub fn id(&self) -> ClientId {
        self.ticket.client
    }

    pub fn dispatch(&mut self, action: NetworkAction) -> Result<(), MirrorError> {
        self.mirror.dispatch(self.now, action).map(drop)
    }

    /// What the mirror has to say goes onto the wire.
    pub fn speak(&mut self) {
        while let Some(message) = self.mirror.poll_message() {
            self.to_session.push_back(message);
        }
    }

    /// What the session has sent arrives.
    pub fn listen(&mut self) {
        for message in self.to_guest.drain(..) {
            self.mirror.handle(message);
        }
    }

    pub fn cutoff(&self, instrument: InstrumentId) -> f32 {
        cutoff_of(&self.mirror.predicted().model, instrument)
    }
}
