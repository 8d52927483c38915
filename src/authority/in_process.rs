//! The host's place at the authority: what the dispatcher of a local session and
//! that of a hosted one have in common.

use std::{sync::Arc, task::Poll};

use crate::{
    authority::Authority,
    dispatcher::{CloseError, CloseReason, DispatchError, Event, Events, Identity, Status},
    model::{InstrumentId, Model},
    protocol::{ClientId, SessionId},
    sync::{Resync, SessionEvent},
    util::snapshot::SnapshotCell,
};

const ME: ClientId = ClientId::HOST;

/// The host's own access to the authority.
pub(crate) struct InProcess<M: Model> {
    authority: Arc<Authority<M>>,
    session: SessionId,
    status: SnapshotCell<Status>,
}

impl<M: Model> InProcess<M> {
    pub(crate) fn new(authority: Arc<Authority<M>>, status: Status) -> Self {
        let session = authority.session_id();
        Self { authority, session, status: SnapshotCell::new(Arc::new(status)) }
    }

    pub(crate) const fn authority(&self) -> &Arc<Authority<M>> {
        &self.authority
    }

    pub(crate) fn status(&self) -> Status {
        self.status.peek(Status::clone)
    }

    pub(crate) fn close(&self) {
        let status = Status::Closed { reason: CloseReason::ByRequest };
        self.status.publish(Arc::new(status.clone()));
        self.authority.announce(Event::Status(status));
        self.authority.close_engine();
    }

    /// Waits until a save that was accepted has ended, and 1 s for the engine. Cancel safe.
    pub(crate) async fn settle(&self) -> Result<(), CloseError> {
        let mut changes = self.authority.changes();
        loop {
            if let Poll::Ready(ended) = self.authority.poll_close() {
                return ended.map_err(CloseError::NotSaved);
            }
            // It ends when the authority does.
            let _ = changes.changed().await;
        }
    }

    pub(crate) fn check_open(&self) -> Result<(), DispatchError> {
        self.status.peek(|status| match status {
            Status::Closed { reason } => Err(DispatchError::Closed(reason.clone())),
            _ => Ok(()),
        })
    }

    pub(crate) fn dispatch(&self, action: &M::Action) -> Result<M::Outcome, DispatchError> {
        self.check_open()?;
        Ok(self.authority.decide(|session, now| session.act(now, action))?)
    }

    pub(crate) fn dispatch_all(
        &self,
        actions: &[M::Action],
    ) -> Result<Vec<M::Outcome>, DispatchError> {
        self.check_open()?;
        Ok(self.authority.decide(|session, now| session.act_all(now, actions))?)
    }

    pub(crate) fn undo(&self) -> Result<(), DispatchError> {
        self.check_open()?;
        let report = self.authority.decide(|session, _| session.undo())?;
        self.authority.announce(Event::Session(SessionEvent::Undone(report)));
        Ok(())
    }

    pub(crate) fn redo(&self) -> Result<(), DispatchError> {
        self.check_open()?;
        let report = self.authority.decide(|session, _| session.redo())?;
        self.authority.announce(Event::Session(SessionEvent::Redone(report)));
        Ok(())
    }

    pub(crate) fn identity(&self) -> Identity {
        let roster = Arc::clone(&self.authority.state().roster);
        Identity {
            session: self.session,
            client_id: ME,
            name: roster.as_owner(ME).map(|me| me.name.to_string()).unwrap_or_default(),
            privilege: roster.privilege(ME),
            instruments: roster.owned_by(ME).collect(),
        }
    }

    pub(crate) fn events(&self) -> Events<M> {
        let me = self.authority.state().roster.as_owner(ME);
        Events::new(self.authority.subscribe()).preceded_by(me.map(SessionEvent::Joined))
    }

    pub(crate) fn request_ownership(
        &self,
        instruments: &[InstrumentId],
    ) -> Result<(), DispatchError> {
        self.check_open()?;
        let answer = self.authority.decide(|session, _| session.claim(ME, instruments));
        for refused in answer.refused {
            let (instrument, reason) = (refused.instrument, refused.reason);
            self.authority
                .announce(Event::Session(SessionEvent::OwnershipRefused { instrument, reason }));
        }
        Ok(())
    }

    pub(crate) fn release_ownership(
        &self,
        instruments: &[InstrumentId],
    ) -> Result<(), DispatchError> {
        self.check_open()?;
        self.authority.decide(|session, _| session.release(ME, instruments));
        Ok(())
    }

    pub(crate) fn request_privilege(&self) -> Result<(), DispatchError> {
        self.check_open()?;
        // The host always gets it.
        let _ = self.authority.decide(|session, now| session.request_privilege(now, ME));
        Ok(())
    }

    pub(crate) fn release_privilege(&self) -> Result<(), DispatchError> {
        self.check_open()?;
        self.authority.decide(|session, _| session.release_privilege(ME));
        Ok(())
    }

    /// The state is the authority's own, so there is nothing to replace.
    pub(crate) fn resynchronise(&self) -> Result<(), DispatchError> {
        self.check_open()?;
        self.authority.announce(Event::Session(SessionEvent::Resynchronised(Resync::Routine)));
        Ok(())
    }
}

/// Implements the methods of a dispatcher that has an `in_process`, except the
/// `async` ones: `async_trait` does not look into macros.
macro_rules! delegate_to_in_process {
    () => {
        fn dispatch(&self, action: M::Action) -> Result<M::Outcome, DispatchError> {
            self.in_process.dispatch(&action)
        }

        fn dispatch_all(&self, actions: Vec<M::Action>) -> Result<Vec<M::Outcome>, DispatchError> {
            self.in_process.dispatch_all(&actions)
        }

        fn state(&self) -> Arc<NetworkState<M>> {
            self.in_process.authority().state()
        }

        fn confirmed(&self) -> Arc<NetworkState<M>> {
            self.in_process.authority().state()
        }

        fn clock(&self) -> Timestamp {
            self.in_process.authority().clock()
        }

        fn metering(&self) -> M::Metering {
            self.in_process.authority().metering()
        }

        fn status(&self) -> Status {
            self.in_process.status()
        }

        fn identity(&self) -> Identity {
            self.in_process.identity()
        }

        fn events(&self) -> Events<M> {
            self.in_process.events()
        }

        fn undo(&self) -> Result<(), DispatchError> {
            self.in_process.undo()
        }

        fn redo(&self) -> Result<(), DispatchError> {
            self.in_process.redo()
        }

        fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
            self.in_process.request_ownership(instruments)
        }

        fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError> {
            self.in_process.release_ownership(instruments)
        }

        fn request_privilege(&self) -> Result<(), DispatchError> {
            self.in_process.request_privilege()
        }

        fn release_privilege(&self) -> Result<(), DispatchError> {
            self.in_process.release_privilege()
        }

        fn resynchronise(&self) -> Result<(), DispatchError> {
            self.in_process.resynchronise()
        }
    };
}

pub(crate) use delegate_to_in_process;
