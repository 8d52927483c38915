//! A step of the undo history: what one action, one sweep of a knob or one batch
//! changed, and how that change is made again or taken back.

use std::sync::Arc;

use crate::{
    model::{Access, Model, ReversibleChange},
    protocol::{ClientId, NetworkState, Refusal},
    sync::{UndoReport, rules},
    util::{ordmap::Merged, text::shortened, time::Timestamp},
};

use super::SWEEP;

/// How many spans a step of a take has at most. A longer take goes on in another
/// step.
const MAX_SPANS: usize = 64;

/// The most characters of what a step did.
const MAX_WORDS: usize = 100;

/// Two snapshots.
type Snapshots<M> = (Arc<NetworkState<M>>, Arc<NetworkState<M>>);

/// The change of one action, or of several in a row that edited the same value, or of
/// a batch, or of a take.
///
/// The snapshots share their parts, so they cost little. The differences between
/// them are computed only when they are needed.
#[derive(Clone)]
pub(super) struct UndoStep<M: Model> {
    /// The right that the first action required, and the other rights of a batch or
    /// take.
    pub(super) access: Access,
    pub(super) further: Vec<Access>,
    /// The last action of a sweep or the first of a batch or take, and when it was
    /// dispatched.
    pub(super) action: M::Action,
    pub(super) at: Timestamp,
    /// How many actions a batch or take has.
    pub(super) edits: usize,
    /// The snapshots before and after the first action, the whole batch, or the
    /// first edits of a take.
    pub(super) first: Snapshots<M>,
    /// The snapshot after the last action of a sweep. If it is not the one after the
    /// first, changes of other participants may lie in between.
    pub(super) last: Arc<NetworkState<M>>,
    /// Which take it belongs to, and its further edits. Between two spans, others
    /// have changed something.
    pub(super) take: Option<u64>,
    pub(super) spans: Vec<Snapshots<M>>,
    /// About how many bytes it keeps alive, once the snapshots are reduced to what
    /// differs.
    pub(super) settled: Option<usize>,
    /// What the first action did, if the snapshots cannot tell any more.
    pub(super) words: Option<String>,
}

/// Which way through the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Undo.
    Back,
    /// Redo.
    Forth,
}

/// The result of an undo or redo.
pub(crate) struct AppliedUndo<M: Model> {
    pub(crate) state: NetworkState<M>,
    pub(crate) effects: Vec<M::Effect>,
    pub(crate) report: UndoReport,
}

impl<M: Model> UndoStep<M> {
    pub(super) fn new(
        at: Timestamp,
        (action, access): (&M::Action, Access),
        first: Snapshots<M>,
        last: &Arc<NetworkState<M>>,
    ) -> Self {
        let (action, last) = (action.clone(), Arc::clone(last));
        let (further, spans) = (Vec::new(), Vec::new());
        Self {
            access,
            further,
            action,
            at,
            edits: 1,
            first,
            last,
            take: None,
            spans,
            settled: None,
            words: None,
        }
    }

    /// Whether `action` edits the same value as this step did last.
    pub(super) fn continues(&self, action: &M::Action) -> bool {
        self.edits == 1 && self.take.is_none() && M::continues(&self.action, action)
    }

    /// Whether a take can go on in this step.
    pub(super) fn has_room(&self) -> bool {
        self.spans.len() < MAX_SPANS
    }

    /// Adds an edit of the same take.
    pub(super) fn extend_take(
        &mut self,
        access: Access,
        before: &Arc<NetworkState<M>>,
        after: &Arc<NetworkState<M>>,
    ) {
        if !self.rights().any(|right| right == access) {
            self.further.push(access);
        }
        self.edits += 1;
        let end = self.spans.last_mut().map_or(&mut self.first.1, |(_, end)| end);
        if Arc::ptr_eq(end, before) {
            *end = Arc::clone(after);
        } else {
            // What others changed in between is not part of the take.
            *self = self.settle();
            self.spans.push((Arc::clone(before), Arc::clone(after)));
        }
        self.last = Arc::clone(&self.first.1);
        self.settled = None;
    }

