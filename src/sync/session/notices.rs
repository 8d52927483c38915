//! Notices of the engine: how fast they leave, and which of them are kept for clients
//! that could not be sent them. They are not looked into.

use std::{collections::VecDeque, time::Duration};

use crate::{model::Model, sync::session::Session, util::time::Timestamp};

/// How many notices wait, and how many of those that have left are kept. The newest are.
pub(crate) const KEPT_NOTICES: usize = 64;

/// The interval at which notices leave. 100 ms: ten a second, which can still be read.
const INTERVAL: Duration = Duration::from_millis(100);

/// The notices of a session.
pub(super) struct Notices<T> {
    waiting: VecDeque<T>,
    /// When the next notice may leave.
    due: Timestamp,
    /// The latest that have left.
    left: VecDeque<T>,
    /// How many have left: the number of the last one.
    last: u64,
    /// Those that have left, for the host.
    pub(super) for_host: VecDeque<T>,
}

impl<T: Clone> Notices<T> {
    pub(super) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            due: Timestamp::ZERO,
            left: VecDeque::new(),
            last: 0,
            for_host: VecDeque::new(),
        }
    }

    /// The number of the last one that has left.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// When the next one leaves.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    /// Lets the next one leave if it is time.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if now >= self.due
            && let Some(notice) = self.waiting.pop_front()
        {
            self.due = now + INTERVAL;
            self.last += 1;
            self.for_host.push_back(notice.clone());
            push_newest(&mut self.left, notice);
        }
    }

    /// Those that have left after number `seen`, in order.
    pub(super) fn after(&self, seen: u64) -> impl Iterator<Item = &T> {
        let number = usize::try_from(self.last - seen).unwrap_or(usize::MAX);
        self.left.iter().skip(self.left.len().saturating_sub(number))
    }
}

fn push_newest<T>(list: &mut VecDeque<T>, item: T) {
    list.push_back(item);
    if list.len() > KEPT_NOTICES {
        list.pop_front();
    }
}

impl<M: Model> Session<M> {
    /// Takes a notice of the engine, for the host and all clients. Ten a second leave, the
    /// first at once; of those that wait, the newest 64 are kept.
    pub fn notify(&mut self, now: Timestamp, notice: M::Notice) {
        push_newest(&mut self.notices.waiting, notice);
        self.notices.advance(now);
        self.update_deadline();
    }
}
