//! Looks for sessions: moves what `mdns-sd` hears into the listing, and does
//! what the listing asks for.

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use if_addrs::IfAddr;
use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceEvent, TryRecvError};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::{
    discovery::{
        DiscoveryConfig, DiscoveryError, DiscoveryEvent, FoundSession, SERVICE,
        advert::TxtRecord,
        daemon::{Daemon, refused},
        reachability::{Candidate, Own, usable},
        tracker::{Answer, PATIENCE, SessionTracker, Step},
    },
    dispatcher::Clock,
};

/// Looks for sessions on the LAN, for as long as it lives.
///
/// What it sees is pulled out of it: by [`next`](Self::next), or in a frame loop
/// by [`try_next`](Self::try_next). It only looks after the sessions that it
/// knows while somebody pulls.
///
/// A session that ends without a goodbye is lost within 7 seconds.
pub struct DiscoveryClient {
    daemon: Daemon,
    /// What is heard, the oldest subscription first. Each is read to its end
    /// before the next one.
    heard: VecDeque<Receiver<ServiceEvent>>,
    listing: SessionTracker,
    clock: Clock,
}

impl DiscoveryClient {
    /// Begins to look.
    ///
    /// # Errors
    /// If mDNS cannot be used. That UDP port 5353 is taken is no error: nothing
    /// is found then.
    pub fn browse(config: &DiscoveryConfig) -> Result<Self, DiscoveryError> {
        let clock = Clock::system();
        Ok(Self {
            daemon: Daemon::start(config)?,
            heard: VecDeque::new(),
            listing: SessionTracker::new(clock.now()),
            clock,
        })
    }

    /// What is seen next. `None` if nothing can be seen any more. Nothing is
    /// missed if the future is dropped.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime whose time is enabled.
    pub async fn next(&mut self) -> Option<DiscoveryEvent> {
        loop {
            match self.act() {
                Ok(Some(sighting)) => return Some(sighting),
                Ok(None) => {}
                Err(Over) => return None,
            }
            let wait = self.listing.next_timeout() - self.clock.now();
            let Some(heard) = self.heard.front() else { continue };
            match timeout(wait, heard.recv_async()).await {
                Ok(Ok(event)) => self.hear(event),
                Ok(Err(_)) => self.subscription_ended(),
                Err(_) => {}
            }
        }
    }

    /// What was seen since the last call, one after the other; `None` if that was
    /// all. Call it a few times a second at least.
    pub fn try_next(&mut self) -> Option<DiscoveryEvent> {
        loop {
            if let Some(sighting) = self.act().ok()? {
                return Some(sighting);
            }
            match self.heard.front()?.try_recv() {
                Ok(event) => self.hear(event),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => self.subscription_ended(),
            }
        }
    }

    /// The sessions that are there, as far as was seen, in no order that means
    /// anything; it does not change by itself.
    pub fn sessions(&self) -> impl Iterator<Item = &FoundSession> {
        self.listing.sessions()
    }

    /// Looks for so long, and returns the sessions that are there at the end of
    /// it. Two seconds will do on a LAN: a host that has just answered somebody
    /// else keeps silent for one.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn browse_for(&mut self, duration: Duration) -> Vec<FoundSession> {
        let deadline = Instant::now() + duration;
        while let Ok(Some(_)) = timeout_at(deadline, self.next()).await {}
        self.sessions().cloned().collect()
    }

    /// Does what is due, up to the next sighting.
    fn act(&mut self) -> Result<Option<DiscoveryEvent>, Over> {
        self.listing.handle_timeout(self.clock.now());
        while let Some(step) = self.listing.poll() {
            let asked = match step {
                Step::Tell(sighting) => return Ok(Some(*sighting)),
                // If it is not asked now, it is in the next round.
                Step::Verify(id) => self.daemon.verify(id, PATIENCE),
                Step::Browse => match self.daemon.browse(SERVICE) {
                    Ok(heard) => {
                        self.heard.push_back(heard);
                        Ok(())
                    }
                    Err(error) => {
                        self.listing.browse_soon(self.clock.now());
                        Err(error)
                    }
                },
            };
            match asked.map_err(refused) {
                Ok(()) => {}
                Err(DiscoveryError::Over) => return Err(Over),
                Err(error) => debug!(%error, "a question is not asked"),
            }
        }
        Ok(None)
    }

    fn hear(&mut self, event: ServiceEvent) {
        let now = self.clock.now();
        match event {
            ServiceEvent::ServiceResolved(service) => {
                self.listing.answered(now, answer(&service));
            }
            ServiceEvent::ServiceFound(_, id) => self.listing.pointed_at(now, &id),
            ServiceEvent::ServiceRemoved(_, id) => self.listing.removed(now, &id),
            _ => {}
        }
    }

    /// The oldest subscription has ended. If a newer one replaced it, that is as
    /// it should be; if not, nobody pulled for too long.
    fn subscription_ended(&mut self) {
        self.heard.pop_front();
        if self.heard.is_empty() {
            self.listing.interrupted(self.clock.now());
        }
    }
}

/// Nothing can be heard any more.
struct Over;

fn answer(service: &ResolvedService) -> Answer {
    let entries = service.txt_properties.iter().map(|entry| (entry.key(), entry.val()));
    let label = service.fullname.strip_suffix(SERVICE).unwrap_or(&service.fullname);
    let candidates: Vec<_> = service.addresses.iter().map(candidate).collect();
    Answer {
        id: service.fullname.clone(),
        label: label.trim_end_matches('.').replace('\\', ""),
        said: TxtRecord::read(&entries.collect::<Vec<_>>()),
        addresses: usable(&candidates, service.port, &own_addresses()),
    }
}

fn candidate(address: &ScopedIp) -> Candidate {
    let heard_on = match address {
        ScopedIp::V4(v4) => v4.interface_ids().iter().map(|interface| interface.index).collect(),
        ScopedIp::V6(v6) => vec![v6.scope_id().index],
        _ => Vec::new(),
    };
    Candidate { ip: address.to_ip_addr(), heard_on }
}

/// The addresses of this machine; none if the operating system does not say.
fn own_addresses() -> Vec<Own> {
    let own = |interface: if_addrs::Interface| {
        let mask = match &interface.addr {
            IfAddr::V4(v4) => IpAddr::V4(v4.netmask),
            IfAddr::V6(v6) => IpAddr::V6(v6.netmask),
        };
        Own { ip: interface.ip(), mask, interface: interface.index.unwrap_or_default() }
    };
    if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(own).collect()
}
