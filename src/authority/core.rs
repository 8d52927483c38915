//! What the lock of the authority protects: the session, and what it has led to and was
//! not published or handed over yet.

use std::sync::Arc;

use super::{engine::Handed, faults::Faults};
use crate::{
    dispatcher::Event,
    model::{EffectKind, Model},
    protocol::NetworkState,
    sync::session::{Session, SessionOutput},
    util::{panics::catch_panic, time::Timestamp},
};

pub(super) struct Core<M: Model> {
    pub(super) session: Session<M>,
    /// When the session's timers are due.
    pub(super) wait: Option<Timestamp>,
    /// When to look whether the engine is blocked.
    pub(super) look: Option<Timestamp>,
    /// When the wait for the engine's end is over, while the session closes.
    pub(super) closing: Option<Timestamp>,
    /// The published state, if the session has another one by now.
    pub(super) outdated: Option<Arc<NetworkState<M>>>,
    /// To be dropped without the lock.
    pub(super) forgotten: Vec<Arc<NetworkState<M>>>,
    /// What the host must be told.
    pub(super) events: Vec<Event<M>>,
    /// What the engine must be handed.
    pub(super) handed: Vec<Handed<M>>,
    /// The meters, if they have changed and were not published yet.
    pub(super) metering: Option<M::Metering>,
    pub(super) faults: Faults,
}

impl<M: Model> Core<M> {
    pub(super) fn new(session: Session<M>) -> Self {
        Self {
            session,
            wait: None,
            look: None,
            closing: None,
            outdated: None,
            forgotten: Vec::new(),
            events: Vec::new(),
            handed: Vec::new(),
            metering: None,
            faults: Faults::default(),
        }
    }

    /// When the timers are due.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        [self.wait, self.look, self.closing].into_iter().flatten().min()
    }

    /// Polls the session until it waits. Call it after each change that can have effects:
    /// each is handed over with the state that it belongs to.
    pub(super) fn drain(&mut self, now: Timestamp) {
        loop {
            match self.session.poll() {
                SessionOutput::Effect(effect) => self.carry_out(now, effect),
                SessionOutput::Replaced => {
                    self.handed.push(Handed::Reset(Arc::clone(self.session.state())));
                }
                // Between the messages of a batch, snapshots differ by one edit:
                // dropping one is cheap, and keeping all of them is not.
                SessionOutput::Changed { before, .. } => {
                    self.outdated.get_or_insert(before);
                }
                SessionOutput::Event(event) => self.events.push(Event::Session(event)),
                SessionOutput::Notice(notice) => self.events.push(Event::Notice(notice)),
                SessionOutput::Forgotten(state) => self.forgotten.push(state),
                SessionOutput::Wait(deadline) => {
                    self.wait = deadline;
                    return;
                }
            }
        }
    }

    /// Takes the meters.
    pub(super) fn meter(&mut self, metering: M::Metering) {
        if self.session.meter(&metering) {
            self.metering = Some(metering);
        }
    }

    fn carry_out(&mut self, now: Timestamp, effect: M::Effect) {
        let state = Arc::clone(self.session.state());
        let kind = catch_panic(|| M::effect_kind(&effect)).unwrap_or(EffectKind::Engine);
        match kind {
            EffectKind::Engine => self.handed.push(Handed::Effect(now, state, effect)),
            EffectKind::Save | EffectKind::Load => {
                if let Some(answer) = M::undone(&state.model, &effect) {
                    self.session.act_for_engine(&answer);
                }
            }
        }
    }
}
