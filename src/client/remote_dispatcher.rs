//! The dispatcher of a client: a [`Mirror`](crate::sync::mirror::Mirror) and a task
//! that keeps it connected.
//!
//! The UI's calls touch the mirror only, never the network, so they return at once
//! in every state of the connection.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    JoinOptions,
    ownership_requests::ownership_batches,
    reconnector::{Reconnector, with_denial},
    shared::Shared,
};
use crate::{
    admission::AdmissionStatus,
    dispatcher::{
        Clock, CloseError, CloseReason, ConnectionError, DispatchError, Dispatcher, Events,
        HostCommand, Identity, OpenError, Status,
    },
    model::{InstrumentId, Model},
    protocol::{ClientMessage, NetworkState},
    studio::Studio,
    sync::{
        PlaceLoss, SessionEvent,
        mirror::{Mirror, MirrorOutput},
        session::checked_name,
    },
    transport::{Connector, TcpConnector},
    util::time::Timestamp,
};

/// A session on another machine. It reconnects by itself; until then it keeps
/// predicting on its last snapshot.
///
/// Dropping it cuts the connection, as a crash would.
/// [`close`](Dispatcher::close) says goodbye.
#[must_use = "dropping it cuts the connection"]
pub struct RemoteDispatcher<M: Model = Studio> {
    shared: Arc<Shared<M>>,
    stop: CancellationToken,
}