    /// Whether no action at `now` or later, in the state `current`, extends it.
    pub(super) fn is_final(&self, now: Timestamp, current: &Arc<NetworkState<M>>) -> bool {
        if self.take.is_some() {
            let end = self.spans.last().map_or(&self.first.1, |(_, end)| end);
            return !Arc::ptr_eq(end, current);
        }
        now.since(self.at) >= SWEEP || !self.continues(&self.action)
    }

    /// The step with its snapshots reduced to what differs.
    pub(super) fn settle(&self) -> Self {
        let mut weight = 0;
        let first = narrowed::<M>(&self.whole(), &mut weight);
        let spans = self.spans.iter().map(|span| narrowed::<M>(span, &mut weight)).collect();
        let (last, words) = (Arc::clone(&first.1), Some(self.first_words()));
        Self { first, last, spans, words, settled: Some(weight), ..self.clone() }
    }

    fn first_words(&self) -> String {
        let describe = || M::describe(&self.first.0.model, &self.action);
        self.words.clone().unwrap_or_else(describe)
    }

    /// What the step did, in at most 100 characters.
    fn description(&self) -> String {
        let mut words = self.first_words();
        if words.is_empty() {
            return words;
        }
        if self.take.is_some() {
            words.insert_str(0, "take: ");
        }
        if self.edits > 1 {
            let more = format!(" and {} more", self.edits - 1);
            words = shortened(&words, MAX_WORDS - more.len()) + &more;
        }
        shortened(&words, MAX_WORDS)
    }

    /// The first span, or that of a whole sweep: from the first value to the last,
    /// without other changes made in between.
    fn whole(&self) -> Snapshots<M> {
        let (before, after) = &self.first;
        if Arc::ptr_eq(after, &self.last) {
            return self.first.clone();
        }
        let mut began = self.last.model.clone();
        let changes = M::diff_reversible(&before.model, &after.model);
        let fits = changes.iter().all(|change| M::apply(&mut began, &change.backward).is_ok());
        let last = Arc::clone(&self.last);
        if fits { (with_model(&self.last, began), last) } else { (Arc::clone(&last), last) }
    }

