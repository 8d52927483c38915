//! TCP server: accepts connections and moves bytes between them and the
//! [`Authority`](crate::authority::Authority). It decides nothing: the rules are in
//! [`admission`](crate::admission) and [`session`](crate::sync::session).
//!
//! Each connection is one task. It hands messages to the authority, and pulls what
//! to send when its socket is writable. Nothing is queued in between, so a client
//! that does not read costs a socket buffer and delays no other client.

mod admissions;
mod broadcast;
mod connection_io;
mod connection_table;
mod host_dispatcher;
mod net_server;
mod server_config;
mod server_connection;
mod server_entry;
mod server_handshake;
mod server_inner;

pub use connection_table::{ParticipantInfo, Stats};
pub use host_dispatcher::{HostDispatcher, HostOptions};
pub use net_server::NetServer;
pub use server_config::ServerConfig;
