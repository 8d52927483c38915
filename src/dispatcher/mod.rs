//! The seam between a UI and the session: one trait, and what is behind it.
//!
//! ```text
//!   panes ── Action ──▶ ┌──────────────┐ ◀── state(): a snapshot, lock-free
//!                       │  Dispatcher  │      metering(), status(), events()
//!                       └──────┬───────┘
//!        ┌─────────────────────┼─────────────────────┐
//! LocalDispatcher        HostDispatcher       RemoteDispatcher
//!  alone                  Local + a door       through that door
//! ```
//!
//! Which one runs is decided once, by [`open`].

mod clock;
mod error;
pub(crate) mod event;
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
    error::{DispatchError, OpenError},
    event::{Event, Resync},
    status::{CloseReason, ConnectionError, Identity, Status},
};
#[cfg(feature = "mock")]
pub use mock::MockDispatcher;

use crate::{
    model::{InstrumentId, Metering, Model},
    protocol::NetworkState,
    studio::Studio,
    util::time::Timestamp,
};

/// Takes actions and shows what comes of them, wherever the session lives.
///
/// Everything but [`commit`](Self::commit) and [`close`](Self::close) returns
/// at once, in every state of the connection, so a frame loop may call it.
#[async_trait]
pub trait Dispatcher<M: Model = Studio>: Send + Sync {
    /// Carries out `action`. [`state`](Self::state) shows it already: done, or
    /// predicted. If the authority refuses what was predicted, it is undone and
    /// [`Event::Refused`] says why.
    ///
    /// # Errors
    /// If the action may not be carried out or makes no sense as far as can be
    /// told at once, if too many are unanswered, or if it is all over.
    fn dispatch(&self, action: M::Action) -> Result<(), DispatchError>;

    /// Carries out `action`, and waits for the authority's word. It waits
    /// through a lost connection; dropping the future does not take the action
    /// back.
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), and if the authority refuses.
    async fn commit(&self, action: M::Action) -> Result<(), DispatchError>;

    /// Takes back one's own last step: what one action changed, or one sweep of a
    /// knob. What somebody else has changed since stays as they left it;
    /// [`Event::Undone`] says how much that is.
    ///
    /// # Errors
    /// If it is known at once that there is nothing to undo (elsewhere
    /// [`Event::NothingUndone`] says so later), if too many actions are
    /// unanswered, or if it is all over.
    fn undo(&self) -> Result<(), DispatchError>;

    /// Does the step again that was undone last; [`Event::Redone`] says so.
    ///
    /// # Errors
    /// As [`undo`](Self::undo).
    fn redo(&self) -> Result<(), DispatchError>;

    /// Everything, at one moment. Lock-free. Take it once a frame, so that a
    /// frame draws one moment.
    fn state(&self) -> Arc<NetworkState<M>>;

    /// Everything as the authority has confirmed it: as [`state`](Self::state),
    /// but without one's own edits that it has not answered yet. What differs
    /// between the two is not certain. Lock-free.
    fn confirmed(&self) -> Arc<NetworkState<M>>;

    /// The session's clock, by which the roster tells since when somebody is
    /// away; elsewhere as near as the last heartbeat tells. Lock-free.
    fn clock(&self) -> Timestamp;

    /// The playhead and the meters. Lock-free.
    fn metering(&self) -> Metering;

    /// How the dispatcher is doing. Lock-free.
    fn status(&self) -> Status;

    /// Who one is. Lock-free.
    fn identity(&self) -> Identity;

    /// What happens from now on, for this subscriber alone. The first one is told
    /// how one came in: [`Event::Joined`] or [`Event::Resumed`], and what one
    /// asked for and did not get.
    fn events(&self) -> Events<M>;

    /// Asks to own instruments. What is granted shows in the roster; what is
    /// not, as [`Event::OwnershipRefused`].
    ///
    /// # Errors
    /// If there is no connection.
    fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;

    /// Gives instruments up.
    ///
    /// # Errors
    /// If there is no connection.
    fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;

    /// Asks for the privilege. If it is granted, the roster shows it; if not,
    /// [`Event::PrivilegeDenied`] says who has it. The host always gets it.
    ///
    /// # Errors
    /// If there is no connection.
    fn request_privilege(&self) -> Result<(), DispatchError>;

    /// Gives the privilege up.
    ///
    /// # Errors
    /// If there is no connection.
    fn release_privilege(&self) -> Result<(), DispatchError>;

    /// Asks for everything anew. [`Event::Resynchronised`] says when it is
    /// there.
    ///
    /// # Errors
    /// If there is no connection.
    fn resynchronise(&self) -> Result<(), DispatchError>;

    /// Leaves: what was dispatched is sent, everyone is told, and what one owned
    /// is free. Returns when that is done, or cannot be done.
    async fn close(&self);
}

/// How many events a subscriber may leave uncollected.
pub(crate) const EVENT_BACKLOG: usize = 1024;

/// What happens in a session, for one subscriber.
pub struct Events<M: Model = Studio> {
    early: VecDeque<Event<M>>,
    receiver: broadcast::Receiver<Event<M>>,
}

impl<M: Model> Events<M> {
    /// Events out of a channel, e.g. of a mock's.
    #[must_use]
    pub const fn new(receiver: broadcast::Receiver<Event<M>>) -> Self {
        Self { early: VecDeque::new(), receiver }
    }

    /// These first.
    #[must_use]
    pub(crate) fn preceded_by(mut self, early: Vec<Event<M>>) -> Self {
        self.early = early.into();
        self
    }

    /// The next event, if there is one already. For frame loops.
    #[must_use]
    pub fn try_next(&mut self) -> Option<Event<M>> {
        if let Some(event) = self.early.pop_front() {
            return Some(event);
        }
        match self.receiver.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    /// The next event; `None` if there will be no more.
    pub async fn next(&mut self) -> Option<Event<M>> {
        if let Some(event) = self.early.pop_front() {
            return Some(event);
        }
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
