//! What one has done and can take back: a history for each participant, which
//! never leaves the one who keeps it.
//!
//! A step is what one action changed, or one sweep of a knob. Taking it back
//! undoes what it changed and nothing else: a change that somebody else has
//! changed again since stays as they left it. The authority and the mirrors
//! run the same code, so undoing is predicted like any action.

use std::{sync::Arc, time::Duration};

use imbl::Vector;

use crate::{
    model::{Access, InstrumentId, Invalid, Model, ReversibleChange, UndoPolicy},
    protocol::{ClientId, NetworkState, Refusal},
    sync::rules,
    util::time::Timestamp,
};

/// How many steps are kept. More than anybody remembers having done.
const MAX_STEPS: usize = 200;

/// Edits of the same thing that are less than this apart are one step: a hand
/// on a knob makes some thirty of them a second.
const SWEEP: Duration = Duration::from_millis(500);

/// The steps of one participant. Cheap to clone.
pub(crate) struct UndoLog<M: Model> {
    done: Vector<Arc<Step<M>>>,
    undone: Vector<Arc<Step<M>>>,
}

impl<M: Model> Clone for UndoLog<M> {
    fn clone(&self) -> Self {
        Self { done: self.done.clone(), undone: self.undone.clone() }
    }
}

impl<M: Model> Default for UndoLog<M> {
    fn default() -> Self {
        Self { done: Vector::new(), undone: Vector::new() }
    }
}

/// What one action did, or several that edited the same thing in a row.
///
/// The moments share their parts, so they cost little; the differences between
/// them are only taken when they are needed.
struct Step<M: Model> {
    access: Access,
    /// The last of the actions, and when it was dispatched.
    action: M::Action,
    at: Timestamp,
    /// The moments before and after the first action.
    first: (Arc<NetworkState<M>>, Arc<NetworkState<M>>),
    /// The moment after the last action. If that is another one, there are other
    /// participants' changes in between as well.
    last: Arc<NetworkState<M>>,
}

/// Which way through the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Back: undo.
    Back,
    /// Forth again: redo.
    Forth,
}

/// What came of undoing or redoing a step.
pub(crate) struct Traced<M: Model> {
    pub(crate) state: NetworkState<M>,
    pub(crate) effects: Vec<M::Effect>,
    /// How many of its changes stay as they are, because somebody else has
    /// changed the same things since.
    pub(crate) kept: u32,
}

impl<M: Model> UndoLog<M> {
    /// Whether `action`, dispatched at `now`, goes on with the last step.
    pub(crate) fn continues(&self, now: Timestamp, action: &M::Action) -> bool {
        self.undone.is_empty()
            && self.done.back().is_some_and(|step| {
                now.since(step.at) < SWEEP && M::continues(&step.action, action)
            })
    }

    /// Remembers an action that led from one moment to another. `continues` says
    /// whether whoever dispatched it found that it goes on with the last step.
    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        continues: bool,
        action: &M::Action,
        before: &Arc<NetworkState<M>>,
        after: &Arc<NetworkState<M>>,
    ) {
        match M::undo_policy(action) {
            UndoPolicy::Nothing => return,
            UndoPolicy::Barrier => return *self = Self::default(),
            UndoPolicy::Step => {}
        }
        let mut first = (Arc::clone(before), Arc::clone(after));
        if continues
            && self.undone.is_empty()
            && self.done.back().is_some_and(|step| M::continues(&step.action, action))
            && let Some(step) = self.done.pop_back()
        {
            first = step.first.clone();
        }
        let access = M::access(&before.model, action);
        let last = Arc::clone(after);
        let step = Step { access, action: action.clone(), at: now, first, last };
        self.done.push_back(Arc::new(step));
        if self.done.len() > MAX_STEPS {
            self.done.pop_front();
        }
        self.undone = Vector::new();
    }

    /// Forgets the steps on an instrument that is given up.
    pub(crate) fn forget_instrument(&mut self, instrument: InstrumentId) {
        self.forget(|access| match access {
            Access::Own(id) | Access::Create(id) | Access::Delete(id) => id == instrument,
            Access::Anyone | Access::Privilege | Access::Engine => false,
        });
    }

    /// Forgets the steps that needed the privilege, which is given up.
    pub(crate) fn forget_privileged(&mut self) {
        self.forget(|access| access == Access::Privilege);
    }

    fn forget(&mut self, is_gone: impl Fn(Access) -> bool) {
        self.done.retain(|step| !is_gone(step.access));
        self.undone.retain(|step| !is_gone(step.access));
    }

    /// Undoes the last step that is left, or redoes the one that was undone
    /// last, in `state`. `unchecked` is for whoever may do everything.
    ///
    /// # Errors
    /// If there is none, or `actor` may not any more; such a step is forgotten.
    pub(crate) fn trace(
        &mut self,
        direction: Direction,
        state: &NetworkState<M>,
        actor: ClientId,
        unchecked: bool,
    ) -> Result<Traced<M>, Refusal> {
        loop {
            let taken = match direction {
                Direction::Back => self.done.pop_back(),
                Direction::Forth => self.undone.pop_back(),
            };
            let step = taken.ok_or_else(|| Self::nothing(direction))?;
            if !unchecked {
                step.authorise(state, actor)?;
            }
            let changes = step.changes(direction);
            // An action that changed nothing is not worth a key press.
            if !changes.is_empty() {
                let traced = step.trace(changes, state, actor);
                // What finds no room stays where it was, until there is some.
                match (direction, traced.is_ok()) {
                    (Direction::Back, true) | (Direction::Forth, false) => {
                        self.undone.push_back(step);
                    }
                    (Direction::Forth, true) | (Direction::Back, false) => {
                        self.done.push_back(step);
                    }
                }
                return traced;
            }
        }
    }

    fn nothing(direction: Direction) -> Refusal {
        Refusal::Invalid(Invalid::unfit(match direction {
            Direction::Back => "there is nothing to undo",
            Direction::Forth => "there is nothing to redo",
        }))
    }
}

