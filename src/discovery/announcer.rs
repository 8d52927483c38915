//! Announces a session, and keeps current what is said of it.

use std::{
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
        advert::label,
        daemon::{Daemon, refused},
    },
    dispatcher::{Dispatcher, Event, Events, Status},
    model::Model,
    sync::session::checked_name,
};

/// The least time between two announcements of one session that is followed.
/// 1 s, which RFC 6762 asks for.
const PACE: Duration = Duration::from_secs(1);

/// How long the last goodbye may take. 0.2 s: it is said twice, 0.12 s apart.
const FAREWELL: Duration = Duration::from_millis(200);

/// Announces a session until it is dropped; then it says goodbye, and everyone
/// drops the session at once.
pub struct DiscoveryServer {
    daemon: Daemon,
    record: Record,
    said: Mutex<(Advert, u32)>,
}

/// What does not change about an announced session.
struct Record {
    /// Its own: sessions of the same name, on this machine or another, are told
    /// apart by it.
    label: String,
    /// The name that the addresses belong to. It is not that of the machine, for
    /// which others on this machine may answer, also when the session is gone.
    target: String,
    host: String,
    address: SocketAddr,
}

impl DiscoveryServer {
    /// Announces `advert` of a session that listens at `address`, the one of
    /// [`Status::Hosting`]: on all interfaces at which it can be reached there,
    /// also on those that come up later.
    ///
    /// Who listens at `[::]` is announced by IPv4 and IPv6, at `0.0.0.0` by IPv4
    /// only, at any other address by that one. (Who listens at `[::1]` only is not
    /// announced on Linux, whose loopback interface has no multicast by IPv6.)
    ///
    /// # Errors
    /// If mDNS cannot be used, or the operating system has no random bytes. That
    /// UDP port 5353 is taken is no error: nobody hears of the session then.
    pub fn announce(
        advert: Advert,
        address: SocketAddr,
        config: &DiscoveryConfig,
    ) -> Result<Self, DiscoveryError> {
        let tag = getrandom::u32().map_err(DiscoveryError::Random)?;
        let host = host_name();
        let record = Record {
            label: label(&advert.session, &host, tag),
            target: format!("imbolc-{tag:08x}.local."),
            host,
            address,
        };
        let daemon = Daemon::start(config)?;
        let info = record.info(&advert, 0)?;
        info!(name = info.get_fullname(), %address, "announced");
        daemon.register(info).map_err(refused)?;
        Ok(Self { daemon, record, said: Mutex::new((advert, 0)) })
    }

    /// Says from now on that so many take part. If that is known already, nothing
    /// is said.
    ///
    /// # Errors
    /// [`DiscoveryError::Busy`] if it should be said again in a moment.
    pub fn update(&self, participants: u32) -> Result<(), DiscoveryError> {
        self.change(|advert| advert.participants = participants)
    }

    /// Says from now on that the session is called so. To those who have found it
    /// already it is the same one.
    ///
    /// # Errors
    /// As [`update`](Self::update), and if a session cannot be called that.
    pub fn rename(&self, session: &str) -> Result<(), DiscoveryError> {
        let session = checked_name(session).map_err(DiscoveryError::Name)?;
        self.change(|advert| session.clone_into(&mut advert.session))
    }

    fn change(&self, edit: impl FnOnce(&mut Advert)) -> Result<(), DiscoveryError> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, revision) = &*said;
        let mut advert = old.clone();
        edit(&mut advert);
        if advert == *old {
            return Ok(());
        }
        let revision = revision.wrapping_add(1);
        self.daemon.register(self.record.info(&advert, revision)?).map_err(refused)?;
        *said = (advert, revision);
        Ok(())
    }

    /// Keeps current how many take part in the session of `studio`, until it is
    /// closed. At most once a second; what happens in between is said together.
    ///
    /// `events` are those of `studio`. Take them after a UI has taken its own:
    /// whoever does so first is told how one came in.
    pub async fn follow<M: Model>(&self, studio: &dyn Dispatcher<M>, mut events: Events<M>) {
        while !matches!(studio.status(), Status::Closed { .. }) {
            let participants = studio.state().roster.participants.len();
            let updated = self.update(u32::try_from(participants).unwrap_or(u32::MAX));
            let earliest = Instant::now() + PACE;
            match updated {
                Ok(()) if !somebody_came_or_went(&mut events).await => return,
                Ok(()) | Err(DiscoveryError::Busy) => {}
                Err(error) => return warn!(%error, "the session is not announced any more"),
            }
            sleep_until(earliest).await;
        }
    }

    /// Says goodbye, twice in case one is lost. Dropping it says goodbye once.
    pub async fn shut_down(self) {
        // The daemon knows the session by the name that it was announced with, and
        // says goodbye by whatever name it uses.
        let name = format!("{}.{SERVICE}", self.record.label);
        if let Ok(done) = self.daemon.unregister(&name) {
            let _ = timeout(FAREWELL, done.recv_async()).await;
            sleep(FAREWELL).await;
        }
    }
}

impl Record {
    fn info(&self, advert: &Advert, revision: u32) -> Result<ServiceInfo, DiscoveryError> {
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
        // The names are nobody else's, by the random tag in them: there is nothing
        // to probe for, and nothing to wait for.
        info.set_requires_probe(false);
        Ok(info)
    }
}

/// Waits until the number of participants may have changed; `false` if it will
/// not any more.
async fn somebody_came_or_went<M: Model>(events: &mut Events<M>) -> bool {
    loop {
        match events.next().await {
            None => return false,
            Some(Event::Joined(_) | Event::Left(_) | Event::Missed(_) | Event::Status(_)) => {
                return true;
            }
            Some(_) => {}
        }
    }
}

/// What this machine is called, without its domain.
fn host_name() -> String {
    let name = hostname::get().unwrap_or_default();
    let name = name.to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    checked_name(name).unwrap_or("a machine without a name").to_owned()
}
