//! The handshake: a client joins as a new participant, or resumes its place.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{
    model::Model,
    protocol::{
        ActionNumber, ClientId, EntryRefusal, Hello, NetworkState, PROTOCOL_VERSION, Participant,
        Presence, ProtocolError, ReconnectRefusal, Reconnected, Rejection, Resume, Role, Seq,
        ServerMessage, SessionToken, Welcome,
        framing::{Codec, Compression, Format},
        limits,
    },
    security::PublicKey,
    sync::session::{
        Session, SessionConfig,
        member::{CATCH_UP, ConnectionId, Link, LinkState, Member, Tokens},
    },
    util::{
        text::{cleaned, drawn, is_plain, normalised},
        time::{Millis, Timestamp},
    },
};

/// What the shell knows of the client of a new connection.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    /// The key that the client has proven to hold; `None` for a plain client.
    pub key: Option<PublicKey>,
    /// What becomes the secret of a plain client: fresh random bytes of the operating
    /// system.
    pub token: Option<SessionToken>,
    /// How many places of the session have to stay free for others if the client gets a new
    /// one.
    pub kept_places: u32,
}

impl Credentials {
    /// Those of a plain client.
    #[must_use]
    pub const fn plain(token: SessionToken) -> Self {
        Self { key: None, token: Some(token), kept_places: 0 }
    }

    /// Those of a client that has proven to hold `key`.
    #[must_use]
    pub const fn proven(key: PublicKey) -> Self {
        Self { key: Some(key), token: None, kept_places: 0 }
    }
}

/// An accepted handshake.
#[derive(Debug)]
#[must_use = "the client waits for the answer"]
pub struct Accepted<M: Model> {
    /// The id of the connection from now on.
    pub connection: ConnectionId,
    /// The format of both directions from now on.
    pub format: Format,
    /// The answer, to be sent in that format.
    pub answer: ServerMessage<M>,
}

/// A rejected handshake.
#[derive(Debug)]
#[non_exhaustive]
pub enum Rejected {
    /// The `Hello` is not acceptable.
    Unfit(ProtocolError),
    /// The client cannot resume, but it may join as a new participant.
    Unknown(ReconnectRefusal),
}

impl<M: Model> Session<M> {
    /// Handles the first message of a connection.
    ///
    /// # Errors
    /// If the `Hello` is not acceptable, or the client cannot resume.
    pub fn handle_hello(
        &mut self,
        now: Timestamp,
        hello: &Hello,
        credentials: Credentials,
    ) -> Result<Accepted<M>, Rejected> {
        let format = Self::agree(hello).map_err(Rejected::Unfit)?;
        self.check_key(hello, credentials).map_err(Rejected::Unfit)?;
        self.notice_pause(now);
        let place = self.place_of(hello, credentials);
        // After a pause of the host, attempts that the client has given up may be read
        // after the one that counts.
        let newest = place.and_then(|client| self.members.get(&client)).map_or(0, |m| m.attempt);
        if (1..=newest).contains(&hello.attempt) {
            return Err(Rejected::Unfit(ProtocolError::Superseded));
        }
        let admission = match (&hello.resume, place) {
            (Some(resume), Some(client)) => {
                Ok(self.resume_place(now, client, (hello, resume), credentials, format))
            }
            (Some(_), None) => Err(Rejected::Unknown(ReconnectRefusal::UnknownToken)),
            (None, place) => {
                self.admit(now, hello, credentials, place, format).map_err(Rejected::Unfit)
            }
        };
        self.update_deadline();
        admission
    }

    fn check_key(&self, hello: &Hello, credentials: Credentials) -> Result<(), ProtocolError> {
        let Some(key) = credentials.key else { return Ok(()) };
        if self.keys.is_removed(key) {
            return Err(ProtocolError::NotAdmitted(EntryRefusal::Removed));
        }
        if hello.instance.is_none() {
            let detail = "the Hello of a client with a key names its instance".into();
            return Err(ProtocolError::Malformed { detail });
        }
        Ok(())
    }

