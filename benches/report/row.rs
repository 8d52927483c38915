//! A row of the table: ours, each peer, and what is asked of ours.

use crate::figure::{Figure, Quantity};

/// One thing that was measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// What a filter and the reasons know it by: a group, a slash, and the row in
    /// it, e.g. `read/idle`.
    pub key: String,
    /// What was measured, and how it was timed.
    pub what: String,
    pub ours: Figure,
    pub peers: Vec<(String, Figure)>,
    pub targets: Vec<Target>,
}

/// What is asked of ours.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most so many times the peer of this name.
    AtMostTimes(f64, &'static str),
    /// At least so many times the peer of this name.
    AtLeastTimes(f64, &'static str),
    /// Less than the least of the peers.
    LessThanAll,
    /// At most so much, in the unit of ours.
    AtMost(f64),
    /// At least so much, in the unit of ours.
    AtLeast(f64),
}

impl Row {
    pub fn new(key: impl Into<String>, what: impl Into<String>, ours: Figure) -> Self {
        let (key, what) = (key.into(), what.into());
        assert!(key.contains('/'), "{key} is in no group");
        Self { key, what, ours, peers: Vec::new(), targets: Vec::new() }
    }

    #[must_use]
    pub fn peer(mut self, name: impl Into<String>, figure: Figure) -> Self {
        self.peers.push((name.into(), figure));
        self
    }

    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// The part of the key before the slash.
    pub fn group(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }

    pub fn meets(&self, target: Target) -> bool {
        match target {
            Target::AtMostTimes(times, peer) => self.ours.ratio_to(self.named(peer)) <= times,
            Target::AtLeastTimes(times, peer) => self.ours.ratio_to(self.named(peer)) >= times,
            Target::LessThanAll => {
                self.peers.iter().all(|(_, peer)| self.ours.ratio_to(peer) < 1.0)
            }
            Target::AtMost(limit) => self.ours.value() <= limit,
            Target::AtLeast(limit) => self.ours.value() >= limit,
        }
    }

    /// Whether all targets are met; nothing if it has none.
    pub fn met(&self) -> Option<bool> {
        (!self.targets.is_empty()).then(|| self.targets.iter().all(|target| self.meets(*target)))
    }

    /// A target in words.
    pub fn describe(&self, target: Target) -> String {
        let quantity = |value| Quantity(value, self.ours.unit());
        match target {
            Target::AtMostTimes(times, peer) => format!("≤ {times} × {peer}"),
            Target::AtLeastTimes(times, peer) => format!("≥ {times} × {peer}"),
            Target::LessThanAll => "less than all".into(),
            Target::AtMost(limit) => format!("≤ {}", quantity(limit)),
            Target::AtLeast(limit) => format!("≥ {}", quantity(limit)),
        }
    }

    fn named(&self, name: &str) -> &Figure {
        let peer = self.peers.iter().find(|(its, _)| its == name);
        &peer.unwrap_or_else(|| panic!("{} has no peer {name}", self.key)).1
    }
}
