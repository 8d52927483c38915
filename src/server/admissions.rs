//! Drives the [`AdmissionControl`] of a server: gives it the time, and tells what it
//! decides to the tasks of strangers, to the person at the host and to the disk. It
//! decides nothing, and sees no bytes.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use zeroize::Zeroizing;

use crate::{
    admission::{
        AdmissionConfig, AdmissionControl, AdmissionOutput, AdmissionStatus, KnownParticipant,
        StrangerId,
    },
    authority::Authority,
    dispatcher::Event,
    model::Model,
    protocol::EntryRefusal,
    security::JoinCode,
    util::{snapshot::SnapshotCell, time::Timestamp},
};

/// A new code.
pub(super) fn fresh_code() -> Result<JoinCode, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 8]);
    getrandom::fill(&mut *bytes)?;
    Ok(JoinCode::random(*bytes))
}

/// The admission of a server, shared by its tasks.
///
/// Its lock is never held together with that of the authority, nor while anything is
/// read, written or computed on a curve.
pub(super) struct Admissions<M: Model> {
    authority: Arc<Authority<M>>,
    driven: Mutex<Driven>,
    status: SnapshotCell<AdmissionStatus>,
    /// The keys that are to be saved.
    known: watch::Sender<Vec<KnownParticipant>>,
    /// Notified when the timers are due sooner than they were.
    due_sooner: Notify,
}

struct Driven {
    control: AdmissionControl,
    /// When its timers are due.
    due: Option<Timestamp>,
    /// What the tasks of strangers must do.
    orders: BTreeMap<StrangerId, watch::Sender<StrangerOrder>>,
}

/// What the task of a stranger must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrangerOrder {
    /// Wait for its turn.
    Wait,
    /// Send message 2.
    Answer,
    /// Tell the client that a person has admitted it.
    Admit,
    /// Tell the client why it is not admitted, and close the connection.
    Refuse(EntryRefusal),
    /// Close the connection at once, to make room for another.
    Evict,
    /// Close the connection at once: it took too long.
    TimedOut,
}

impl<M: Model> Admissions<M> {
    /// Of a session that begins with `code`, and admits the `known` keys.
    pub(super) fn new(
        authority: Arc<Authority<M>>,
        config: AdmissionConfig,
        code: JoinCode,
        known: Vec<KnownParticipant>,
    ) -> Arc<Self> {
        let control = AdmissionControl::new(config, code, known.clone());
        Arc::new(Self {
            authority,
            status: SnapshotCell::new(Arc::new(control.status())),
            driven: Mutex::new(Driven { control, due: None, orders: BTreeMap::new() }),
            known: watch::Sender::new(known),
            due_sooner: Notify::new(),
        })
    }

    /// What a host's screen shows. Lock-free.
    pub(super) fn status(&self) -> Arc<AdmissionStatus> {
        self.status.load()
    }

    /// The keys that are to be saved.
    pub(super) fn known(&self) -> watch::Receiver<Vec<KnownParticipant>> {
        self.known.subscribe()
    }

    /// Reads the control.
    pub(super) fn inspect<R>(&self, inspect: impl FnOnce(&AdmissionControl) -> R) -> R {
        inspect(&self.driven.lock().control)
    }

    /// Changes the control, and passes on what follows from it.
    pub(super) fn change<R>(
        &self,
        change: impl FnOnce(&mut AdmissionControl, Timestamp) -> R,
    ) -> R {
        self.drive(|driven, now| change(&mut driven.control, now))
    }

    fn drive<R>(&self, change: impl FnOnce(&mut Driven, Timestamp) -> R) -> R {
        let mut driven = self.driven.lock();
        let result = change(&mut driven, self.authority.clock());
        let due = self.drain(&mut driven);
        let is_sooner = due.is_some_and(|due| driven.due.is_none_or(|before| due < before));
        driven.due = due;
        drop(driven);
        if is_sooner {
            self.due_sooner.notify_one();
        }
        result
    }

