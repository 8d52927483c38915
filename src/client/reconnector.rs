//! Keeps a dispatcher connected: runs the connection, reconnects when it is lost,
//! resumes, and joins again if the host cannot resume. Knows messages only as far
//! as the handshake and the requests at its end.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::time::sleep;
use tracing::{debug, info};

use super::{
    JoinOptions,
    client_connection::{ClientConnection, Disconnect},
    client_entry::ClientEntry,
    client_handshake::{Handshake, HandshakeReply, perform_handshake},
    last_heard::LastHeard,
    ownership_requests::{MAX_OWNERSHIP_BATCH, ownership_batches},
    shared::{MirrorState, SessionIdentity, Shared},
};
use crate::{
    dispatcher::{
        CloseReason, ConnectionError, DispatchError, EVENT_BACKLOG, Event, HostTrust, Status,
    },
    installation::{PlaceKeeper, SavedPlace},
    model::Model,
    protocol::{ClientMessage, Hello, PROTOCOL_VERSION, Resume, SessionId},
    sync::{SessionEvent, mirror::Mirror},
    transport::Connector,
};

/// Keeps a dispatcher connected.
pub(super) struct Reconnector<C> {
    connector: C,
    /// Updated when the client joins again, so that it asks for what it had.
    options: JoinOptions,
    entry: ClientEntry,
    keeper: PlaceKeeper,
    /// What the keeper was given last.
    place: SavedPlace,
    heard: LastHeard,
    /// How long the host keeps the place of a disconnected participant.
    resume_window: Duration,
}

impl<C: Connector> Reconnector<C> {
    /// Reads the saved place; without one, this is a new instance. `address` is the label
    /// of the host; with `None` it is the address of the peer.
    ///
    /// # Errors
    /// If the operating system has no random bytes.
    pub(super) async fn new(
        connector: C,
        address: Option<&str>,
        mut options: JoinOptions,
    ) -> Result<Self, ConnectionError> {
        let entry = ClientEntry::new(&mut options, address)?;
        let keeper = PlaceKeeper::new(options.place.take());
        let place = match keeper.load().await {
            Some(place) => place,
            None => SavedPlace::unused()
                .map_err(|error| ConnectionError::Internal(error.to_string()))?,
        };
        let (heard, resume_window) = (LastHeard::now(), Duration::ZERO);
        Ok(Self { connector, options, entry, keeper, place, heard, resume_window })
    }

    pub(super) fn heard(&self) -> LastHeard {
        self.heard.clone()
    }

    /// What is known of the host.
    pub(super) const fn trust(&self) -> HostTrust {
        self.entry.trust()
    }

    /// Connects for the first time. If the host asks for the code, connects once more to
    /// show it. Returns the session whose place is gone, too.
    pub(super) async fn first_handshake<M: Model>(
        &mut self,
    ) -> Result<(Handshake<M, C>, Option<SessionId>), ConnectionError> {
        let joined = match self.first_attempt().await {
            Err(refusal) if self.entry.can_prove(&refusal) => self.first_attempt().await,
            other => other,
        }?;
        self.entry.admitted().await;
        Ok(joined)
    }

    /// Resumes the saved place, or joins.
    async fn first_attempt<M: Model>(
        &mut self,
    ) -> Result<(Handshake<M, C>, Option<SessionId>), ConnectionError> {
        let Some(session) = self.place.session else {
            return Ok((self.join().await?, None));
        };
        let resume = Resume {
            token: self.place.token,
            client_id: None,
            seq: None,
            answered: None,
            history: 0,
        };
        match self.resume(resume).await {
            Err(ConnectionError::ResumeRefused(_)) => Ok((self.join().await?, Some(session))),
            other => Ok((other?, None)),
        }
    }

    /// Joins as a new participant.
    async fn join<M: Model>(&mut self) -> Result<Handshake<M, C>, ConnectionError> {
        self.handshake(None).await
    }

    /// Resumes the place in the session. Only a refusal that is repeated counts: an
    /// attempt that was abandoned may be the cause of the first one.
    async fn resume<M: Model>(
        &mut self,
        resume: Resume,
    ) -> Result<Handshake<M, C>, ConnectionError> {
        match self.handshake(Some(resume.clone())).await {
            Err(ConnectionError::ResumeRefused(_)) => {
                sleep(jittered(self.options.config.initial_backoff)).await;
                self.handshake(Some(resume)).await
            }
            other => other,
        }
    }