impl<M: Model> RemoteDispatcher<M> {
    /// Joins the session at `address`, which has the form `host:port`.
    ///
    /// # Errors
    /// If an option makes no sense, the name is not valid, the host cannot be reached,
    /// or it rejects the handshake.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub async fn connect(address: &str, options: JoinOptions) -> Result<Self, OpenError> {
        options.config.check()?;
        checked_name(&options.name).map_err(OpenError::Name)?;
        let connector = TcpConnector { address: address.into() };
        Self::join_at(connector, Some(address), options)
            .await
            .map_err(|reason| OpenError::Join { address: address.into(), reason })
    }

    /// Joins the session that `connector` connects to, or resumes the place that is saved
    /// in [`JoinOptions::place`]. If that place is gone, the first event is
    /// [`SessionEvent::NewSession`].
    ///
    /// # Errors
    /// If an option makes no sense, the name is not valid, the host cannot be reached,
    /// or it rejects the handshake.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub async fn join<C: Connector>(
        connector: C,
        options: JoinOptions,
    ) -> Result<Self, ConnectionError> {
        Self::join_at(connector, None, options).await
    }

    async fn join_at<C: Connector>(
        connector: C,
        address: Option<&str>,
        options: JoinOptions,
    ) -> Result<Self, ConnectionError> {
        options.config.check()?;
        checked_name(&options.name).map_err(ConnectionError::Host)?;
        let mut reconnector = Reconnector::new(connector, address, options).await?;
        let (handshake, lost_place) = reconnector.first_handshake::<M>().await?;
        let clock = Clock::runtime();
        let session_clock = handshake.reply.clock();
        let received = clock.now();
        let (connection, mut mirror) = reconnector.first_mirror(handshake).await?;
        let session = mirror.session();
        let new_session = lost_place.map(|before| SessionEvent::NewSession {
            session,
            why: PlaceLoss::between(before, session),
            unanswered: Vec::new(),
        });
        let mut join_events: Vec<_> = new_session.into_iter().collect();
        join_events.extend(first_events(&mut mirror));
        let join_events = with_denial(join_events, reconnector.privilege_denial(&mirror));
        reconnector.save_place(&mirror).await;
        info!(client = %mirror.client(), %session, "joined");

        let session_clock = session_clock + (clock.now() - received);
        let host = (reconnector.heard(), reconnector.trust());
        let shared = Arc::new(Shared::new(mirror, host, join_events, clock, session_clock));
        let stop = CancellationToken::new();
        let mut task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { reconnector.run(&shared, connection).await }
        });
        tokio::spawn({
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            async move {
                let _done = shared.done.clone().drop_guard();
                tokio::select! {
                    // The task ends when the dispatcher is closed, or by a panic.
                    // After a panic the status must not stay `Connected`.
                    ended = &mut task => {
                        if let Err(panic) = ended {
                            let reason = ConnectionError::Internal(panic.to_string());
                            shared.close(&CloseReason::ConnectionLost(reason));
                        }
                    }
                    () = stop.cancelled() => task.abort(),
                }
            }
        });
        Ok(Self { shared, stop })
    }

    /// The number of actions that the authority has not answered yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.shared.unanswered()
    }

    /// Sends a message that is not an action.
    fn request(&self, message: ClientMessage<M>) -> Result<(), DispatchError> {
        match self.shared.status() {
            Status::Closed { reason } => return Err(DispatchError::Closed(reason)),
            Status::Reconnecting { .. } => return Err(DispatchError::Offline),
            Status::Alone | Status::Hosting { .. } | Status::Connected { .. } => {}
        }
        self.shared.lock().mirror.request(message)?;
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl<M: Model> Drop for RemoteDispatcher<M> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<M: Model> fmt::Debug for RemoteDispatcher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteDispatcher").field("status", &self.status()).finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: Model> Dispatcher<M> for RemoteDispatcher<M> {
    fn dispatch(&self, action: M::Action) -> Result<M::Outcome, DispatchError> {
        self.shared.submit(None, |mirror, now| mirror.dispatch(now, action))
    }

    fn dispatch_all(&self, actions: Vec<M::Action>) -> Result<Vec<M::Outcome>, DispatchError> {
        self.shared.submit(None, |mirror, now| mirror.dispatch_all(now, actions))
    }

    async fn commit(&self, action: M::Action) -> Result<M::Outcome, DispatchError> {
        let (sender, receiver) = oneshot::channel();
        let outcome =
            self.shared.submit(Some(sender), |mirror, now| mirror.dispatch(now, action))?;
        // The sender is dropped along with the dispatcher.
        let decided = receiver.await;
        decided.unwrap_or(Err(DispatchError::Closed(CloseReason::ByRequest)))?;
        Ok(outcome)
    }

    fn undo(&self) -> Result<(), DispatchError> {
        self.shared.submit(None, |mirror, _| Ok((mirror.undo()?, ())))
    }

    fn redo(&self) -> Result<(), DispatchError> {
        self.shared.submit(None, |mirror, _| Ok((mirror.redo()?, ())))
    }

    fn state(&self) -> Arc<NetworkState<M>> {
        self.shared.snapshot.load()
    }

    fn confirmed(&self) -> Arc<NetworkState<M>> {
        self.shared.confirmed.load()
    }

    fn clock(&self) -> Timestamp {
        self.shared.session_clock()
    }

    fn metering(&self) -> M::Metering {
        self.shared.metering.peek(Clone::clone)
    }

    fn status(&self) -> Status {
        self.shared.status()
    }

    fn identity(&self) -> Identity {
        let identity = self.shared.identity.load();
        let roster = Arc::clone(&self.state().roster);
        Identity {
            session: identity.session,
            client_id: identity.client,
            name: identity.name.clone(),
            privilege: roster.privilege(identity.client),
            instruments: roster.owned_by(identity.client).collect(),
        }
    }

    fn events(&self) -> Events<M> {
        self.shared.subscribe()
    }

    fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
        ownership_batches(instruments).try_for_each(|instruments| {
            self.request(ClientMessage::RequestOwnership { instruments })
        })
    }

    fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
        ownership_batches(instruments).try_for_each(|instruments| {
            self.request(ClientMessage::ReleaseOwnership { instruments })
        })
    }

    fn request_privilege(&self) -> Result<(), DispatchError> {
        self.request(ClientMessage::RequestPrivilege)
    }

    fn release_privilege(&self) -> Result<(), DispatchError> {
        self.request(ClientMessage::ReleasePrivilege)
    }

    fn administer(&self, _: HostCommand) -> Result<(), DispatchError> {
        Err(DispatchError::NotHost)
    }

    fn admission(&self) -> Option<Arc<AdmissionStatus>> {
        None
    }

    fn resynchronise(&self) -> Result<(), DispatchError> {
        self.request(ClientMessage::RequestFullSync)
    }

    async fn close(&self) -> Result<(), CloseError> {
        self.shared.leave.cancel();
        self.shared.done.cancelled().await;
        match self.shared.unanswered() {
            0 => Ok(()),
            actions => Err(CloseError::Unanswered { actions }),
        }
    }
}

/// The events of joining. The connection task finds the first messages by itself.
fn first_events<M: Model>(mirror: &mut Mirror<M>) -> Vec<SessionEvent<M>> {
    let mut events = Vec::new();
    loop {
        match mirror.poll() {
            MirrorOutput::Event(event) => events.push(event),
            MirrorOutput::Wait { .. } => return events,
            _ => {}
        }
    }
}
