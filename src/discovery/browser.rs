//! Browses for sessions: feeds the events of `mdns-sd` into the tracker, and runs
//! the commands that the tracker returns. Decides nothing; the rules are in
//! [`tracker`](super::tracker).

use std::{collections::VecDeque, fmt, net::IpAddr, time::Duration};

use if_addrs::IfAddr;
use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceEvent, TryRecvError};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::debug;

use crate::{
    discovery::{
        DiscoveryConfig, DiscoveryError, DiscoveryEvent, FoundSession, SERVICE,
        advert::TxtRecord,
        daemon::{Daemon, daemon_error},
        reachability::{Candidate, LocalAddress, ranked_addresses},
        tracker::{Announcement, SessionTracker, TrackerOutput, VERIFY_TIMEOUT},
    },
    dispatcher::Clock,
};

/// Browses for sessions on the LAN until it is dropped.
///
/// Pull events with [`next`](Self::next), or in a frame loop with
/// [`try_next`](Self::try_next). Known sessions are only verified while you pull.
///
/// A session that ends without a goodbye is lost within 7 seconds, or later if there are
/// more than 50. Of a flood of announcements the first 4,096 are kept, and sessions that
/// you [know](Self::know).
#[must_use = "dropping it stops browsing"]
pub struct DiscoveryClient {
    daemon: Daemon,
    /// Oldest first. Each is drained to its end before the next is read.
    subscriptions: VecDeque<Receiver<ServiceEvent>>,
    tracker: SessionTracker,
    clock: Clock,
}

impl DiscoveryClient {
    /// Starts browsing.
    ///
    /// # Errors
    /// If mDNS cannot be used. A UDP port 5353 that is in use is not an error:
    /// nothing is found then.
    pub fn browse(config: &DiscoveryConfig) -> Result<Self, DiscoveryError> {
        let clock = Clock::system();
        Ok(Self {
            daemon: Daemon::start(config)?,
            subscriptions: VecDeque::new(),
            tracker: SessionTracker::new(clock.now()),
            clock,
        })
    }

    /// Sessions for which `is_known` holds, such as those that the user has been in, are
    /// found in place of others if more are announced than are kept.
    pub fn know(&mut self, is_known: impl Fn(&FoundSession) -> bool + Send + Sync + 'static) {
        self.tracker.know(is_known);
    }

    /// Waits for the next event; `None` once the daemon has ended. Cancel safe.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime whose time is enabled.
    pub async fn next(&mut self) -> Option<DiscoveryEvent> {
        loop {
            match self.run_commands() {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(DaemonEnded) => return None,
            }
            let wait = self.tracker.next_timeout() - self.clock.now();
            let Some(subscription) = self.subscriptions.front() else {
                sleep(wait).await;
                continue;
            };
            match timeout(wait, subscription.recv_async()).await {
                Ok(Ok(event)) => self.handle_events(event),
                Ok(Err(_)) => self.subscription_ended(),
                Err(_) => {}
            }
        }
    }

    /// The next event that has already arrived; `None` if there is none. Call it a
    /// few times a second at least.
    pub fn try_next(&mut self) -> Option<DiscoveryEvent> {
        loop {
            if let Some(event) = self.run_commands().ok()? {
                return Some(event);
            }
            match self.subscriptions.front()?.try_recv() {
                Ok(event) => self.handle_events(event),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => self.subscription_ended(),
            }
        }
    }

    /// The known sessions, in a stable order without meaning.
    pub fn sessions(&self) -> impl Iterator<Item = &FoundSession> {
        self.tracker.sessions()
    }

    /// Browses for `duration`, and returns the sessions that are known then. On a
    /// LAN two seconds suffice: a host that has just answered another client stays
    /// silent for one.
    ///
    /// # Panics
    /// As [`next`](Self::next).
    pub async fn browse_for(&mut self, duration: Duration) -> Vec<FoundSession> {
        let deadline = Instant::now() + duration;
        while let Ok(Some(_)) = timeout_at(deadline, self.next()).await {}
        self.sessions().cloned().collect()
    }

