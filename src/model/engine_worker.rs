//! The trait [`EngineWorker`]: what makes the sound, on the authority only.
//!
//! A worker performs the effects of accepted actions, keeps musical time and reports
//! what it measures. It never sees the network, and its own data is never synchronised: to
//! change the shared state it returns actions, which go through the same reducer as
//! those of participants.

use std::time::Duration;

use crate::{model::Model, util::time::Timestamp};

/// The engine as a plain value: time, states and effects come in as arguments, and what
/// it has to say comes out as values.
///
/// It is called by one of two drivers, which `authority::threaded` and
/// `authority::inline` choose, and never under the lock of the authority: a call that
/// takes long stops the playhead and the meters, and nothing else. Times never go
/// backwards by more than the effects have waited: an effect carries the time at which
/// its action was accepted.
///
/// After a panic the worker is dropped and another one is made and
/// [`reset`](Self::reset). When the session ends it is dropped, without a call for what
/// waits then.
pub trait EngineWorker<M: Model>: 'static {
    /// Begins anew from `state`: at the start, after a panic, when another piece has
    /// replaced the state, and when more than 4,096 effects have waited. What was under
    /// way is over, without a word about it: the actions of a call during which another piece
    /// has replaced the state are dropped. What sounds according to `state`, such as
    /// keys that are held, sounds from now on.
    fn reset(&mut self, now: Timestamp, state: &M::State);

    /// Performs an effect of an action that was accepted at `now`. `state` is the state
    /// after that action, or after the whole batch of which it is.
    fn perform(&mut self, now: Timestamp, state: &M::State, effect: M::Effect);

    /// Advances to `now`, with the newest state, and says what there is to say. Called
    /// after effects, at the time for which it asked, and after any other change of the
    /// state, at most once per 5 ms.
    fn advance(&mut self, now: Timestamp, state: &M::State) -> EngineOutput<M>;
}

/// What a worker says.
#[derive(Debug)]
#[must_use = "the actions are asked for once"]
pub struct EngineOutput<M: Model> {
    /// The actions with which it changes the state, at most 16,384. One that is
    /// impossible is ignored, with the notice [`EngineFault::Refused`](super::EngineFault).
    pub actions: Vec<M::Action>,
    /// What changes continuously, such as the playhead and the meters.
    pub metering: M::Metering,
    /// What happened to the sound. Of a flood, the newest 64 are kept.
    pub notices: Vec<M::Notice>,
    /// The time until it must be called again, at least 1 ms; `None` while nothing moves.
    pub next: Option<Duration>,
}

impl<M: Model> Default for EngineOutput<M> {
    /// Nothing to say, and nothing moves.
    fn default() -> Self {
        let metering = M::Metering::default();
        Self { actions: Vec::new(), metering, notices: Vec::new(), next: None }
    }
}

/// The engine of a model without effects: it does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEngine;

impl<M: Model> EngineWorker<M> for NoEngine {
    fn reset(&mut self, _now: Timestamp, _state: &M::State) {}

    fn perform(&mut self, _now: Timestamp, _state: &M::State, _effect: M::Effect) {}

    fn advance(&mut self, _now: Timestamp, _state: &M::State) -> EngineOutput<M> {
        EngineOutput::default()
    }
}
