//! Messages that are collected and sent together.

use imbolc_net::util::time::Timestamp;
use rosc::OscMessage;

use crate::output::{Output, When};

/// Messages by the time at which they take effect.
#[derive(Debug, Default)]
pub(super) struct Batch {
    messages: Vec<(When, Vec<OscMessage>)>,
    /// Up to when there were changes.
    changed: Timestamp,
}

impl Batch {
    /// Adds a message.
    pub(super) fn push(&mut self, when: When, message: OscMessage) {
        match self.messages.last_mut() {
            Some((last, messages)) if *last == when => messages.push(message),
            _ => self.messages.push((when, vec![message])),
        }
    }

    /// Adds a message that changes what is there.
    pub(super) fn change(&mut self, when: When, message: OscMessage) {
        if let When::At(time) = when {
            self.changed = self.changed.max(time);
        }
        self.push(when, message);
    }

    /// When a change takes effect that is made at this time: never before another one, which
    /// would undo it.
    pub(super) fn after(&self, time: Timestamp) -> When {
        When::At(self.changed.max(time))
    }

    pub(super) fn send(&mut self, output: &mut dyn Output) {
        for (when, messages) in self.messages.drain(..) {
            output.send(when, messages);
        }
    }
}
