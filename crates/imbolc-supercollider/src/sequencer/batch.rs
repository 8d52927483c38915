//! Messages that are collected and sent together.

use rosc::OscMessage;

use crate::output::{Output, When};

/// Messages by the time at which they take effect.
#[derive(Debug, Default)]
pub(super) struct Batch(Vec<(When, Vec<OscMessage>)>);

impl Batch {
    pub(super) fn push(&mut self, when: When, message: OscMessage) {
        match self.0.last_mut() {
            Some((last, messages)) if *last == when => messages.push(message),
            _ => self.0.push((when, vec![message])),
        }
    }

    pub(super) fn send(&mut self, output: &mut dyn Output) {
        for (when, messages) in self.0.drain(..) {
            output.send(when, messages);
        }
    }
}