    /// The place that the client has already: that of its key and instance, or of its token.
    /// If it remembers another one, it has none, because its numbers are not those of this
    /// place.
    fn place_of(&self, hello: &Hello, credentials: Credentials) -> Option<ClientId> {
        let shown = hello.resume.as_ref().and_then(|resume| resume.token);
        let is_its = |member: &Member<M>| match (credentials.key, shown) {
            (Some(key), _) => member.key == Some(key) && member.instance == hello.instance,
            (None, Some(shown)) => member.tokens.as_ref().is_some_and(|tokens| tokens.knows(shown)),
            (None, None) => false,
        };
        let remembered = hello.resume.as_ref().and_then(|resume| resume.client_id);
        let (&client, _) = self.members.iter().find(|(_, member)| is_its(member))?;
        remembered.is_none_or(|remembered| remembered == client).then_some(client)
    }

    fn agree(hello: &Hello) -> Result<Format, ProtocolError> {
        if hello.protocol != PROTOCOL_VERSION {
            return Err(ProtocolError::WrongProtocol { speaks: PROTOCOL_VERSION });
        }
        if hello.model != M::NAME || hello.model_version != M::VERSION {
            return Err(ProtocolError::WrongModel { name: M::NAME.into(), version: M::VERSION });
        }
        if hello.own.len() > limits::REQUESTED_INSTRUMENTS as usize {
            return Err(too_many_instruments());
        }
        let codec = Codec::agree(&hello.codecs).ok_or_else(|| ProtocolError::NoCommonCodec {
            speaks: Codec::ALL.iter().map(|codec| codec.name().into()).collect(),
        })?;
        Ok(Format { codec, compression: Compression::agree(&hello.compression) })
    }

    fn admit(
        &mut self,
        now: Timestamp,
        hello: &Hello,
        credentials: Credentials,
        lost: Option<ClientId>,
        format: Format,
    ) -> Result<Accepted<M>, ProtocolError> {
        let limit = self.config.max_participants;
        let taken = self.state.roster.participants.len() + credentials.kept_places as usize;
        if lost.is_none() && taken >= limit as usize {
            return Err(ProtocolError::SessionFull { limit });
        }
        let wanted = checked_name(&hello.name)?;
        let client = ClientId(self.next_client);
        // A number that came again, e.g. that of the host, would be another's.
        self.next_client = client.0.checked_add(1).ok_or(ProtocolError::SessionFull { limit })?;
        if let Some(lost) = lost {
            // The program does not remember its place, so nothing else could end it.
            self.remove(lost, ProtocolError::Superseded);
        }
        let name = self.unique_name(&wanted, credentials.key);
        if let Some(key) = credentials.key
            && (*name == *wanted || !self.keys.has_name(key))
        {
            self.keys.bind(&name, key, false);
        }
        // A participant that was alone loses what has no owner, and the keys held there.
        if let Some(alone) = self.state.roster.alone() {
            self.apply_on_release_of_unowned(alone.client_id);
        }
        let role = self.keys.role(credentials.key, hello.role);
        self.edit_roster(|roster| {
            let participant = Participant { role, key: credentials.key, ..Participant::new(&name) };
            roster.participants.insert(client, participant);
        });
        let ownership = self.claim(client, &hello.own);
        if hello.privilege {
            // The `Welcome` tells whether it is granted, its roster the holder.
            let _ = self.request_privilege(now, client);
        }
        let connection = self.next_connection(client);
        let mut link = self.new_link(now, hello, Some(Arc::clone(&self.state)), self.state.seq);
        link.noticed = self.notices.last();
        self.bases.remember(now, &self.state, &self.config);
        self.members.insert(
            client,
            Member {
                connection,
                attempt: hello.attempt,
                key: credentials.key,
                instance: hello.instance,
                tokens: credentials.token.map(Tokens::new),
                last_action: ActionNumber::default(),
                rejections: VecDeque::new(),
                history: VecDeque::new(),
                noticed: link.noticed,
                has_spoken: false,
                catch_up: CATCH_UP,
                asked: None,
                link_state: LinkState::Connected(Box::new(link)),
            },
        );
        let answer = ServerMessage::Welcome(Welcome {
            session: self.id,
            client_id: client,
            name: name.to_string(),
            token: credentials.token,
            codec: format.codec.name().into(),
            compression: format.compression.map(|compression| compression.name().into()),
            granted: ownership.granted,
            refused: ownership.refused,
            privilege: self.state.roster.privilege(client),
            clock: now,
            resume_window: Millis::of(self.config.resume_window),
            state: (*self.state).clone(),
        });
        Ok(Accepted { connection, format, answer })
    }

