//! Notifications for a UI. Everything that an event reports can also be read from a
//! snapshot; the event says that there is something new to read.

use crate::{
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
    /// The status of the dispatcher has changed.
    Status(Status),
    /// Something failed in this program, described by this text, e.g. the engine. The
    /// session goes on.
    Fault(String),
    /// This many events were dropped because they were not collected in time.
    /// Read the snapshot instead.
    Missed(u64),
}
