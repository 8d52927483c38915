//! Keeps a dispatcher connected: comes in, comes back, and comes in anew where
//! there is nothing to come back to.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::{
    JoinOptions, MAX_PORTION, SavedToken, SessionIdentity, Shared, TokenFile,
    client_connection::{self, HandshakeReply, Joined, Wire},
    in_portions,
};
use crate::{
    dispatcher::{CloseReason, ConnectionError, DispatchError, Event, Status},
    model::Model,
    protocol::{ClientMessage, Hello, PROTOCOL_VERSION, ReconnectRefusal, Resume},
    sync::mirror::Mirror,
    transport::Connector,
};

/// Keeps a dispatcher connected.
pub(super) struct Reconnector<C> {
    pub(super) connector: C,
    pub(super) options: JoinOptions,
    /// For how long the host keeps one's place while one cannot be reached.
    pub(super) window: Duration,
}

/// Why a connection ended.
pub(super) enum Ended {
    /// The UI wanted to leave, and the host knows, or takes nothing that it could
    /// know it by.
    Left,
    /// Something went wrong.
    Lost(ConnectionError),
}

impl<C: Connector> Reconnector<C> {
    /// Connects and shakes hands.
    pub(super) async fn enter<M: Model>(
        &self,
        resume: Option<Resume>,
    ) -> Result<Joined<M, C>, ConnectionError> {
        let config = &self.options.config;
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            model: M::NAME.into(),
            model_version: M::VERSION,
            name: self.options.name.clone(),
            own: in_portions(&self.options.own).next().unwrap_or_default(),
            privilege: self.options.privilege,
            codecs: config.codecs.iter().map(|codec| codec.name().into()).collect(),
            compression: config.compression.iter().map(|way| way.name().into()).collect(),
            resume,
        };
        timeout(config.connect_timeout, client_connection::enter(&self.connector, hello))
            .await
            .map_err(|_| ConnectionError::Timeout)?
    }

    /// The mirror that a dispatcher begins with.
    pub(super) async fn first_mirror<M: Model>(
        &mut self,
        joined: Joined<M, C>,
    ) -> Result<(Wire<C>, Mirror<M>), ConnectionError> {
        let Joined { mut wire, reply } = joined;
        self.window = reply.resume_window();
        let backlog = self.options.config.backlog;
        let mut mirror = match reply {
            HandshakeReply::New(welcome) => Mirror::new(*welcome, backlog),
            HandshakeReply::Back(back) => {
                let limit = self.options.config.connect_timeout;
                let state = timeout(limit, wire.full_state())
                    .await
                    .map_err(|_| ConnectionError::Timeout)??;
                Mirror::resumed(*back, state, backlog)
            }
        };
        self.ask_for_the_rest(&mut mirror);
        Ok((wire, mirror))
    }

    /// Asks for what one wants and the answer to the `Hello` did not decide:
    /// there may have been too much of it, or one has come back, and was asked
    /// nothing.
    fn ask_for_the_rest<M: Model>(&self, mirror: &mut Mirror<M>) {
        let me = mirror.client();
        let roster = Arc::clone(&mirror.confirmed().roster);
        let wanted = &self.options.own;
        let decided = if mirror.is_new() { MAX_PORTION.min(wanted.len()) } else { 0 };
        let rest: Vec<_> =
            wanted[decided..].iter().copied().filter(|&id| !roster.owns(me, id)).collect();
        for instruments in in_portions(&rest) {
            mirror.say(ClientMessage::RequestOwnership { instruments });
        }
        if self.options.privilege && !mirror.is_new() && !roster.is_privileged(me) {
            mirror.say(ClientMessage::RequestPrivilege);
        }
    }

    /// That one does not get the privilege that one asked for.
    pub(super) fn denial<M: Model>(&self, mirror: &Mirror<M>) -> Vec<Event<M>> {
        let roster = &mirror.confirmed().roster;
        let denied =
            self.options.privilege && mirror.is_new() && !roster.is_privileged(mirror.client());
        let holder = roster.privileged.clone().filter(|_| denied);
        holder.map(|holder| Event::PrivilegeDenied { holder }).into_iter().collect()
    }

    pub(super) async fn keep<M: Model>(mut self, shared: &Shared<M>, mut wire: Wire<C>) {
        loop {
            let reason = match wire.run(shared, &self.options.config).await {
                Ended::Left => break,
                Ended::Lost(reason) => reason,
            };
            info!(%reason, "connection lost");
            drop(wire);
            if reason.is_final() {
                return shared.close(&CloseReason::ConnectionLost(reason));
            }
            wire = tokio::select! {
                again = self.reconnect(shared, reason) => match again {
                    Ok(wire) => wire,
                    Err(reason) => return shared.close(&CloseReason::ConnectionLost(reason)),
                },
                () = shared.leave.cancelled() => break,
            };
        }
        if let Some(Err(error)) = self.options.token_file.as_ref().map(TokenFile::forget) {
            warn!(%error, "cannot remove the token");
        }
        shared.close(&CloseReason::ByRequest);
    }

    /// Tries until there is a connection, or until trying cannot help.
    async fn reconnect<M: Model>(
        &mut self,
        shared: &Shared<M>,
        reason: ConnectionError,
    ) -> Result<Wire<C>, ConnectionError> {
        let since = Instant::now();
        let until = kept_until(since, &reason, self.window);
        let mut pause = self.options.config.initial_backoff;
        let mut attempt = None;
        loop {
            let (reason, attempt_failed) = (reason.clone(), attempt.clone());
            let status = Status::Reconnecting { since, reason, attempt: attempt_failed, until };
            if shared.status.peek(|current| *current != status) {
                shared.set_status(status);
            }
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(self.options.config.max_backoff);
            let resume = shared.lock().mirror.resume();
            let joined = match self.enter(Some(resume)).await {
                Err(ConnectionError::ResumeRefused(_)) => {
                    self.ask_for_the_same(shared);
                    self.enter(None).await
                }
                other => other,
            };
            match joined {
                Ok(Joined { wire, reply }) => {
                    self.come_back(shared, reply);
                    return Ok(wire);
                }
                Err(lost) if lost.is_final() => return Err(lost),
                Err(lost) => {
                    debug!(reason = %lost, "cannot reconnect yet");
                    attempt = Some(lost);
                }
            }
        }
    }

    /// In a new session, one wants what one had in the old one.
    fn ask_for_the_same<M: Model>(&mut self, shared: &Shared<M>) {
        let state = shared.lock();
        let (roster, me) = (&state.mirror.confirmed().roster, state.mirror.client());
        let exists = |id| M::exists(&state.mirror.confirmed().model, id);
        // What is not there now may be there in the next session.
        let mut own: Vec<_> = roster.owned_by(me).collect();
        own.extend(self.options.own.iter().copied().filter(|&id| !exists(id)));
        self.options.own = own;
        self.options.privilege = roster.is_privileged(me);
    }

    fn come_back<M: Model>(&mut self, shared: &Shared<M>, reply: HandshakeReply<M>) {
        // Before anything that follows from it, so that whoever reads of an
        // event finds the status that goes with it.
        shared.set_status(Status::Connected { round_trip: None });
        shared.set_clock(reply.clock());
        self.window = reply.resume_window();
        match reply {
            HandshakeReply::Back(back) => {
                info!("resumed");
                shared.update(|state| state.mirror.reconnected(*back));
            }
            HandshakeReply::New(welcome) => {
                let session = welcome.session;
                info!(%session, "joined anew");
                shared.update(|state| {
                    for (_, waiting) in state.waiting.drain() {
                        let _ = waiting.send(Err(DispatchError::Unanswered));
                    }
                    state.mirror.start_anew(*welcome);
                    self.ask_for_the_rest(&mut state.mirror);
                    shared.who.publish(SessionIdentity::of(&state.mirror));
                });
                self.denial(&shared.lock().mirror).into_iter().for_each(|event| shared.tell(event));
            }
        }
        self.save_token(&shared.lock().mirror);
    }

    pub(super) fn save_token<M: Model>(&self, mirror: &Mirror<M>) {
        let Some(file) = &self.options.token_file else { return };
        let saved = SavedToken { session: mirror.session(), token: mirror.token() };
        if let Err(error) = file.save(saved) {
            warn!(%error, path = %file.path().display(), "cannot save the token");
        }
    }
}

/// Until when a place is kept at the least that was lost at `since`. If there was
/// silence before, the host may have heard as much of it.
fn kept_until(since: Instant, reason: &ConnectionError, window: Duration) -> Instant {
    let silent = match reason {
        ConnectionError::Silent(silence) => *silence,
        // The session is over, and the places in it with it.
        ConnectionError::Shutdown => window,
        _ => Duration::ZERO,
    };
    since + window.saturating_sub(silent)
}

/// From half of `pause` to all of it, so that not everyone comes back at once.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    // Without random bytes there is no jitter, and nothing worse.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::Network(crate::util::io::describe(&error))
    }
}

impl From<ReconnectRefusal> for ConnectionError {
    fn from(reason: ReconnectRefusal) -> Self {
        Self::ResumeRefused(reason)
    }
}
