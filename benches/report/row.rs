//! A row of the table: our figure, those of the peers, and the targets.

use crate::figure::{Figure, Quantity};

/// One measurement.
#[derive(Clone, Debug)]
pub struct Row {
    /// Group and name, such as `read/idle`, as used by filters and reasons.
    pub key: String,
    /// What was measured, and how.
    pub what: String,
    pub ours: Figure,
    pub peers: Vec<(String, Figure)>,
    pub targets: Vec<Target>,
}

/// A limit for our figure.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most this multiple of the named peer.
    AtMostTimes(f64, &'static str),
    /// At least this multiple of the named peer.
    AtLeastTimes(f64, &'static str),
    /// At most this much, in our unit, above the named peer.
    AtMostAbove(f64, &'static str),
    /// Less than every peer.
    LessThanAll,
    /// At most this value, in our unit.
    AtMost(f64),
    /// At least this value, in our unit.
    AtLeast(f64),
}

impl Row {
    pub fn new(key: impl Into<String>, what: impl Into<String>, ours: Figure) -> Self {
        let (key, what) = (key.into(), what.into());
        assert!(key.contains('/'), "{key} has no group");
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
            Target::AtMostAbove(more, peer) => self.ours.excess_over(self.named(peer)) <= more,
            Target::LessThanAll => {
                self.peers.iter().all(|(_, peer)| self.ours.ratio_to(peer) < 1.0)
            }
            Target::AtMost(limit) => self.ours.value() <= limit,
            Target::AtLeast(limit) => self.ours.value() >= limit,
        }
    }

    /// Whether all targets are met, or `None` without targets.
    pub fn met(&self) -> Option<bool> {
        (!self.targets.is_empty()).then(|| self.targets.iter().all(|target| self.meets(*target)))
    }

    /// The text of a target.
    pub fn describe(&self, target: Target) -> String {
        let quantity = |value| Quantity(value, self.ours.unit());
        match target {
            Target::AtMostTimes(times, peer) => format!("≤ {times} × {peer}"),
            Target::AtLeastTimes(times, peer) => format!("≥ {times} × {peer}"),
            Target::AtMostAbove(more, peer) => format!("≤ {peer} + {}", quantity(more)),
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
