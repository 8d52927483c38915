//! The trait [`Dispatcher`], the only interface between a UI and a session, with its
//! events, status and errors.
//!
//! It must not know its implementations: `LocalDispatcher`, `HostDispatcher` and
//! `RemoteDispatcher` stand beside what they wrap, and `open` selects one.

mod clock;
mod error;
mod event;
mod host_command;
#[cfg(feature = "mock")]
mod mock;
mod status;

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

pub use self::{
    clock::Clock,
    error::{CloseError, DispatchError, OpenError},
    event::Event,
    host_command::HostCommand,
    status::{CloseReason, ConnectionError, HostTrust, Identity, Status},
};
#[cfg(feature = "mock")]
pub use mock::MockDispatcher;

use crate::{
    admission::{AdmissionStatus, StrangerId, Verdict},
    model::{InstrumentId, Model},
    protocol::NetworkState,
    studio::Studio,
    sync::SessionEvent,
    util::time::Timestamp,
};

/// Sends actions to a session and shows its state, wherever the session runs.
///
/// Every method except [`commit`](Self::commit) and [`close`](Self::close) returns
/// at once, in every state of the connection, so a frame loop may call it.
///
/// The methods come in five groups: actions, the state and what belongs to it,
/// ownership and privilege, what only a host may do, and the connection.
#[async_trait]
pub trait Dispatcher<M: Model = Studio>: Send + Sync {
    /// Performs `action`. When the call returns, [`state`](Self::state) shows the
    /// result, which a client only predicts. If the authority refuses the action, the
    /// prediction is taken back and [`SessionEvent::Refused`] gives the reason.
    ///
    /// Returns the [outcome](Model::Outcome), e.g. the id of what was added, as the reducer
    /// computes it here. On a client it is a prediction: if the action of another
    /// participant came between, the authority's outcome may be another one, which is not
    /// sent. The state shows what holds.
    ///
    /// In a local session and on the host, the engine has been handed its effects when the
    /// call returns, but need not have performed them. What it answers, such as where the
    /// music stopped after a `Stop`, is in the state of a later `seq`, or is dropped if it is
    /// [stale](Model::is_stale) by then.
    ///
    /// # Errors
    /// If the action is not allowed or impossible in the current state, if too many
    /// actions are unanswered, or if the dispatcher is closed.
    fn dispatch(&self, action: M::Action) -> Result<M::Outcome, DispatchError>;

    /// Performs several actions as one: each as in the state that those before it
    /// lead to, all or none. Together they are one undo step, and no participant
    /// sees a part of them. Returns the outcome of each, in their order.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), with [`Refusal::InBatch`] for the first action
    /// that is refused; also if there are none, or over 1,024.
    ///
    /// [`Refusal::InBatch`]: crate::protocol::Refusal::InBatch
    fn dispatch_all(&self, actions: Vec<M::Action>) -> Result<Vec<M::Outcome>, DispatchError>;

    /// Performs `action`, and waits until the authority has accepted it, even through
    /// a lost connection; the engine has been handed its effects then. Dropping the future
    /// does not cancel the action. Returns the outcome; on a client, as it was predicted
    /// when the action was dispatched.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), and if the authority refuses the action, or the
    /// session ends before it answers.
    async fn commit(&self, action: M::Action) -> Result<M::Outcome, DispatchError>;

    /// Undoes your own last step: an action, or the sweep of a knob. Values that
    /// another participant has edited since stay as they are; [`SessionEvent::Undone`] gives
    /// their number.
    ///
    /// # Errors
    /// In a local session and on the host, if there is nothing to undo; a client is told
    /// later by [`SessionEvent::NothingUndone`]. Also if too many actions are unanswered, or if
    /// the dispatcher is closed.
    fn undo(&self) -> Result<(), DispatchError>;

    /// Redoes the step that you undid last. [`SessionEvent::Redone`] confirms it.
    ///
    /// # Errors
    /// As [`undo`](Self::undo).
    fn redo(&self) -> Result<(), DispatchError>;

    /// The current snapshot. Lock-free. Call it once per frame, so that the whole
    /// frame shows the same snapshot.
    fn state(&self) -> Arc<NetworkState<M>>;

    /// The current snapshot without your own edits that the authority has not answered.
    /// Lock-free. What differs from [`state`](Self::state) is a prediction.
    fn confirmed(&self) -> Arc<NetworkState<M>>;

    /// The session time, in which the roster states since when a participant is
    /// suspended. A client estimates it from the last heartbeat. Lock-free.
    fn clock(&self) -> Timestamp;

    /// What the engine says continuously: in the studio, the playhead and the meters.
    /// Lock-free.
    fn metering(&self) -> M::Metering;