    /// Passes on what the control says. Returns when its timers are due.
    fn drain(&self, driven: &mut Driven) -> Option<Timestamp> {
        loop {
            let (id, order) = match driven.control.poll() {
                AdmissionOutput::Answer(id) => (id, StrangerOrder::Answer),
                AdmissionOutput::Admit(id) => (id, StrangerOrder::Admit),
                AdmissionOutput::Refuse(id, reason) => (id, StrangerOrder::Refuse(reason)),
                AdmissionOutput::Evict(id) => (id, StrangerOrder::Evict),
                AdmissionOutput::TimedOut(id) => (id, StrangerOrder::TimedOut),
                AdmissionOutput::Asked(request) => {
                    self.authority.announce(Event::WantsToJoin(request));
                    continue;
                }
                AdmissionOutput::Changed => {
                    self.status.publish(Arc::new(driven.control.status()));
                    self.authority.announce(Event::Admission);
                    continue;
                }
                AdmissionOutput::KnownChanged(known) => {
                    self.known.send_replace(known);
                    continue;
                }
                AdmissionOutput::Wait(due) => return due,
            };
            if let Some(orders) = driven.orders.get(&id) {
                orders.send_replace(order);
            }
        }
    }

    /// A connection was accepted, from `ip`; `None` if it comes from within this process.
    pub(super) fn connected(self: &Arc<Self>, ip: Option<IpAddr>) -> StrangerGuard<M> {
        // Without random numbers no connection gets any further than this.
        let random = getrandom::u64().unwrap_or_default();
        let (sender, orders) = watch::channel(StrangerOrder::Wait);
        let id = self.drive(|driven, now| {
            let id = driven.control.connected(now, ip, random);
            driven.orders.insert(id, sender);
            id
        });
        StrangerGuard { admissions: Arc::clone(self), id, orders }
    }

    /// Runs the timers, until it is aborted.
    pub(super) async fn run_timers(&self) -> ! {
        loop {
            self.change(AdmissionControl::handle_timeout);
            let due = self.driven.lock().due;
            let wait = async {
                match due {
                    Some(due) => sleep(self.authority.until(due)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = self.due_sooner.notified() => {}
            }
        }
    }
}

/// A stranger's connection. Dropping it tells the control that the connection is closed,
/// even if its task is aborted.
#[must_use = "dropping it ends the connection in the control"]
pub(super) struct StrangerGuard<M: Model> {
    pub(super) admissions: Arc<Admissions<M>>,
    pub(super) id: StrangerId,
    orders: watch::Receiver<StrangerOrder>,
}

impl<M: Model> StrangerGuard<M> {
    /// Resolves to the first order that `is_awaited`. Cancel safe.
    pub(super) async fn order(&self, is_awaited: impl Fn(StrangerOrder) -> bool) -> StrangerOrder {
        let mut orders = self.orders.clone();
        match orders.wait_for(|order| is_awaited(*order)).await {
            Ok(order) => *order,
            // It is forgotten.
            Err(_) => StrangerOrder::Evict,
        }
    }

    /// Resolves when the connection has to be closed at once. Cancel safe.
    pub(super) async fn closing(&self) {
        use StrangerOrder::{Evict, TimedOut};
        self.order(|order| matches!(order, Evict | TimedOut)).await;
    }

    /// Resolves when the connection has to end. Cancel safe.
    pub(super) async fn ending(&self) -> StrangerOrder {
        use StrangerOrder::{Evict, Refuse, TimedOut};
        self.order(|order| matches!(order, Refuse(_) | Evict | TimedOut)).await
    }
}

impl<M: Model> Drop for StrangerGuard<M> {
    fn drop(&mut self) {
        let id = self.id;
        self.admissions.drive(|driven, now| {
            driven.orders.remove(&id);
            driven.control.disconnected(now, id);
        });
    }
}
