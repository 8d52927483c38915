//! A stack of undo steps that is cheap to clone and to trim.
//!
//! It counts what its steps keep alive, and must not know how a step is applied.

use std::sync::Arc;

use super::step::UndoStep;
use crate::{model::Model, util::ordmap::OrdMap};

/// How many steps are kept: more than a user remembers.
pub(crate) const MAX_STEPS: usize = 200;

/// A step in a stack.
pub(super) enum LoggedStep<M: Model> {
    Known(Arc<UndoStep<M>>),
    /// A step of which only the authority knows what it is: a recorded take.
    Unknown,
}

impl<M: Model> Clone for LoggedStep<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Known(step) => Self::Known(Arc::clone(step)),
            Self::Unknown => Self::Unknown,
        }
    }
}

impl<M: Model> LoggedStep<M> {
    /// The step, unless it is a take.
    fn own(&self) -> Option<&Arc<UndoStep<M>>> {
        match self {
            Self::Known(step) if step.take.is_none() => Some(step),
            Self::Known(_) | Self::Unknown => None,
        }
    }

    fn known(&self) -> Option<&Arc<UndoStep<M>>> {
        match self {
            Self::Known(step) => Some(step),
            Self::Unknown => None,
        }
    }
}

/// The top is kept apart, because a sweep replaces it with each edit.
#[derive(Clone)]
pub(super) struct StepStack<M: Model> {
    top: Option<LoggedStep<M>>,
    /// The other steps by ascending number, without gaps.
    below: OrdMap<u64, LoggedStep<M>>,
    /// How many steps hold whole snapshots, and about how many bytes the others
    /// keep alive.
    unsettled: usize,
    weight: usize,
}

impl<M: Model> Default for StepStack<M> {
    fn default() -> Self {
        Self { top: None, below: OrdMap::new(), unsettled: 0, weight: 0 }
    }
}

impl<M: Model> StepStack<M> {
    pub(super) const fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    /// About how many bytes the settled steps keep alive.
    pub(super) const fn weight(&self) -> usize {
        self.weight
    }

    /// Pushes a step, and drops the oldest if there are too many.
    pub(super) fn push(&mut self, step: LoggedStep<M>) {
        self.count(&step);
        let Some(covered) = self.top.replace(step) else { return };
        let number = self.below.last().map_or(0, |(newest, _)| newest + 1);
        self.below.insert(number, covered);
        if self.below.len() >= MAX_STEPS {
            self.drop_oldest();
        }
    }

    pub(super) fn pop(&mut self) -> Option<LoggedStep<M>> {
        let uncovered = self.below.last().map(|(&newest, _)| newest);
        let uncovered = uncovered.and_then(|newest| self.below.remove(&newest));
        let popped = std::mem::replace(&mut self.top, uncovered)?;
        self.discount(&popped);
        Some(popped)
    }

    /// Drops the oldest step. Returns whether there was one.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let oldest = self.below.first().map(|(&oldest, _)| oldest);
        let dropped = match oldest {
            Some(oldest) => self.below.remove(&oldest),
            None => self.top.take(),
        };
        if let Some(dropped) = &dropped {
            self.discount(dropped);
        }
        dropped.is_some()
    }

    /// The newest step of the participant's own. A take that is being recorded does
    /// not hide the knob that is being turned for it.
    pub(super) fn own(&self) -> Option<&Arc<UndoStep<M>>> {
        let top = self.top.as_ref()?;
        top.own().or_else(|| self.below.last()?.1.own())
    }

    /// Replaces the step that [`own`](Self::own) returned.
    pub(super) fn replace_own(&mut self, step: Arc<UndoStep<M>>) {
        let number = match &self.top {
            Some(top) if top.own().is_some() => None,
            _ => self.below.last().map(|(&number, _)| number),
        };
        self.put(number, step);
    }

    /// Edits the newest step of this take that `fits`. Returns whether there is one.
    pub(super) fn extend_take(
        &mut self,
        take: u64,
        fits: impl Fn(&UndoStep<M>) -> bool,
        edit: impl FnOnce(&mut UndoStep<M>),
    ) -> bool {
        let belongs = |logged: &LoggedStep<M>| {
            let step = logged.known().filter(|step| step.take == Some(take) && fits(step));
            step.map(Arc::clone)
        };
        let top = self.top.as_ref().and_then(belongs).map(|step| (None, step));
        let found = top.or_else(|| {
            let mut below = self.below.iter();
            below.find_map(|(&number, logged)| Some((Some(number), belongs(logged)?)))
        });
        let Some((number, step)) = found else { return false };
        let mut step = UndoStep::clone(&step);
        edit(&mut step);
        self.put(number, Arc::new(step));
        true
    }

    /// Settles the steps that are final.
    pub(super) fn settle(&mut self, is_final: impl Fn(&UndoStep<M>) -> bool) {
        let mut left = self.unsettled;
        let mut number = None;
        while left > 0 {
            let step = match number {
                None => self.top.as_ref(),
                Some(number) => self.below.get(&number),
            };
            let Some(step) = step else { return };
            if let Some(step) = step.known().filter(|step| step.settled.is_none()) {
                left -= 1;
                if is_final(step) {
                    let settled = Arc::new(step.settle());
                    self.put(number, settled);
                }
            }
            number = match number {
                None => self.below.last().map(|(&newest, _)| newest),
                Some(number) => number.checked_sub(1),
            };
            if number.is_none() {
                return;
            }
        }
    }

    /// Replaces the step with this number; `None` is the top.
    fn put(&mut self, number: Option<u64>, step: Arc<UndoStep<M>>) {
        let step = LoggedStep::Known(step);
        self.count(&step);
        let replaced = match number {
            None => self.top.replace(step),
            Some(number) => self.below.insert(number, step),
        };
        if let Some(replaced) = &replaced {
            self.discount(replaced);
        }
    }

    fn count(&mut self, step: &LoggedStep<M>) {
        let Some(step) = step.known() else { return };
        match &step.settled {
            Some(weight) => self.weight += weight,
            None => self.unsettled += 1,
        }
    }

    fn discount(&mut self, step: &LoggedStep<M>) {
        let Some(step) = step.known() else { return };
        match &step.settled {
            Some(weight) => self.weight -= weight,
            None => self.unsettled -= 1,
        }
    }
}