impl<M: Model> Step<M> {
    fn authorise(&self, state: &NetworkState<M>, actor: ClientId) -> Result<(), Refusal> {
        match self.access {
            // What is gone belongs to nobody; whoever deleted it may have it
            // back.
            Access::Own(id) | Access::Create(id) | Access::Delete(id)
                if state.roster.owner(id).is_none() && !M::exists(&state.model, id) =>
            {
                Ok(())
            }
            Access::Create(id) => rules::authorise(state, actor, Access::Own(id)),
            access => rules::authorise(state, actor, access),
        }
    }

    /// What must change, one by one; what takes each change back again is its
    /// other half.
    fn changes(&self, direction: Direction) -> Vec<ReversibleChange<M::Patch>> {
        let (before, after) = &self.first;
        let mut changes = M::diff_reversible(&before.model, &after.model);
        if !Arc::ptr_eq(after, &self.last) {
            // A sweep of one thing: what leads from where that began to where it
            // ended, and not what else has happened meanwhile.
            let mut began = self.last.model.clone();
            let fits = changes.iter().all(|change| M::apply(&mut began, &change.backward).is_ok());
            changes = if fits { M::diff_reversible(&began, &self.last.model) } else { Vec::new() };
        }
        changes.into_iter().map(|change| directed(direction, change)).collect()
    }

    fn trace(
        &self,
        changes: Vec<ReversibleChange<M::Patch>>,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<Traced<M>, Refusal> {
        let mut next = state.clone();
        let kept = make_all::<M>(&mut next.model, changes);
        M::check_limits(&next.model)?;
        let effects = M::effects_between(&state.model, &next.model);
        self.settle_ownership(&mut next, actor);
        Ok(Traced { state: next, effects, kept })
    }

    /// What was created or deleted came or went with its owner.
    fn settle_ownership(&self, state: &mut NetworkState<M>, actor: ClientId) {
        if let Access::Create(id) | Access::Delete(id) = self.access
            && M::exists(&state.model, id)
            && state.roster.owner(id).is_none()
            && let Some(owner) = state.roster.as_owner(actor)
        {
            Arc::make_mut(&mut state.roster).owners.insert(id, owner);
        }
        rules::forget_what_is_gone(state);
    }
}

/// The change as it is to be made: forth is where one goes.
fn directed<P>(direction: Direction, change: ReversibleChange<P>) -> ReversibleChange<P> {
    match direction {
        Direction::Back => ReversibleChange { forward: change.backward, backward: change.forward },
        Direction::Forth => change,
    }
}

/// Makes the changes that nobody has interfered with, and returns how many are
/// left. One that does not fit yet, because it refers to what another one
/// brings, is tried again after the others.
fn make_all<M: Model>(state: &mut M::State, mut changes: Vec<ReversibleChange<M::Patch>>) -> u32 {
    loop {
        let before = changes.len();
        changes.retain(|change| match made::<M>(state, change) {
            Some(next) => {
                *state = next;
                false
            }
            None => true,
        });
        if changes.is_empty() || changes.len() == before {
            return u32::try_from(changes.len()).unwrap_or(u32::MAX);
        }
    }
}

/// The state with the change made, if what it changes is as it was left: then,
/// and only then, unmaking it again leads back to where it began.
fn made<M: Model>(state: &M::State, change: &ReversibleChange<M::Patch>) -> Option<M::State> {
    let mut made = state.clone();
    M::apply(&mut made, &change.forward).ok()?;
    let mut unmade = made.clone();
    M::apply(&mut unmade, &change.backward).ok()?;
    M::diff_reversible(state, &unmade).is_empty().then_some(made)
}
