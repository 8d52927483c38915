//! The commands that set a parameter and that add an automation lane; they find a
//! parameter by words of its name.
//!
//! They read a view and return intents; they never touch a dispatcher.

use imbolc_net::studio::{AutomationAction, NetworkAction, Target};

use super::{Parsed, single};
use crate::{
    describe,
    parameters::{self, Knob},
    view::View,
};

/// How many candidates an ambiguous name lists.
const MAX_CANDIDATES: usize = 8;

/// `PARAMETER`
pub(super) fn automate(what: &str, view: &View) -> Parsed {
    let target = find_parameter(what, &named_parameters(view))?;
    if view.studio().automation.lane(&target).is_some() {
        let what = describe::target_text(view.studio(), &target);
        return Err(format!("a lane for {what} exists already"));
    }
    single(NetworkAction::Automation(target, AutomationAction::Add))
}

/// `PARAMETER VALUE`
pub(super) fn set_value(what: &str, view: &View) -> Parsed {
    let parameters = named_parameters(view);
    let words: Vec<_> = what.split_whitespace().collect();
    let split = |at: usize| (words[..at].join(" "), words[at..].join(" "));
    let set = |(name, value): (String, String)| {
        let target = find_parameter(&name, &parameters)?;
        let action = target.read(&value, view.studio());
        let name = parameters.iter().find(|(_, it)| *it == target).map_or(name, |it| it.0.clone());
        single(action.map_err(|error| format!("{name} {error}"))?)
    };
    // The longest name that there is, and otherwise all words but the last one.
    let is_name = |at: &usize| {
        let (name, _) = split(*at);
        parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name))
    };
    if let Some(at) = (1..=words.len()).rev().find(is_name) {
        return set(split(at));
    }
    let ways: Vec<_> = (1..words.len()).rev().map(|at| set(split(at))).collect();
    let found = ways.iter().position(Result::is_ok).unwrap_or_default();
    let none = || Err("write a parameter and its value, like: cutoff 8 kHz".into());
    ways.into_iter().nth(found).unwrap_or_else(none)
}

/// The parameter with exactly this name, or the only one that contains all the given
/// words or their beginnings.
fn find_parameter(what: &str, parameters: &[(String, Target)]) -> Result<Target, String> {
    let what = what.to_lowercase();
    if let Some((_, target)) = parameters.iter().find(|(name, _)| *name == what) {
        return Ok(*target);
    }
    let has = |name: &str, start: &str| name.split(' ').any(|word| word.starts_with(start));
    let matches = |name: &str| what.split_whitespace().all(|start| has(name, start));
    let matching: Vec<_> = parameters.iter().filter(|(name, _)| matches(name)).collect();
    match matching[..] {
        [] => Err(format!("no parameter {what:?}")),
        [(_, target)] => Ok(*target),
        _ => {
            let some: Vec<_> =
                matching.iter().take(MAX_CANDIDATES).map(|(name, _)| &**name).collect();
            let more = if matching.len() > MAX_CANDIDATES { ", …" } else { "" };
            Err(format!("{} match: {}{more}", matching.len(), some.join(", ")))
        }
    }
}

/// The parameters of the selected instrument, and those of buses, groups, master and
/// session, by name.
fn named_parameters(view: &View) -> Vec<(String, Target)> {
    let mut knobs = Vec::new();
    if let Some((id, _)) = view.selected() {
        knobs.extend(parameters::of_instrument(id, view.studio()));
        knobs.extend(parameters::of_drums(id, view.studio()));
    }
    knobs.extend(parameters::shared(view.studio()));
    named(knobs)
}

fn named(knobs: Vec<Knob>) -> Vec<(String, Target)> {
    knobs.into_iter().map(|knob| (knob.name, knob.target)).collect()
}

#[cfg(test)]
mod tests {
    use imbolc_net::studio::{MasterParameter, SessionParameter, StudioState};

    use super::*;

    #[test]
    fn parameter_is_found_by_name_or_word_prefixes() {
        let all = || named(parameters::shared(&StudioState::starter()));
        let tempo = Target::Session(SessionParameter::Tempo);
        assert_eq!(find_parameter("tempo", &all()), Ok(tempo));
        assert_eq!(find_parameter("Tem", &all()), Ok(tempo));
        assert_eq!(find_parameter("mas le", &all()), Ok(Target::Master(MasterParameter::Level)));
        assert_eq!(find_parameter("volume", &all()), Err("no parameter \"volume\"".into()));
        let several = find_parameter("master", &all()).unwrap_err();
        assert!(several.contains("match: master level, "), "{several}");
    }
}
