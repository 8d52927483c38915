//! Notifications for a UI. What an event reports can also be read from a snapshot, except
//! what the engine says; the event says that there is something new to read.

use crate::{
    admission::JoinRequest,
    dispatcher::Status,
    model::{DirtyFlags, Model},
    studio::Studio,
    sync::SessionEvent,
};

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<M: Model = Studio> {
    /// Something happened in the session.
    Session(SessionEvent<M>),
    /// These parts of the snapshot have changed, by your edits or by others'.
    Changed(DirtyFlags),
    /// What the engine says, on the host and on every client: in the studio, e.g. that the
    /// sound is gone. At most ten a second.
    Notice(M::Notice),
    /// The status of the dispatcher has changed.
    Status(Status),
    /// Only on a host: a stranger asks to join. It comes again when the stranger has said
    /// its name.
    WantsToJoin(JoinRequest),
    /// Only on a host: [`admission`](crate::dispatcher::Dispatcher::admission) has changed.
    Admission,
    /// A timer of the host failed, described by this text. The session goes on. What the
    /// engine does wrong is a [`Notice`](Self::Notice).
    Fault(String),
    /// This many events were dropped because they were not collected in time.
    /// Read the snapshot instead.
    Missed(u64),
}
