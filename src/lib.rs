//! Several musicians, one session.
//!
//! Imbolc is a music studio in a terminal. With this crate several of them work
//! in one session: one machine holds the authoritative state and makes the
//! sound, the others send actions and get state. Audio never crosses the
//! network.
//!
//! ```text
//!       panes ── Action ──▶ ┌──────────────┐ ◀── state(): a snapshot, lock-free
//!                           │  Dispatcher  │      metering(), status(), events()
//!                           └──────┬───────┘
//!           ┌──────────────────────┼──────────────────────┐
//!    LocalDispatcher         HostDispatcher         RemoteDispatcher
//!     alone                   Local + a door          over the network
//!           └──────────┬───────────┘                      │
//!                  Authority                            Mirror
//!       Session (the rules) + Engine (the sound)   (confirmed + predicted)
//!                      │                                  │
//!                  NetServer  ◀───── frames over TCP ─────┘
//! ```
//!
//! To a UI all of it is one trait, [`Dispatcher`]. Which of its implementations
//! runs is decided once, by [`open`]:
//!
//! ```
//! use imbolc_net::{
//!     Mode,
//!     dispatcher,
//!     studio::{NetworkAction, SessionSetting},
//!     util::quantity::Bpm,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let studio = imbolc_net::open(Mode::Local { name: "Ana".into(), projects: None }).await?;
//! studio.dispatch(NetworkAction::Session(SessionSetting::Tempo(Bpm::new(174.0)?)))?;
//! assert_eq!(studio.state().model.session.tempo.get(), 174.0);
//! # Ok(())
//! # }
//! ```
//!
//! # Finding one's way
//!
//! | for | see |
//! |---|---|
//! | the author of a UI | [`dispatcher`], [`studio`], [`event`], [`status`] |
//! | who wants to be found, or to find | `discovery`, with the feature `mdns` |
//! | whose state is not the studio's | [`model`], [`engine`], [`ordmap`] |
//! | who keeps sessions on disk | [`projects`] |
//! | who runs a session by hand | [`authority`], [`server`], [`client`], [`transport`] |
//! | who writes a client in another language | [`protocol`], [`framing`], ARCHITECTURE.md |
//! | who wants to know the rules | [`session`], [`mirror`] |

#![forbid(unsafe_code)]
#![warn(clippy::pedantic)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod authority;
pub mod client;
#[cfg(feature = "mdns")]
pub mod discovery;
pub mod dispatcher;
pub mod model;
mod open;
pub mod projects;
pub mod protocol;
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
    open::{Mode, open},
    protocol::{
        ClientMessage, NetworkState, OwnerInfo, PrivilegeLevel, ServerMessage, SessionToken,
        StatePatch,
    },
    server::{HostDispatcher, NetServer},
    studio::NetworkAction,
};

/// The examples of the README compile, and those that need no network run.
#[cfg(all(doctest, feature = "mock"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// So does the model in the guide to extending it.
#[cfg(doctest)]
#[doc = include_str!("../docs/extending.md")]
struct Extending;
