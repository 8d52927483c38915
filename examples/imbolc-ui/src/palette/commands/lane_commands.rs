//! The commands that set a parameter and that add an automation lane; they find a
//! parameter by words of its name.
//!
//! They read a view and return intents; they never touch a dispatcher.

use imbolc_net::{
    model::Model as _,
    studio::{AutomationAction, Curve, NetworkAction, Point, Studio, Target},
};

use super::{Parsed, choices::Choice, single};
use crate::{
    app::read_place,
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
    single(find_value(what, view)?.1)
}

/// `PLACE PARAMETER VALUE`
pub(super) fn set_point(what: &str, view: &View) -> Parsed {
    let studio = view.studio();
    let (place, what) = what.split_once(' ').unwrap_or((what, ""));
    let tick = read_place(place, &studio.session)?;
    let (target, action) = find_value(what, view)?;
    let lane = studio.automation.lane(&target);
    let lane = lane.ok_or("this parameter has no lane: press a to add one")?;
    // Where in its range the value is, the model knows.
    let mut then = studio.clone();
    Studio::reduce(&mut then, &action).map_err(|error| error.to_string())?;
    let value = target.part(&then).ok_or("no such parameter")?;
    let before = lane.points.iter().take_while(|point| point.tick <= tick).last();
    let curve = before.map_or(Curve::Linear, |point| point.curve);
    let point = Point { tick, value, curve };
    single(NetworkAction::Automation(target, AutomationAction::Put(point)))
}

/// The parameter that a line begins with, and the action that sets it to the value that
/// follows.
fn find_value(what: &str, view: &View) -> Result<(Target, NetworkAction), String> {
    let parameters = named_parameters(view);
    let words: Vec<_> = what.split_whitespace().collect();
    let split = |at: usize| (words[..at].join(" "), words[at..].join(" "));
    let read = |(name, value): (String, String)| {
        let target = find_parameter(&name, &parameters)?;
        let action = target.read(&value, view.studio());
        let name = parameters.iter().find(|(_, it)| *it == target).map_or(name, |it| it.0.clone());
        action.map(|action| (target, action)).map_err(|error| format!("{name} {error}"))
    };
    // The longest name that there is; otherwise the most words that leave a value.
    let is_name = |at: &usize| {
        let (name, _) = split(*at);
        parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name))
    };
    if let Some(at) = (1..=words.len()).rev().find(is_name) {
        return read(split(at));
    }
    let mut ways: Vec<_> = (1..words.len()).rev().map(|at| read(split(at))).collect();
    // If no value is one, what is wrong with the value of a parameter helps most.
    let is_known = |at: &usize| find_parameter(&split(*at).0, &parameters).is_ok();
    let known = || (1..words.len()).rev().position(|at| is_known(&at));
    let found = ways.iter().position(Result::is_ok).or_else(known).unwrap_or_default();
    if found < ways.len() {
        return ways.swap_remove(found);
    }
    Err("write a parameter and its value, like: cutoff 8 kHz".into())
}

/// The names of the parameters, for completion.
pub(super) fn parameters(view: &View) -> Vec<Choice> {
    named_parameters(view).into_iter().map(|(name, _)| (name, String::new())).collect()
}

/// Whether `word` is a word of the name of a parameter.
pub(super) fn is_parameter(word: &str, view: &View) -> bool {
    let word = word.to_lowercase();
    let has = |name: &str| name.split(' ').any(|other| other == word);
    word.starts_with(char::is_alphabetic)
        && named_parameters(view).iter().any(|(name, _)| has(name))
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
