//! The rules of a session on both sides: the authority's [`session`] and a
//! client's [`mirror`] of it.
//!
//! Pure: time, random bytes and messages come in as arguments, and what should
//! happen comes out as values. Both sides have the same contract: change the
//! value, then `poll` it until it waits; `pull` what goes to the connection.

pub(crate) mod digester;
pub mod mirror;
pub(crate) mod rules;
pub mod session;
mod session_event;
pub(crate) mod undo;

pub(crate) use session_event::roster_events;
pub use session_event::{PlaceLoss, Resync, SessionEvent, UndoReport};
