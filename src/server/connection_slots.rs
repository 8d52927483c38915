//! Which connections may be open at once, so that unfinished handshakes of strangers
//! do not keep clients out. Knows addresses, never messages.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// How many handshakes of one address may be unfinished. 32: half of a session may
/// reconnect through one router at the same time.
const MAX_HANDSHAKES: usize = 32;

/// The slots of all open connections.
pub(super) struct ConnectionSlots {
    limit: usize,
    open: Mutex<OpenSlots>,
}

#[derive(Default)]
struct OpenSlots {
    /// The number of the next connection.
    next: u64,
    /// The connections whose handshake is unfinished, oldest first.
    unfinished: BTreeMap<u64, Unfinished>,
    admitted: BTreeSet<u64>,
}

struct Unfinished {
    address: Option<IpAddr>,
    evicted: CancellationToken,
}

/// The slot of one connection, until it is dropped.
#[must_use = "dropping it makes room for another connection"]
pub(super) struct ConnectionSlot {
    slots: Arc<ConnectionSlots>,
    number: u64,
    evicted: CancellationToken,
}

impl ConnectionSlots {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, open: Mutex::default() })
    }

    /// A slot for a new connection from `address`; `None` if every slot belongs to an
    /// admitted client.
    ///
    /// If there is none left, the oldest unfinished handshake makes room: that of the
    /// same address if it has 32 of them, or that of the address that has the most.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<ConnectionSlot> {
        let mut open = self.lock();
        let same = open.unfinished.values().filter(|other| other.address == address);
        if address.is_some() && same.count() >= MAX_HANDSHAKES {
            open.evict_oldest(address);
        } else if open.unfinished.len() + open.admitted.len() >= self.limit {
            open.evict_from_busiest()?;
        }
        let number = open.next;
        open.next += 1;
        let evicted = CancellationToken::new();
        open.unfinished.insert(number, Unfinished { address, evicted: evicted.clone() });
        Some(ConnectionSlot { slots: Arc::clone(self), number, evicted })
    }

    fn lock(&self) -> MutexGuard<'_, OpenSlots> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenSlots {
    /// `None` if there is no unfinished handshake.
    fn evict_from_busiest(&mut self) -> Option<()> {
        let mut counts: BTreeMap<_, (usize, std::cmp::Reverse<u64>)> = BTreeMap::new();
        for (&number, unfinished) in &self.unfinished {
            let count = counts.entry(unfinished.address).or_insert((0, std::cmp::Reverse(number)));
            count.0 += 1;
        }
        // Among equals, the one with the oldest handshake.
        let (address, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        self.evict_oldest(address);
        Some(())
    }

    fn evict_oldest(&mut self, address: Option<IpAddr>) {
        let oldest = self.unfinished.iter().find(|(_, other)| other.address == address);
        if let Some((&number, _)) = oldest
            && let Some(unfinished) = self.unfinished.remove(&number)
        {
            unfinished.evicted.cancel();
        }
    }
}

impl ConnectionSlot {
    /// Resolves when the connection has to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Its client is admitted: it keeps the slot for as long as the connection is open.
    pub(super) fn admit(&self) {
        let mut open = self.slots.lock();
        open.unfinished.remove(&self.number);
        open.admitted.insert(self.number);
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.slots.lock();
        open.unfinished.remove(&self.number);
        open.admitted.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn is_evicted(slot: &ConnectionSlot) -> bool {
        slot.evicted.is_cancelled()
    }

    #[test]
    fn address_has_at_most_32_unfinished_handshakes() {
        let slots = ConnectionSlots::new(128);
        let ben = slots.take(Some(address(2))).unwrap();
        let stranger: Vec<_> = (0..128).map(|_| slots.take(Some(address(1))).unwrap()).collect();
        let evicted = stranger.iter().filter(|slot| is_evicted(slot)).count();
        assert_eq!(evicted, 128 - 32);
        assert!(stranger[..96].iter().all(is_evicted), "the oldest make room");
        assert!(!is_evicted(&ben));
    }

    #[test]
    fn busiest_address_makes_room_when_all_slots_are_taken() {
        let slots = ConnectionSlots::new(10);
        let admitted: Vec<_> = (0..4).map(|_| slots.take(Some(address(1))).unwrap()).collect();
        admitted.iter().for_each(ConnectionSlot::admit);
        let busy: Vec<_> = (0..3).map(|_| slots.take(Some(address(2))).unwrap()).collect();
        let others: Vec<_> = (3..6).map(|last| slots.take(Some(address(last))).unwrap()).collect();
        let _member = slots.take(Some(address(9))).unwrap();
        assert_eq!(busy.iter().map(is_evicted).collect::<Vec<_>>(), [true, false, false]);
        assert!(!others.iter().chain(&admitted).any(is_evicted));
    }

    #[test]
    fn admitted_clients_keep_their_slots() {
        let slots = ConnectionSlots::new(2);
        let one = slots.take(None).unwrap();
        let two = slots.take(None).unwrap();
        one.admit();
        two.admit();
        assert!(slots.take(None).is_none());
        drop(one);
        assert!(slots.take(None).is_some());
        assert!(!is_evicted(&two));
    }
}
