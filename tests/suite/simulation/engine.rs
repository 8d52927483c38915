//! The simulated engine: a real `SilentEngine` that is never in step with the session.
//! What it must do waits until the plan lets it work, and what it says waits until the
//! plan lets the session hear it. Meanwhile the transport moves on.

use std::{collections::VecDeque, sync::Arc};

use imbolc_net::{
    model::{EngineOutput, EngineWorker as _},
    studio::{Metering, NetworkAction, SilentEngine, StudioEffect},
    util::time::Timestamp,
};

use super::{
    oracle::{Cause, Checked, State, ensure},
    world::World,
};

/// The engine, and what is on its way to it and from it.
#[derive(Default)]
pub struct DelayedEngine {
    worker: SilentEngine,
    /// As of when it worked last.
    metering: Metering,
    waiting: VecDeque<Change>,
    /// Actions, and how many commands of the transport the engine had performed.
    said: VecDeque<(NetworkAction, u64)>,
    /// Commands of the transport that were handed over.
    handed: u64,
    performed: u64,
}

/// A change that has something for the engine.
struct Change {
    accepted: Timestamp,
    /// What it led to.
    state: State,
    tasks: Vec<Task>,
    /// Commands of the transport that were handed over with it and before it.
    handed: u64,
}

/// An effect, or `None` if the state was replaced.
pub type Task = Option<StudioEffect>;

/// Whether the music starts, stops, jumps or is another.
const fn is_command(task: &Task) -> bool {
    matches!(task, None | Some(StudioEffect::Play | StudioEffect::Stop | StudioEffect::Locate(_)))
}

impl DelayedEngine {
    pub fn new(state: &State) -> Self {
        let mut engine = Self::default();
        engine.worker.reset(Timestamp::ZERO, &state.model);
        engine
    }

    /// Hands over what one change has for the engine.
    pub fn hand_over(&mut self, now: Timestamp, state: &State, tasks: Vec<Task>) {
        self.handed += tasks.iter().filter(|task| is_command(task)).count() as u64;
        if !tasks.is_empty() {
            let (state, handed) = (Arc::clone(state), self.handed);
            self.waiting.push_back(Change { accepted: now, state, tasks, handed });
        }
    }

    /// Too much waits: the engine begins anew instead.
    pub fn overrun(&mut self) {
        if let Some(last) = self.waiting.pop_back() {
            self.waiting.clear();
            self.waiting.push_back(Change { tasks: vec![None], ..last });
        }
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.said.is_empty()
    }
}

impl World<'_> {
    /// The engine performs all that waits, and plays on until now.
    pub fn engine_works(&mut self) {
        let engine = &mut self.engine;
        for Change { accepted, state, tasks, handed } in engine.waiting.drain(..) {
            engine.performed = handed;
            for task in tasks {
                match task {
                    Some(effect) => engine.worker.perform(accepted, &state.model, effect),
                    None => engine.worker.reset(accepted, &state.model),
                }
            }
        }
        let EngineOutput { actions, metering, .. } =
            engine.worker.advance(self.now, &self.session.state().model);
        let performed = engine.performed;
        engine.said.extend(actions.into_iter().map(|action| (action, performed)));
        engine.metering = metering;
    }

    /// The session hears all that the engine has said.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    pub fn engine_is_heard(&mut self) -> Checked {
        while let Some((action, performed)) = self.engine.said.pop_front() {
            let is_late = performed != self.engine.handed;
            let cause = Cause::Engine(&action);
            let (_, before) = self.with_session(&cause, |s, _| s.act_for_engine(&action))?;
            if let (NetworkAction::TransportReport(report), true) = (&action, is_late) {
                self.stats.late += 1;
                let after = self.session.state();
                ensure(Arc::ptr_eq(&before, after), "a late report changes nothing", || {
                    format!("{report:?}: {:?}, {:?}", before.model.transport, after.model.transport)
                })?;
            }
        }
        self.check_engine_followed()
    }

    /// What holds when nothing is on its way.
    fn check_engine_followed(&self) -> Checked {
        let (engine, transport) = (&self.engine, self.session.state().model.transport);
        let (playing, position) = (engine.metering.playing, engine.worker.playhead());
        let agrees = playing == transport.playing && (playing || position == transport.position);
        ensure(agrees || !engine.is_idle(), "the transport follows the engine", || {
            format!("playing {playing} at {position}, {transport:?}")
        })
    }
}