    fn resume_place(
        &mut self,
        now: Timestamp,
        client: ClientId,
        (hello, resume): (&Hello, &Resume),
        credentials: Credentials,
        format: Format,
    ) -> Accepted<M> {
        // It takes over even if the old connection still looks alive: that may be dead
        // without having noticed.
        self.apply_on_release_of_all(client);
        // A program that was started again may want to be a viewer now. One that goes on
        // has the role that the host has given it since.
        if resume.seq.is_none() && hello.role == Role::Viewer {
            self.change_role(&[client], Role::Viewer);
        }
        self.set_presence(client, Presence::Here);
        let connection = self.next_connection(client);
        let base = resume.seq.and_then(|seq| self.bases.find(seq)).cloned();
        // The client cannot have a state that never was.
        let newest = resume.seq.filter(|seq| *seq <= self.state.seq).unwrap_or_default();
        let mut link = self.new_link(now, hello, base, newest);
        let mut last_action = ActionNumber::default();
        let mut rejected = Vec::new();
        let mut history = Vec::new();
        if let Some(member) = self.members.get_mut(&client) {
            member.has_spoken = true;
            member.catch_up = CATCH_UP;
            member.connection = connection;
            member.attempt = member.attempt.max(hello.attempt);
            if let (Some(tokens), Some(shown), Some(next)) =
                (&mut member.tokens, resume.token, credentials.token)
            {
                tokens.renew(shown, next);
            }
            history.extend(member.history.iter().filter(|change| change.number > resume.history));
            link.noticed = member.noticed;
            link.history_sent = member.history.back().map_or(0, |last| last.number);
            member.link_state = LinkState::Connected(Box::new(link));
            last_action = member.last_action;
            let answered = resume.answered.unwrap_or(last_action);
            let unknown = |rejection: &&Rejection| rejection.number > answered;
            rejected.extend(member.rejections.iter().filter(unknown).cloned());
        }
        let roster = &self.state.roster;
        let answer = ServerMessage::ReconnectSuccessful(Reconnected {
            session: self.id,
            client_id: client,
            name: roster.as_owner(client).map(|me| me.name.to_string()).unwrap_or_default(),
            token: credentials.token,
            codec: format.codec.name().into(),
            compression: format.compression.map(|compression| compression.name().into()),
            last_action,
            seq: self.state.seq,
            rejected,
            history,
            privilege: roster.privilege(client),
            clock: now,
            resume_window: Millis::of(self.config.resume_window),
        });
        Accepted { connection, format, answer }
    }

    fn new_link(
        &self,
        now: Timestamp,
        hello: &Hello,
        base: Option<Arc<NetworkState<M>>>,
        newest: Seq,
    ) -> Link<M> {
        let SessionConfig { full_sync_interval, idle_timeout, .. } = self.config;
        let interval = if hello.checks_digests { Duration::MAX } else { full_sync_interval };
        Link::new(now, base, newest, interval, now + idle_timeout)
    }

    fn next_connection(&mut self, client: ClientId) -> ConnectionId {
        self.connections += 1;
        ConnectionId { client, connection: self.connections }
    }

    /// `name`, or `name 2` and so on if the name, or one that looks like it, is that of a
    /// participant or of another key than `key`.
    fn unique_name(&self, name: &str, key: Option<PublicKey>) -> Arc<str> {
        let participants = self.state.roster.participants.values();
        let looks: BTreeSet<_> = participants
            .map(|participant| drawn(&participant.name))
            .chain(self.keys.looks_of_others(key))
            .collect();
        let taken = |name: &str| looks.contains(&drawn(name));
        if !taken(name) {
            return name.into();
        }
        // Room for a space and any number of participants.
        let stem = cleaned(name, limits::NAME as usize - 11);
        let mut number = 2u32;
        loop {
            let name = format!("{stem} {number}");
            if !taken(&name) {
                return name.into();
            }
            number += 1;
        }
    }
}

pub(super) fn too_many_instruments() -> ProtocolError {
    ProtocolError::ListTooLong { limit: limits::REQUESTED_INSTRUMENTS }
}

/// A participant's name in NFC, without the space around it.
///
/// # Errors
/// If it is empty, too long, or not [plain](is_plain).
pub fn checked_name(name: &str) -> Result<String, ProtocolError> {
    let name = normalised(name.trim());
    let fits = (1..=limits::NAME as usize).contains(&name.chars().count());
    if fits && is_plain(&name) {
        Ok(name)
    } else {
        Err(ProtocolError::BadName { limit: limits::NAME })
    }
}
