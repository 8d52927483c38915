//! The handshake: a client joins as a new participant, or resumes its place.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use crate::{
    model::Model,
    protocol::{
        ActionNumber, ClientId, Hello, NetworkState, PROTOCOL_VERSION, Participant, Presence,
        ProtocolError, ReconnectRefusal, Reconnected, Rejection, Resume, Seq, ServerMessage,
        SessionToken, Welcome,
        framing::{Codec, Compression, Format},
        limits,
    },
    security::PublicKey,
    sync::session::{
        Session, SessionConfig,
        member::{CATCH_UP, ConnectionId, Link, LinkState, Member, Tokens},
    },
    util::{
        text::{cleaned, is_plain, look_alike, normalised},
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
    /// How many places of the session have to stay free for others.
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
pub struct Admission<M: Model> {
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
    ) -> Result<Admission<M>, Rejected> {
        let format = Self::agree(hello).map_err(Rejected::Unfit)?;
        self.notice_pause(now);
        let admission = match &hello.resume {
            Some(resume) => self.readmit(now, hello, resume, credentials, format),
            None => self.admit(now, hello, credentials, format).map_err(Rejected::Unfit),
        };
        self.update_deadline();
        admission
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
        format: Format,
    ) -> Result<Admission<M>, ProtocolError> {
        let limit = self.config.max_participants;
        if self.state.roster.participants.len() >= limit as usize {
            return Err(ProtocolError::SessionFull { limit });
        }
        let name = self.unique_name(&checked_name(&hello.name)?);
        let client = ClientId(self.next_client);
        // A number that came again, e.g. that of the host, would be another's.
        self.next_client = client.0.checked_add(1).ok_or(ProtocolError::SessionFull { limit })?;
        // A participant that was alone loses what has no owner, and the keys held there.
        if let Some(alone) = self.state.roster.alone() {
            self.apply_on_release_of_unowned(alone.client_id);
        }
        self.edit_roster(|roster| {
            let participant =
                Participant { role: hello.role, key: credentials.key, ..Participant::new(&name) };
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
                has_token: credentials.key.is_some(),
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
        Ok(Admission { connection, format, answer })
    }

    fn readmit(
        &mut self,
        now: Timestamp,
        hello: &Hello,
        resume: &Resume,
        credentials: Credentials,
        format: Format,
    ) -> Result<Admission<M>, Rejected> {
        let known = self.members.iter().find(|(_, member)| match (credentials.key, resume.token) {
            (Some(key), _) => member.key == Some(key) && member.instance == hello.instance,
            (None, Some(shown)) => member.tokens.as_ref().is_some_and(|tokens| tokens.knows(shown)),
            (None, None) => false,
        });
        let Some((&client, member)) = known else {
            return Err(Rejected::Unknown(ReconnectRefusal::UnknownToken));
        };
        // After a pause of the host, attempts that the client has given up may be read
        // after the one that counts.
        if (1..=member.attempt).contains(&hello.attempt) {
            return Err(Rejected::Unfit(ProtocolError::Superseded));
        }
        // The token takes over even if the old connection still looks alive: it
        // may be dead without having noticed.
        self.apply_on_release_of_all(client);
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
            member.has_token = true;
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
        Ok(Admission { connection, format, answer })
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

    /// `name`, or `name 2` and so on if the name, or one that looks like it, is taken.
    fn unique_name(&self, name: &str) -> Arc<str> {
        let taken = |name: &str| {
            let mut others = self.state.roster.participants.values();
            others.any(|participant| look_alike(&participant.name, name))
        };
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
