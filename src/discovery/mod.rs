//! Discovery: sessions announced and found by mDNS, so that a user need not type
//! an address. Requires the feature `mdns`.
//!
//! A [`DiscoveryServer`] announces a session as `_imbolc._tcp.local.` with its
//! current number of participants; a [`DiscoveryClient`] reports which sessions
//! are found, changed and lost. To join one, pass a [`SessionConnector`] to
//! [`RemoteDispatcher::join`](crate::client::RemoteDispatcher::join): it follows the
//! session to another address. Nothing here knows the content of a session.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use imbolc_net::{
//!     Mode,
//!     discovery::{Advert, DiscoveryClient, DiscoveryConfig, DiscoveryServer},
//!     dispatcher::Status,
//!     server::HostOptions,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // On one machine: host a session and announce it.
//! let (name, address) = ("Ana".into(), "[::]:9999".into());
//! let options = HostOptions::default();
//! let mode = Mode::Host { name, address, options };
//! let studio = imbolc_net::open(mode).await?;
//! let events = studio.events();
//! if let Status::Hosting { address: Some(address) } = studio.status() {
//!     let config = DiscoveryConfig::default();
//!     let session_id = Some(studio.identity().session);
//!     let advert = Advert { session_id, ..Advert::new("Friday jam")? };
//!     let server = DiscoveryServer::announce(advert, address, &config)?;
//!     let studio = studio.clone();
//!     tokio::spawn(async move {
//!         server.follow(&*studio, studio.events()).await;
//!         server.shut_down().await;
//!     });
//! }
//!
//! // On another: browse for two seconds.
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
mod session_connector;
mod tracker;

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use crate::{
    installation::HostLabels,
    model::Model,
    protocol::{PROTOCOL_VERSION, SessionId},
    studio::Name,
};

pub use advert::{Advert, Versions};
pub use announcer::DiscoveryServer;
pub use browser::DiscoveryClient;
pub use discovery_config::{DiscoveryConfig, Interfaces};
pub use discovery_error::DiscoveryError;
pub use session_connector::SessionConnector;

/// The DNS-SD service type of sessions (RFC 6763).
pub const SERVICE: &str = "_imbolc._tcp.local.";

/// The names of this machine's network interfaces; empty if the operating system
/// does not tell.
#[must_use]
pub fn interfaces() -> BTreeSet<String> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.into_iter().map(|interface| interface.name).collect()
}

/// A change in the set of sessions on the LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryEvent {
    /// A new session.
    Found(FoundSession),
    /// The announcement or the addresses of a session have changed. Its
    /// [`id`](FoundSession::id) stays the same.
    Changed(FoundSession),
    /// A session has said goodbye or stopped answering. The value is its last
    /// known state.
    Lost(FoundSession),
}

/// A session on the LAN.
///
/// Everything except the addresses is claimed by its host. Texts are checked for
/// length and control characters; a missing or invalid entry is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// Unique, even among sessions of the same name. It is the name of the DNS
    /// record and not meant for display.
    pub id: String,
    /// The display name: 1 to 64 plain characters. Derived from the record's name
    /// if the announcement contains none.
    pub name: String,
    /// The id of the session. A client can find it again at another address.
    pub session_id: Option<SessionId>,
    /// The name of the host's machine: 1 to 64 plain characters.
    pub host: Option<String>,
    /// The versions that the host runs.
    pub versions: Option<Versions>,
    /// The number of participants, from 0 to
    /// [`limits::PARTICIPANTS`](crate::protocol::limits::PARTICIPANTS).
    pub participants: Option<u32>,
    /// The largest number of participants.
    pub max_participants: Option<u32>,
    /// Whether a stranger has to show the code or ask; `false` if not announced.
    pub secret: bool,
    /// Where it can be reached, best first: on this machine, in one of its
    /// subnets, at a link-local address with its scope, elsewhere. At least one.
    pub addresses: Vec<SocketAddr>,
}

impl FoundSession {
    /// The best address. Its text form can be joined, even if it is link-local.
    ///
    /// # Panics
    /// If [`addresses`](Self::addresses) is empty, which never holds for a session
    /// that a [`DiscoveryClient`] returns.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Under which labels the key of its host is kept. A session without a name has
    /// no name by which it could be told from others.
    #[must_use]
    pub fn labels(&self) -> HostLabels {
        let is_named = self.name != Name::default().as_str();
        HostLabels {
            session: is_named.then(|| self.name.clone()),
            machine: self.host.clone(),
            address: self.address().to_string(),
        }
    }

    /// Whether a client of the model `M` can join.
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

    /// Whether the session is known to admit no further participant.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let (now, most) = (self.participants, self.max_participants);
        now.zip(most).is_some_and(|(now, most)| now >= most)
    }
}

/// Whether a session's host runs the same versions as this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It does; you can join.
    Same,
    /// The host has another version of the protocol.
    OtherProtocol,
    /// The host has another model, or another version of it.
    OtherModel,
    /// It does not announce them. The handshake will tell.
    Unknown,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "the same version",
            Self::OtherProtocol => "another version of the protocol",
            Self::OtherModel => "another model, or another version of it",
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
            session_id: None,
            host: None,
            versions,
            participants: Some(3),
            max_participants: None,
            secret: false,
            addresses: vec![([127, 0, 0, 1], 9999).into()],
        }
    }

    #[test]
    fn compatibility_compares_versions_and_model() {
        let ours = Versions {
            protocol: PROTOCOL_VERSION,
            model: Studio::NAME.into(),
            model_version: Studio::VERSION,
        };
        let of = |versions| session(versions).compatibility::<Studio>();
        assert_eq!(of(Some(ours.clone())), Compatibility::Same);
        let protocol = PROTOCOL_VERSION + 1;
        assert_eq!(of(Some(Versions { protocol, ..ours.clone() })), Compatibility::OtherProtocol);
        let model_version = Studio::VERSION + 1;
        assert_eq!(of(Some(Versions { model_version, ..ours.clone() })), Compatibility::OtherModel);
        assert_eq!(of(Some(Versions { model: "chess".into(), ..ours })), Compatibility::OtherModel);
        assert_eq!(of(None), Compatibility::Unknown);
    }

    #[test]
    fn session_is_labelled_by_its_name_unless_nobody_named_it() {
        let named = FoundSession { host: Some("stage".into()), ..session(None) };
        let labels = named.labels();
        assert_eq!(labels.session.as_deref(), Some("jam"));
        assert_eq!(labels.machine.as_deref(), Some("stage"));
        assert_eq!(labels.address, "127.0.0.1:9999");
        let name = Name::default().as_str().to_owned();
        assert_eq!(FoundSession { name, ..named }.labels().session, None);
    }

    #[test]
    fn session_is_full_at_its_announced_limit() {
        let with = |max_participants| FoundSession { max_participants, ..session(None) };
        assert!(with(Some(3)).is_full());
        assert!(!with(Some(4)).is_full() && !with(None).is_full());
    }
}
