//! Being found, and finding: sessions announced and looked for by mDNS, so that
//! nobody has to type an address. With the feature `mdns`.
//!
//! A [`DiscoveryServer`] announces a session as `_imbolc._tcp.local.` and keeps
//! current how many take part; a [`DiscoveryClient`] tells which sessions are
//! found, changed and lost. Neither knows what a session is about, and neither
//! opens a connection: who has found one joins it by its address.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use imbolc_net::{
//!     Mode,
//!     discovery::{Advert, DiscoveryClient, DiscoveryConfig, DiscoveryServer},
//!     dispatcher::{Status},
//!     server::HostOptions,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // On one machine: host a session, and be found.
//! let (name, address) = ("Ana".into(), "[::]:9999".into());
//! let options = HostOptions::default();
//! let mode = Mode::Host { name, address, session_name: None, projects: None, options };
//! let studio = imbolc_net::open(mode).await?;
//! let events = studio.events();
//! if let Status::Hosting { address: Some(address) } = studio.status() {
//!     let config = DiscoveryConfig::default();
//!     let server = DiscoveryServer::announce(Advert::new("Friday jam")?, address, &config)?;
//!     let studio = studio.clone();
//!     tokio::spawn(async move {
//!         server.follow(&*studio, studio.events()).await;
//!         server.shut_down().await;
//!     });
//! }
//!
//! // On another: look around for two seconds.
//! let mut client = DiscoveryClient::browse(&DiscoveryConfig::default())?;
//! for session in client.browse_for(Duration::from_secs(2)).await {
//!     println!("{} at {}", session.name, session.address());
//! }
//! # drop(events);
//! # Ok(())
//! # }
//! ```

mod advert;
mod announcer;
mod browser;
mod daemon;
mod discovery_config;
mod discovery_error;
mod reachability;
mod tracker;

use std::{collections::BTreeSet, fmt, net::SocketAddr};

pub use advert::{Advert, Versions};
pub use announcer::DiscoveryServer;
pub use browser::DiscoveryClient;
pub use discovery_config::{DiscoveryConfig, Interfaces};
pub use discovery_error::DiscoveryError;

/// The names of the network interfaces that this machine has at the moment; none
/// if the operating system does not say.
#[must_use]
pub fn interfaces() -> BTreeSet<String> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter().map(|interface| interface.name).collect()
}

use crate::{model::Model, protocol::PROTOCOL_VERSION};

/// What sessions are announced as: a service of DNS-SD (RFC 6763).
pub const SERVICE: &str = "_imbolc._tcp.local.";

/// What is seen on the LAN, as it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// A session is there that was not there before.
    Found(FoundSession),
    /// Something that it says has changed, or where it can be reached. It has
    /// the same [`id`](FoundSession::id) as when it was found.
    Changed(FoundSession),
    /// The session is gone: it said goodbye, or does not answer any more. This is
    /// how it was last seen.
    Lost(FoundSession),
}

/// A session on the LAN.
///
/// All of it but the addresses is what its host says of itself, checked for
/// length and for what could upset a terminal. What it does not say, or says in
/// a way that cannot be read, is unknown; the session is listed nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// Tells it apart from all others, also from those of the same name. It is
    /// the name of its DNS record, and not fit to be shown.
    pub id: String,
    /// What it is called; 1 to 64 plain characters. If it does not say so, what
    /// can be shown of its record's name.
    pub name: String,
    /// What its host's machine is called; 1 to 64 plain characters.
    pub host: Option<String>,
    /// What it runs on.
    pub versions: Option<Versions>,
    /// How many take part.
    pub participants: Option<u32>,
    /// How many may take part.
    pub max_participants: Option<u32>,
    /// Whether it asks for a secret; `false` if it does not say so.
    pub secret: bool,
    /// Where it can be reached, the best address first: on this machine, in a
    /// net that this machine is in, by a link-local address with its scope,
    /// elsewhere. At least one.
    pub addresses: Vec<SocketAddr>,
}

impl FoundSession {
    /// Where it can be reached best. As text it can be joined as it is, also if
    /// it is a link-local one.
    ///
    /// # Panics
    /// If [`addresses`](Self::addresses) is empty, which it never is in a session
    /// that was found.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Whether a client with the model `M` can join.
    #[must_use]
    pub fn compatibility<M: Model>(&self) -> Compatibility {
        match &self.versions {
            None => Compatibility::Unknown,
            Some(versions) if versions.protocol != PROTOCOL_VERSION => Compatibility::OtherProtocol,
            Some(versions) if versions.model != M::NAME => Compatibility::OtherModel,
            Some(versions) if versions.model_version != M::VERSION => Compatibility::OtherModel,
            Some(_) => Compatibility::Same,
        }
    }

    /// Whether nobody else may take part, as far as is known.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let (now, most) = (self.participants, self.max_participants);
        now.zip(most).is_some_and(|(now, most)| now >= most)
    }
}

/// Whether a session runs on the same versions as this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It does, and can be joined.
    Same,
    /// Its host speaks another version of the protocol.
    OtherProtocol,
    /// Its host has another model, or another version of it.
    OtherModel,
    /// It does not say. The handshake will.
    Unknown,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "the same version",
            Self::OtherProtocol => "another version of the protocol",
            Self::OtherModel => "another version of what is shared",
            Self::Unknown => "an unknown version",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::Studio;

    fn session(versions: Option<Versions>) -> FoundSession {
        FoundSession {
            id: "jam".into(),
            name: "jam".into(),
            host: None,
            versions,
            participants: Some(3),
            max_participants: None,
            secret: false,
            addresses: vec![([127, 0, 0, 1], 9999).into()],
        }
    }

    #[test]
    fn who_cannot_be_joined_shows_it() {
        let ours = Versions {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
        };
        let fit = |versions| session(versions).compatibility::<Studio>();
        assert_eq!(fit(Some(ours.clone())), Compatibility::Same);
        let protocol = PROTOCOL_VERSION + 1;
        assert_eq!(fit(Some(Versions { protocol, ..ours.clone() })), Compatibility::OtherProtocol);
        let model_version = Studio::VERSION + 1;
        assert_eq!(
            fit(Some(Versions { model_version, ..ours.clone() })),
            Compatibility::OtherModel
        );
        assert_eq!(
            fit(Some(Versions { model: "chess".into(), ..ours })),
            Compatibility::OtherModel
        );
        assert_eq!(fit(None), Compatibility::Unknown);
    }

    #[test]
    fn a_session_is_full_if_it_says_so() {
        let with = |max_participants| FoundSession { max_participants, ..session(None) };
        assert!(with(Some(3)).is_full());
        assert!(!with(Some(4)).is_full() && !with(None).is_full());
    }
}
