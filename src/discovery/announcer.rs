//! Announces a session by mDNS, and keeps the announcement current. Knows of the
//! session only its name, its address and the number of its participants.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mdns_sd::{IfKind, ServiceInfo};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use crate::{
    discovery::{
        Advert, DiscoveryConfig, DiscoveryError, SERVICE,
        advert::record_label,
        daemon::{Daemon, daemon_error},
    },
    dispatcher::{Dispatcher, Event, Events, Status},
    model::Model,
    sync::{SessionEvent, session::checked_name},
};

/// The least time between two announcements of a session that
/// [`DiscoveryServer::follow`] makes. 1 s, as RFC 6762 requires.
const MIN_ANNOUNCE_INTERVAL: Duration = Duration::from_secs(1);

/// How long the goodbye may take. 0.2 s: it is sent twice, 0.12 s apart.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(200);

/// Announces a session until it is dropped. Then it sends a goodbye, and browsing
/// clients drop the session at once.
#[must_use = "dropping it ends the announcement"]
pub struct DiscoveryServer {
    daemon: Daemon,
    record: ServiceRecord,
    announced: Mutex<Announced>,
}

/// The current announcement.
struct Announced {
    advert: Advert,
    revision: u32,
}

/// The constant part of the announcement.
struct ServiceRecord {
    /// The instance name. A random tag in it distinguishes sessions of the same
    /// name, on this machine or another.
    label: String,
    /// The host name of the address records. It differs from the machine's own
    /// name, for which another responder on this machine may answer, even after
    /// the session has ended.
    target: String,
    host: String,
    address: SocketAddr,
}

impl DiscoveryServer {
    /// Announces `advert` for the session that listens at `address`, the one in
    /// [`Status::Hosting`], on each interface on which that address can be
    /// reached, including interfaces that come up later.
    ///
    /// A session at `[::]` is announced over IPv4 and IPv6, one at `0.0.0.0` over
    /// IPv4, any other one with its own address. (On Linux a session at `[::1]` is
    /// not announced, because the loopback interface has no IPv6 multicast.)
    ///
    /// # Errors
    /// If mDNS cannot be used, or the operating system provides no random bytes. A
    /// UDP port 5353 that is in use is not an error: the session is not found then.
    pub fn announce(
        advert: Advert,
        address: SocketAddr,
        config: &DiscoveryConfig,
    ) -> Result<Self, DiscoveryError> {
        let tag = getrandom::u32().map_err(DiscoveryError::Random)?;
        let host = host_name();
        let record = ServiceRecord {
            label: record_label(&advert.session, &host, tag),
            target: format!("imbolc-{tag:08x}.local."),
            host,
            address,
        };
        let daemon = Daemon::start(config)?;
        let info = record.service_info(&advert, 0)?;
        info!(name = info.get_fullname(), %address, "session announced");
        daemon.register(info).map_err(daemon_error)?;
        Ok(Self { daemon, record, announced: Mutex::new(Announced { advert, revision: 0 }) })
    }

    /// Announces a new number of participants; does nothing if it is the current
    /// one.
    ///
    /// # Errors
    /// [`DiscoveryError::Busy`] if the command queue is full; try again later.
    pub fn update(&self, participants: u32) -> Result<(), DiscoveryError> {
        self.change(|advert| advert.participants = participants)
    }

    /// Announces a new name. Clients that have found the session see it change;
    /// its id stays.
    ///
    /// # Errors
    /// As [`update`](Self::update), and if `session` is not a valid name.
    pub fn rename(&self, session: &str) -> Result<(), DiscoveryError> {
        let session = checked_name(session).map_err(DiscoveryError::Name)?;
        self.change(|advert| advert.session = session)
    }

    fn change(&self, edit: impl FnOnce(&mut Advert)) -> Result<(), DiscoveryError> {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let mut advert = announced.advert.clone();
        edit(&mut advert);
        if advert == announced.advert {
            return Ok(());
        }
        let revision = announced.revision.wrapping_add(1);
        let info = self.record.service_info(&advert, revision)?;
        self.daemon.register(info).map_err(daemon_error)?;
        *announced = Announced { advert, revision };
        Ok(())
    }

    /// Announces the number of participants in the session of `studio` until that
    /// is closed. It announces at most once a second, and then the current number.
    ///
    /// `events` are those of `studio`. Subscribe your UI first: the first
    /// subscriber also receives the events of joining.
    pub async fn follow<M: Model>(&self, studio: &dyn Dispatcher<M>, mut events: Events<M>) {
        while !matches!(studio.status(), Status::Closed { .. }) {
            let participants = studio.state().roster.participants.len();
            let updated = self.update(u32::try_from(participants).unwrap_or(u32::MAX));
            let earliest = Instant::now() + MIN_ANNOUNCE_INTERVAL;
            match updated {
                Ok(()) if !participants_may_change(&mut events).await => return,
                Ok(()) | Err(DiscoveryError::Busy) => {}
                Err(error) => return warn!(%error, "the session is no longer announced"),
            }
            sleep_until(earliest).await;
        }
    }

    /// Sends the goodbye twice, because a datagram can be lost. A drop sends it once.
    pub async fn shut_down(self) {
        let name = format!("{}.{SERVICE}", self.record.label);
        if let Ok(done) = self.daemon.unregister(&name) {
            let _ = timeout(GOODBYE_TIMEOUT, done.recv_async()).await;
            sleep(GOODBYE_TIMEOUT).await;
        }
    }
}

impl fmt::Debug for DiscoveryServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceRecord { label, address, .. } = &self.record;
        f.debug_struct("DiscoveryServer")
            .field("label", label)
            .field("address", address)
            .finish_non_exhaustive()
    }
}

impl ServiceRecord {
    fn service_info(&self, advert: &Advert, revision: u32) -> Result<ServiceInfo, DiscoveryError> {
        let Self { label, target, host, address } = self;
        let txt = advert.to_txt(host, revision);
        let info = ServiceInfo::new(SERVICE, label, target, (), address.port(), &txt[..])
            .map_err(|error| DiscoveryError::Start(error.to_string()))?;
        let mut info = info.enable_addr_auto();
        info.set_interfaces(vec![match address.ip() {
            IpAddr::V6(ip) if ip.is_unspecified() => IfKind::All,
            IpAddr::V4(ip) if ip.is_unspecified() => IfKind::IPv4,
            ip => IfKind::Addr(ip),
        }]);
        // The random tag makes the names unique, so probing would only delay.
        info.set_requires_probe(false);
        Ok(info)
    }
}

/// Waits until the number of participants may have changed; `false` once the
/// events have ended.
async fn participants_may_change<M: Model>(events: &mut Events<M>) -> bool {
    loop {
        match events.next().await {
            None => return false,
            Some(
                Event::Session(SessionEvent::Joined(_) | SessionEvent::Left(_))
                | Event::Missed(_)
                | Event::Status(_),
            ) => return true,
            Some(_) => {}
        }
    }
}

/// The name of this machine, without its domain.
fn host_name() -> String {
    let name = hostname::get().unwrap_or_default();
    let name = name.to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    checked_name(name).unwrap_or_else(|_| "unnamed machine".into())
}
