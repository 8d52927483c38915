//! The trait [`Engine`]: what makes the sound, on the authority only.
//!
//! An engine performs the effects of accepted actions, keeps musical time and
//! reports [metering](Model::Metering). It never sees the network, and its own data is never
//! synchronised: to change the shared state it returns actions, which go through
//! the same reducer as those of participants.

use std::{task::Poll, time::Duration};

use crate::{model::Model, util::time::Timestamp};

/// Performs the effects of accepted actions.
///
/// The authority calls it while holding its lock, so no method may block.
pub trait Engine<M: Model>: Send + 'static {
    /// Performs one effect of an accepted action. `state` is the state after the
    /// action.
    fn perform(&mut self, now: Timestamp, state: &M::State, effect: M::Effect);

    /// Advances the engine's time to `now`, and returns the actions with which the
    /// engine changes the state. Called at every [`pulse`](Self::pulse), and after
    /// effects.
    #[must_use]
    fn advance(&mut self, now: Timestamp, state: &M::State) -> Vec<M::Action>;

    /// The playhead and the meters, as of the last [`advance`](Self::advance).
    fn metering(&self) -> M::Metering;

    /// The time until [`advance`](Self::advance) must be called again; `None` while
    /// nothing moves. Valid until the next call of another method.
    fn pulse(&self) -> Option<Duration>;

    /// Whether work that must end before the program does, such as a save, has ended; the
    /// error says what failed of it last. While it is pending, [`pulse`](Self::pulse) must
    /// be due.
    fn poll_close(&self) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

/// The engine of a model without effects: it does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEngine;

impl<M: Model> Engine<M> for NoEngine {
    fn perform(&mut self, _now: Timestamp, _state: &M::State, _effect: M::Effect) {}

    fn advance(&mut self, _now: Timestamp, _state: &M::State) -> Vec<M::Action> {
        Vec::new()
    }

    fn metering(&self) -> M::Metering {
        M::Metering::default()
    }

    fn pulse(&self) -> Option<Duration> {
        None
    }
}
