//! Several musicians, one session, over a LAN.
//!
//! Imbolc is a music studio in a terminal. With this crate, several musicians work
//! in one session: one machine holds the authoritative state and produces the sound;
//! the others send actions and receive state. Audio never crosses the network.
//!
//! ```text
//!       panes ── Action ──▶ ┌──────────────┐ ◀── state(): a snapshot, lock-free
//!                           │  Dispatcher  │      metering(), status(), events()
//!                           └──────┬───────┘
//!           ┌──────────────────────┼──────────────────────┐
//!    LocalDispatcher         HostDispatcher         RemoteDispatcher
//!     local session           local + TCP server      over the network
//!           └──────────┬───────────┘                      │
//!                  Authority                            Mirror
//!       Session (rules) + Engine (sound)    confirmed + predicted state
//!                      │                                  │
//!                  NetServer  ◀───── frames over TCP ─────┘
//! ```
//!
//! A UI sees a single trait, [`Dispatcher`]. [`open`] selects its implementation once,
//! at start-up:
//!
//! ```
//! use imbolc_net::{
//!     Mode,
//!     studio::{NetworkAction, SessionSetting},
//!     util::quantity::Bpm,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let studio = imbolc_net::open(Mode::Local { name: "Ana".into() }).await?;
//! studio.dispatch(NetworkAction::Session(SessionSetting::Tempo(Bpm::new(174.0)?)))?;
//! assert_eq!(studio.state().model.session.tempo.get(), 174.0);
//! # Ok(())
//! # }
//! ```
//!
//! # Finding your way
//!
//! | you want to | see |
//! |---|---|
//! | write a UI | [`Dispatcher`], [`Event`], [`dispatcher::Status`], [`studio`] |
//! | test a UI | `dispatcher::MockDispatcher`, with the feature `mock` |
//! | choose between a local session, hosting and joining | [`Mode`], [`open`], [`open_with`] |
//! | announce a session on the LAN, or find one | `discovery`, with the feature `mdns` |
//! | keep projects on disk | [`projects`], [`authority::Jobs`] |
//! | make the sound | [`model::EngineWorker`], [`authority::threaded`], docs/extending.md |
//! | share your own state instead of the studio's | [`model`], [`util::ordmap`], docs/extending.md |
//! | set up a host or a client yourself | [`authority`], [`server`], [`client`], [`transport`] |
//! | write a client in another language | docs/protocol.md; its types are in [`protocol`] |
//! | know the rules of a session | [`sync::session`], [`sync::mirror`] |
//! | understand the whole | ARCHITECTURE.md |

#![forbid(unsafe_code)]
#![warn(clippy::pedantic)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod admission;
pub mod authority;
pub mod client;
#[cfg(feature = "mdns")]
pub mod discovery;
pub mod dispatcher;
pub mod installation;
pub mod model;
mod open;
pub mod projects;
pub mod protocol;
pub mod security;
pub mod server;
pub mod studio;
pub mod sync;
pub mod transport;
pub mod util;

#[cfg(feature = "mdns")]
pub use self::discovery::{DiscoveryClient, DiscoveryServer};
pub use self::{
    authority::LocalDispatcher,
    client::RemoteDispatcher,
    dispatcher::{Dispatcher, Event},
    model::{DirtyFlags, Model},
    open::{Mode, open, open_with},
    protocol::{
        ClientMessage, NetworkState, OwnerInfo, PrivilegeLevel, ServerMessage, SessionToken,
        StatePatch,
    },
    server::{HostDispatcher, NetServer},
    studio::NetworkAction,
    sync::SessionEvent,
};

/// Compiles the examples of the README, and runs those that need no network.
#[cfg(all(doctest, feature = "mock"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles the model in the guide to extending the crate.
#[cfg(doctest)]
#[doc = include_str!("../docs/extending.md")]
struct Extending;
