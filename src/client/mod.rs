//! The client's side of a session that runs on another machine.
//!
//! [`RemoteDispatcher`] answers the UI from a mirror of the session, and a task
//! keeps that mirror connected: it connects, resumes after an interruption, and
//! joins again if the host cannot resume it. Nothing in here knows a rule of the
//! session; those are in [`mirror`](crate::sync::mirror).

mod client_config;
mod client_connection;
mod client_entry;
mod client_handshake;
mod frame_receiver;
mod join_options;
mod last_heard;
mod ownership_requests;
mod rebasing;
mod reconnector;
mod remote_dispatcher;
mod shared;

pub use client_config::ClientConfig;
pub use client_entry::WordsPrompt;
pub use join_options::JoinOptions;
pub use remote_dispatcher::RemoteDispatcher;