    /// Runs the commands that are due, up to the next event.
    fn run_commands(&mut self) -> Result<Option<DiscoveryEvent>, DaemonEnded> {
        self.tracker.handle_timeout(self.clock.now());
        while let Some(output) = self.tracker.poll() {
            let result = match output {
                TrackerOutput::Event(event) => return Ok(Some(*event)),
                // A failed verification is repeated in the next round.
                TrackerOutput::Verify(id) => self.daemon.verify(id, VERIFY_TIMEOUT),
                TrackerOutput::Browse => match self.daemon.browse(SERVICE) {
                    Ok(subscription) => {
                        self.subscriptions.push_back(subscription);
                        Ok(())
                    }
                    Err(error) => {
                        self.tracker.browse_soon(self.clock.now());
                        Err(error)
                    }
                },
            };
            match result.map_err(daemon_error) {
                Ok(()) => {}
                Err(DiscoveryError::Ended) => return Err(DaemonEnded),
                Err(error) => debug!(%error, "mDNS query not sent"),
            }
        }
        Ok(None)
    }

    /// Handles an event and those that have arrived since, at once: the daemon closes a
    /// subscription with a thousand unread events.
    fn handle_events(&mut self, event: ServiceEvent) {
        let now = self.clock.now();
        let local = local_addresses();
        let mut event = Some(event);
        while let Some(next) = event {
            match next {
                ServiceEvent::ServiceResolved(service) => {
                    self.tracker.handle_announcement(now, announcement(&service, &local));
                }
                ServiceEvent::ServiceFound(_, id) => self.tracker.handle_pointer(now, &id),
                ServiceEvent::ServiceRemoved(_, id) => self.tracker.handle_removal(now, &id),
                _ => {}
            }
            event = self.subscriptions.front().and_then(|events| events.try_recv().ok());
        }
    }

    /// The oldest subscription has ended. That is expected if a newer one replaces
    /// it; otherwise its channel overflowed because events were not pulled.
    fn subscription_ended(&mut self) {
        self.subscriptions.pop_front();
        if self.subscriptions.is_empty() {
            self.tracker.handle_gap(self.clock.now());
        }
    }
}

impl fmt::Debug for DiscoveryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sessions: Vec<_> = self.sessions().map(|session| &session.id).collect();
        f.debug_struct("DiscoveryClient").field("sessions", &sessions).finish_non_exhaustive()
    }
}

/// The mDNS daemon has ended.
struct DaemonEnded;

fn announcement(service: &ResolvedService, local: &[LocalAddress]) -> Announcement {
    let entries = service.txt_properties.iter().map(|entry| (entry.key(), entry.val()));
    let label = service.fullname.strip_suffix(SERVICE).unwrap_or(&service.fullname);
    let candidates: Vec<_> = service.addresses.iter().map(candidate).collect();
    Announcement {
        id: service.fullname.clone(),
        label: label.trim_end_matches('.').replace('\\', ""),
        txt: TxtRecord::parse(&entries.collect::<Vec<_>>()),
        addresses: ranked_addresses(&candidates, service.port, local),
    }
}

fn candidate(address: &ScopedIp) -> Candidate {
    let received_on = match address {
        ScopedIp::V4(v4) => v4.interface_ids().iter().map(|interface| interface.index).collect(),
        ScopedIp::V6(v6) => vec![v6.scope_id().index],
        _ => Vec::new(),
    };
    Candidate { ip: address.to_ip_addr(), received_on }
}

/// The addresses of this machine; empty if the operating system does not tell.
fn local_addresses() -> Vec<LocalAddress> {
    let local = |interface: if_addrs::Interface| {
        let mask = match &interface.addr {
            IfAddr::V4(v4) => IpAddr::V4(v4.netmask),
            IfAddr::V6(v6) => IpAddr::V6(v6.netmask),
        };
        LocalAddress { ip: interface.ip(), mask, interface: interface.index.unwrap_or_default() }
    };
    if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(local).collect()
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, net::UdpSocket, pin::pin, task::Poll};

    use super::*;
    use crate::discovery::Interfaces;

    #[tokio::test]
    async fn empty_subscription_sleeps_until_browsing_restarts() {
        let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let config = DiscoveryConfig { interfaces: Interfaces::Loopback, port };
        let mut client = DiscoveryClient::browse(&config).unwrap();
        assert_eq!(client.try_next(), None);
        client.subscriptions.truncate(1);
        client.subscription_ended();
        let mut next = pin!(client.next());
        let begun = Instant::now();
        let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
        assert!(polled.is_pending());
        assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    }
}