    /// The status of the dispatcher. Lock-free.
    fn status(&self) -> Status;

    /// Your participant in the session. Lock-free.
    fn identity(&self) -> Identity;

    /// Subscribes to events from now on. Every subscriber first gets a list of at most
    /// 1,024 events about your latest join or, after a lost connection, your return:
    /// [`SessionEvent::NewSession`] if your place was gone, then [`SessionEvent::Joined`] or
    /// [`SessionEvent::Resumed`] with your name, then the requests that the handshake
    /// refused. The actions of `NewSession` are left out: only earlier subscribers get
    /// them.
    fn events(&self) -> Events<M>;

    /// Requests ownership of instruments. The roster shows what is granted;
    /// [`SessionEvent::OwnershipRefused`] reports what is not.
    ///
    /// # Errors
    /// If you are a viewer, if there is no connection, or if the dispatcher is closed.
    fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;

    /// Releases instruments.
    ///
    /// # Errors
    /// If there is no connection, or if the dispatcher is closed.
    fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;

    /// Requests the privilege. The roster shows it if it is granted; otherwise
    /// [`SessionEvent::PrivilegeDenied`] says why not. A host that is a
    /// participant always gets it.
    ///
    /// # Errors
    /// As [`request_ownership`](Self::request_ownership).
    fn request_privilege(&self) -> Result<(), DispatchError>;

    /// Releases the privilege.
    ///
    /// # Errors
    /// As [`release_ownership`](Self::release_ownership).
    fn release_privilege(&self) -> Result<(), DispatchError>;

    /// Performs a command that only the host may give. The roster or [`admission`](Self::admission) shows
    /// the result.
    ///
    /// # Errors
    /// [`DispatchError::NotHost`] unless this program hosts the session; if the command
    /// makes no sense any more; or if the dispatcher is closed.
    fn administer(&self, command: HostCommand) -> Result<(), DispatchError>;

    /// Answers the [`JoinRequest`](crate::admission::JoinRequest) of this id.
    ///
    /// # Errors
    /// As [`administer`](Self::administer): also if the request does not wait any more.
    fn decide(&self, request: StrangerId, verdict: Verdict) -> Result<(), DispatchError> {
        self.administer(HostCommand::Decide { request, verdict })
    }

    /// The code, and the requests to join. `None` unless this program hosts the session.
    /// Lock-free.
    fn admission(&self) -> Option<Arc<AdmissionStatus>>;

    /// Requests a full state. [`SessionEvent::Resynchronised`] reports its arrival.
    ///
    /// # Errors
    /// As [`request_ownership`](Self::request_ownership).
    fn resynchronise(&self) -> Result<(), DispatchError>;

    /// Leaves the session: sends pending actions, and releases your instruments. A host
    /// ends the session for all, and waits for a save that was accepted, however long
    /// that takes, and 1 s for its engine; nothing waits for it if the dispatcher is dropped instead. Returns when
    /// that is done or has failed. Cancel safe.
    ///
    /// # Errors
    /// If the last save failed.
    async fn close(&self) -> Result<(), CloseError>;
}

/// The most events that wait for a subscriber. It loses older ones. Also the most events
/// of the list that it gets first.
pub(crate) const EVENT_BACKLOG: usize = 1024;

/// A subscription to the events of a session.
///
/// A subscriber that falls behind gets [`Event::Missed`] instead of the events that it
/// lost.
#[derive(Debug)]
#[must_use]
pub struct Events<M: Model = Studio> {
    /// Delivered before the events of the channel.
    join_events: VecDeque<Event<M>>,
    receiver: broadcast::Receiver<Event<M>>,
}

impl<M: Model> Events<M> {
    /// The events of a channel, e.g. of a mock's.
    pub const fn new(receiver: broadcast::Receiver<Event<M>>) -> Self {
        Self { join_events: VecDeque::new(), receiver }
    }

    /// Delivers `join_events` before the events of the channel.
    pub(crate) fn preceded_by(
        mut self,
        join_events: impl IntoIterator<Item = SessionEvent<M>>,
    ) -> Self {
        self.join_events = join_events.into_iter().map(Event::Session).collect();
        self
    }

    /// The next event, if any is waiting. For frame loops.
    #[must_use]
    pub fn try_next(&mut self) -> Option<Event<M>> {
        if let Some(event) = self.join_events.pop_front() {
            return Some(event);
        }
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// Waits for the next event; `None` if there will be no more. Cancel safe.
    pub async fn next(&mut self) -> Option<Event<M>> {
        if let Some(event) = self.join_events.pop_front() {
            return Some(event);
        }
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
