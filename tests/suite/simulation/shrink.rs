//! Reduces a plan that breaks a rule.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    oracle::{Checked, Violation},
    plan::{Plan, Step},
    world::{self, RunStats},
};

/// Runs of smaller plans at most.
const TRIES: usize = 600;

/// Runs `plan`; a panic counts as a broken rule.
pub fn run_caught(plan: &Plan) -> Checked<RunStats> {
    catch_unwind(AssertUnwindSafe(|| world::run_plan(plan))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
        Err(Violation { rule: "nothing panics", detail: text.unwrap_or_default() })
    })
}

/// Removes steps that are not needed to break the same rule: first halves, then
/// smaller ranges.
pub fn shrink(plan: &Plan, broken: &Violation) -> (Plan, Violation) {
    let mut least = plan.clone();
    let mut why = broken.clone();
    let mut tries = 0;
    let mut size = least.steps.len().div_ceil(2).max(1);
    while tries < TRIES {
        let mut from = 0;
        let mut found = false;
        while from < least.steps.len() && tries < TRIES {
            let to = (from + size).min(least.steps.len());
            let rest: Vec<Step> = [&least.steps[..from], &least.steps[to..]].concat();
            let smaller = Plan { steps: rest, ..least.clone() };
            tries += 1;
            match run_caught(&smaller) {
                Err(violation) if violation.rule == broken.rule => {
                    least = smaller;
                    why = violation;
                    found = true;
                }
                _ => from = to,
            }
        }
        if size == 1 && !found {
            break;
        }
        size = size.div_ceil(2);
    }
    (least, why)
}