    pub(super) fn rights(&self) -> impl Iterator<Item = Access> + '_ {
        std::iter::once(self.access).chain(self.further.iter().copied())
    }

    pub(super) fn authorise(
        &self,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<(), Refusal> {
        self.rights().try_for_each(|access| Self::authorise_one(access, state, actor))
    }

    fn authorise_one(
        access: Access,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<(), Refusal> {
        match access {
            // An instrument that does not exist has no owner: the participant
            // that deleted it may restore it.
            Access::Own(id) | Access::Create(id) | Access::Delete(id)
                if state.roster.owner(id).is_none() && !M::exists(&state.model, id) =>
            {
                Ok(())
            }
            Access::Create(id) => rules::authorise(state, actor, Access::Own(id)),
            access => rules::authorise(state, actor, access),
        }
    }

    /// The states between which the step leads in this direction: those of each span,
    /// in the order in which the spans must be applied.
    fn states(&self, direction: Direction) -> Vec<(M::State, M::State)> {
        let whole = self.whole();
        let spans = std::iter::once(&whole).chain(&self.spans);
        let models = |(before, after): &Snapshots<M>| (before.model.clone(), after.model.clone());
        match direction {
            Direction::Forth => spans.map(models).collect(),
            Direction::Back => {
                let mut states: Vec<_> =
                    spans.map(models).map(|(before, after)| (after, before)).collect();
                states.reverse();
                states
            }
        }
    }

    /// Takes the step back in `state`, or makes it again. A step that has nothing
    /// left to change leads to the same state.
    ///
    /// # Errors
    /// If the result exceeds a limit of the model.
    pub(super) fn apply(
        &self,
        direction: Direction,
        state: &NetworkState<M>,
        actor: ClientId,
    ) -> Result<AppliedUndo<M>, Refusal> {
        let mut next = state.clone();
        let mut merged = Merged::default();
        for (mut from, to) in self.states(direction) {
            merged += M::merge_collections(&mut next.model, &mut from, &to);
            merged += apply_unconflicted::<M>(&mut next.model, &M::diff_reversible(&from, &to));
        }
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let (changed, kept) = (count(merged.changed), count(merged.kept));
        let report = UndoReport { step: self.description(), changed, kept };
        if report.changed == 0 {
            return Ok(AppliedUndo { state: state.clone(), effects: Vec::new(), report });
        }
        M::check_limits(&next.model)?;
        let effects = M::effects_between(&state.model, &next.model);
        self.settle_ownership(state, &mut next, actor);
        Ok(AppliedUndo { state: next, effects, report })
    }

    /// A restored instrument belongs to `actor` again, unless that is alone; a removed
    /// one to no participant.
    fn settle_ownership(
        &self,
        before: &NetworkState<M>,
        state: &mut NetworkState<M>,
        actor: ClientId,
    ) {
        for access in self.rights() {
            if let Access::Create(id) | Access::Delete(id) = access
                && M::exists(&state.model, id)
                && state.roster.owner(id).is_none()
            {
                rules::own_new(&mut state.roster, actor, id);
            }
        }
        rules::release_removed(&before.model, state);
    }
}

fn with_model<M: Model>(state: &NetworkState<M>, model: M::State) -> Arc<NetworkState<M>> {
    Arc::new(NetworkState { seq: state.seq, model, roster: Arc::default() })
}

/// The snapshots without what is the same in both. Adds to `weight` about how many
/// bytes they keep alive.
fn narrowed<M: Model>((before, after): &Snapshots<M>, weight: &mut usize) -> Snapshots<M> {
    let (mut from, mut to) = (before.model.clone(), after.model.clone());
    *weight += M::narrow(&mut from, &mut to);
    (with_model(before, from), with_model(after, to))
}

/// Makes the changes that no other participant has interfered with. A change that
/// does not apply yet, because it refers to what another change brings, is retried
/// after the others.
fn apply_unconflicted<M: Model>(
    state: &mut M::State,
    changes: &[ReversibleChange<M::Patch>],
) -> Merged {
    let mut left: Vec<_> = changes.iter().collect();
    loop {
        let before = left.len();
        left = apply_together::<M>(state, &left);
        if left.is_empty() || left.len() == before {
            return Merged { changed: changes.len() - left.len(), kept: left.len() };
        }
    }
}

/// Makes the changes together, or else those of each half, and returns those that
/// are left. Without interference it takes time in proportion to the changes.
fn apply_together<'a, M: Model>(
    state: &mut M::State,
    changes: &[&'a ReversibleChange<M::Patch>],
) -> Vec<&'a ReversibleChange<M::Patch>> {
    if let Some(next) = apply_if_reversible::<M>(state, changes) {
        *state = next;
        return Vec::new();
    }
    if changes.len() == 1 {
        return changes.to_vec();
    }
    let (first, second) = changes.split_at(changes.len() / 2);
    let mut left = apply_together::<M>(state, first);
    left.extend(apply_together::<M>(state, second));
    left
}

/// The state with the changes made, if reverting them leads back to `state`: only
/// then are the changed values as the step left them.
fn apply_if_reversible<M: Model>(
    state: &M::State,
    changes: &[&ReversibleChange<M::Patch>],
) -> Option<M::State> {
    let mut next = state.clone();
    for change in changes {
        M::apply(&mut next, &change.forward).ok()?;
    }
    let mut reverted = next.clone();
    for change in changes.iter().rev() {
        M::apply(&mut reverted, &change.backward).ok()?;
    }
    M::diff_reversible(state, &reverted).is_empty().then_some(next)
}