    /// Connects and performs the handshake.
    async fn handshake<M: Model>(
        &mut self,
        resume: Option<Resume>,
    ) -> Result<Handshake<M, C>, ConnectionError> {
        self.place.attempt = self.place.attempt.saturating_add(1);
        // Before the attempt: if this process is killed, its next one must beat it.
        self.keeper.save(self.place).await;
        let config = &self.options.config;
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            model: M::NAME.into(),
            model_version: M::VERSION,
            name: self.options.name.clone(),
            own: ownership_batches(&self.options.own).next().unwrap_or_default(),
            privilege: self.options.privilege,
            codecs: config.codecs.iter().map(|codec| codec.name().into()).collect(),
            compression: config.compression.iter().map(|offer| offer.name().into()).collect(),
            resume,
            attempt: self.place.attempt,
            checks_digests: true,
            role: self.options.role,
            instance: Some(self.place.instance),
        };
        let Self { connector, entry, heard, .. } = self;
        perform_handshake(connector, entry, heard, config.connect_timeout, hello).await
    }

    /// The mirror that a dispatcher starts with.
    pub(super) async fn first_mirror<M: Model>(
        &mut self,
        handshake: Handshake<M, C>,
    ) -> Result<(ClientConnection<C>, Mirror<M>), ConnectionError> {
        let Handshake { mut connection, reply } = handshake;
        self.resume_window = reply.resume_window();
        let backlog = self.options.config.backlog;
        let mut mirror = match reply {
            HandshakeReply::Joined(welcome) => Mirror::new(*welcome, backlog),
            HandshakeReply::Resumed(resumed) => {
                let config = &self.options.config;
                let state = self
                    .heard
                    .within(config.connect_timeout, connection.full_state(config))
                    .await
                    .ok_or(ConnectionError::Timeout)??;
                Mirror::resumed(*resumed, state, backlog)
            }
        };
        self.request_remaining(&mut mirror);
        Ok((connection, mirror))
    }

    /// Requests what the handshake has not decided: instruments that did not fit
    /// into the `Hello`, and everything after a resume, whose `Hello` requests
    /// nothing.
    fn request_remaining<M: Model>(&self, mirror: &mut Mirror<M>) {
        let me = mirror.client();
        let roster = Arc::clone(&mirror.confirmed().roster);
        let wanted = &self.options.own;
        let decided = if mirror.is_new() { MAX_OWNERSHIP_BATCH.min(wanted.len()) } else { 0 };
        let remaining: Vec<_> =
            wanted[decided..].iter().copied().filter(|&id| !roster.owns(me, id)).collect();
        for instruments in ownership_batches(&remaining) {
            mirror.enqueue(ClientMessage::RequestOwnership { instruments });
        }
        if self.options.privilege && !mirror.is_new() && !roster.is_privileged(me) {
            mirror.enqueue(ClientMessage::RequestPrivilege);
        }
    }

    /// The event of a privilege that the `Hello` requested and the host did not
    /// grant, if another participant holds it, or for a viewer.
    pub(super) fn privilege_denial<M: Model>(&self, mirror: &Mirror<M>) -> Option<SessionEvent<M>> {
        let roster = &mirror.confirmed().roster;
        let me = mirror.client();
        let denied = self.options.privilege && mirror.is_new() && !roster.is_privileged(me);
        let holder = if roster.is_viewer(me) { None } else { Some(roster.privileged.clone()?) };
        denied.then_some(SessionEvent::PrivilegeDenied { holder, reserved: None })
    }

    /// Runs `connection`, and each one that replaces it, until the dispatcher is
    /// closed.
    pub(super) async fn run<M: Model>(
        mut self,
        shared: &Shared<M>,
        mut connection: ClientConnection<C>,
    ) {
        // Whether there is no place to come back to.
        let place_is_gone = loop {
            let reason = match connection.run(shared, &self.options.config).await {
                Disconnect::Left => {
                    shared.has_left.store(true, Relaxed);
                    break true;
                }
                Disconnect::Unanswered => break false,
                Disconnect::Lost(reason) => reason,
            };
            if let Some(left_out) = shared.may_log() {
                info!(%reason, left_out, "connection lost");
            }
            drop(connection);
            if reason.is_final() {
                return shared.close(&CloseReason::ConnectionLost(reason));
            }
            let session_ended = reason == ConnectionError::Shutdown;
            connection = tokio::select! {
                biased;
                () = shared.leave.cancelled() => break session_ended,
                reconnected = self.reconnect(shared, reason) => match reconnected {
                    Ok(connection) => connection,
                    Err(reason) => return shared.close(&CloseReason::ConnectionLost(reason)),
                },
            };
        };
        // Otherwise the token stays: the host keeps the place, and the next start of
        // the program takes it.
        if place_is_gone {
            (self.place.session, self.place.token) = (None, None);
            self.keeper.save(self.place).await;
        }
        shared.close(&CloseReason::ByRequest);
    }

    /// Tries until there is a connection.
    ///
    /// # Errors
    /// If a further attempt cannot succeed.
    async fn reconnect<M: Model>(
        &mut self,
        shared: &Shared<M>,
        reason: ConnectionError,
    ) -> Result<ClientConnection<C>, ConnectionError> {
        let since = Instant::now();
        let until = resume_deadline(since, &reason, self.resume_window);
        let mut backoff = self.options.config.initial_backoff;
        let mut last_failure = None;
        loop {
            let (reason, attempt) = (reason.clone(), last_failure.clone());
            let status = Status::Reconnecting { since, reason, attempt, until };
            if shared.status() != status {
                shared.set_status(status);
            }
            sleep(jittered(backoff)).await;
            backoff = backoff.saturating_mul(2).min(self.options.config.max_backoff);
            let resume = shared.lock().mirror.resume();
            let handshake = match self.resume(resume).await {
                Err(ConnectionError::ResumeRefused(_)) => {
                    self.carry_over_requests(shared);
                    self.join().await
                }
                other => other,
            };
            match handshake {
                Ok(Handshake { connection, reply }) => {
                    self.accept_reply(shared, reply);
                    return Ok(connection);
                }
                Err(failure) if failure.is_final() => return Err(failure),
                Err(failure) => {
                    debug!(reason = %failure, "cannot reconnect yet");
                    last_failure = Some(failure);
                }
            }
        }
    }

    /// In the next session, asks for what the client has in the current one.
    fn carry_over_requests<M: Model>(&mut self, shared: &Shared<M>) {
        let state = shared.lock();
        let (roster, me) = (&state.mirror.confirmed().roster, state.mirror.client());
        let exists = |id| state.mirror.confirmed().has_instrument(id);
        // An instrument that does not exist in this session may exist in the next.
        let mut own: Vec<_> = roster.owned_by(me).collect();
        own.extend(self.options.own.iter().copied().filter(|&id| !exists(id)));
        self.options.own = own;
        self.options.privilege = roster.is_privileged(me);
    }

    fn accept_reply<M: Model>(&mut self, shared: &Shared<M>, reply: HandshakeReply<M>) {
        // Before the events of the reply, so that their subscribers see the status
        // that belongs to them.
        shared.set_connected();
        shared.set_session_clock(reply.clock());
        self.resume_window = reply.resume_window();
        shared.replace_join_events(|| match reply {
            HandshakeReply::Resumed(resumed) => {
                if let Some(left_out) = shared.may_log() {
                    info!(left_out, "resumed");
                }
                shared.update(|MirrorState { mirror, .. }| {
                    mirror.reconnected(*resumed);
                    let me = mirror.confirmed().roster.as_owner(mirror.client());
                    me.map(SessionEvent::Resumed).into_iter().collect()
                })
            }
            HandshakeReply::Joined(welcome) => {
                let session = welcome.session;
                if let Some(left_out) = shared.may_log() {
                    info!(%session, left_out, "joined as a new participant");
                }
                let (join_events, denial) = shared.update(|MirrorState { mirror, waiting }| {
                    for (_, commit) in waiting.drain() {
                        let _ = commit.send(Err(DispatchError::Unanswered));
                    }
                    mirror.start_anew(*welcome);
                    self.request_remaining(mirror);
                    shared.identity.publish(SessionIdentity::of(mirror));
                    // Of another engine, perhaps one that has nothing to say yet.
                    shared.metering.publish(Arc::default());
                    (mirror.join_events(), self.privilege_denial(mirror))
                });
                if let Some(denial) = denial.clone() {
                    shared.tell(Event::Session(denial));
                }
                with_denial(join_events, denial)
            }
        });
        // It is written even though nothing waits for it.
        drop(self.save_place(&shared.lock().mirror));
    }

    /// Saves the place of `mirror`, and waits until it is written.
    pub(super) fn save_place<M: Model>(
        &mut self,
        mirror: &Mirror<M>,
    ) -> impl Future<Output = ()> + use<M, C> {
        self.place.session = Some(mirror.session());
        self.place.token = mirror.token();
        self.keeper.save(self.place)
    }
}

/// The events of a join, with the refusal of the privilege if it was requested. Of very
/// many events the last ones are left out.
pub(super) fn with_denial<M: Model>(
    mut join_events: Vec<SessionEvent<M>>,
    denial: Option<SessionEvent<M>>,
) -> Vec<SessionEvent<M>> {
    join_events.truncate(EVENT_BACKLOG - usize::from(denial.is_some()));
    join_events.extend(denial);
    join_events
}

/// Until when the host keeps the place of a connection lost at `since`, at least.
/// After a silence the host may have suspended the client as long ago as that.
fn resume_deadline(since: Instant, reason: &ConnectionError, window: Duration) -> Instant {
    let elapsed = match reason {
        ConnectionError::Silent(silence) => *silence,
        // The session has ended, so there is no place to keep.
        ConnectionError::Shutdown => window,
        _ => Duration::ZERO,
    };
    since + window.saturating_sub(elapsed)
}

/// A random duration from half of `pause` to all of it, so that the clients of a
/// host do not reconnect at the same instant.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    // Without random bytes there is no jitter.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
