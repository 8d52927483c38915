//! The command that adds an automation lane; it finds a parameter by words of its name.
//!
//! It reads a view and returns intents; it never touches a dispatcher.

use imbolc_net::{
    studio::{
        AutomationAction, BusParameter, DrumParameter, InstrumentParameter, LayerGroupParameter,
        MasterParameter, NetworkAction, PadParameter, SessionParameter, StudioState, Target,
    },
    util::quantity::PadNumber,
};

use super::{Parsed, choices::Choice, single};
use crate::{describe, view::View};

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

/// The names of the parameters, for completion.
pub(super) fn parameters(view: &View) -> Vec<Choice> {
    named_parameters(view).into_iter().map(|(name, _)| (name, String::new())).collect()
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

/// The parameters that can be automated, by name: those of the selected instrument and
/// those of buses, groups, master and session.
fn named_parameters(view: &View) -> Vec<(String, Target)> {
    let studio = view.studio();
    let mut parameters = Vec::new();
    if let Some((id, instrument)) = view.selected() {
        parameters.extend(instrument.parameters().into_iter().map(|parameter| {
            let name = match parameter {
                InstrumentParameter::Chain(parameter) => describe::label(parameter),
                other => describe::label(other),
            };
            (name, Target::Instrument(id, parameter))
        }));
        if studio.drums.machine(id).is_some() {
            parameters.extend(DrumParameter::ALL.iter().map(|parameter| {
                (format!("drums {}", describe::label(parameter)), Target::Drums(id, *parameter))
            }));
            let pads = PadNumber::MIN.get()..=PadNumber::MAX.get();
            for pad in pads.filter_map(|pad| PadNumber::new(pad).ok()) {
                parameters.extend(PadParameter::all().into_iter().map(|parameter| {
                    let name = format!("pad {} {}", pad.get() + 1, describe::label(parameter));
                    (name, Target::Pad(id, pad, parameter))
                }));
            }
        }
    }
    parameters.extend(shared_parameters(studio));
    parameters
}

/// The parameters that belong to no instrument: buses, layer groups, master, session.
fn shared_parameters(studio: &StudioState) -> Vec<(String, Target)> {
    let mut parameters = Vec::new();
    for (id, bus) in studio.mixer.buses() {
        let effects = bus.chain.parameters().into_iter().map(BusParameter::Chain);
        parameters.extend(BusParameter::all().into_iter().chain(effects).map(|parameter| {
            let name = match parameter {
                BusParameter::Chain(parameter) => describe::label(parameter),
                other => describe::label(other),
            };
            (format!("bus {id} {name}"), Target::Bus(id, parameter))
        }));
    }
    for (id, _) in studio.mixer.layer_groups() {
        parameters.extend(LayerGroupParameter::all().into_iter().map(|parameter| {
            let name = format!("group {id} {}", describe::label(parameter));
            (name, Target::LayerGroup(id, parameter))
        }));
    }
    let effects = studio.mixer.master.chain.parameters().into_iter().map(MasterParameter::Chain);
    parameters.extend(MasterParameter::all().into_iter().chain(effects).map(|parameter| {
        let name = match parameter {
            MasterParameter::Chain(parameter) => describe::label(parameter),
            other => describe::label(other),
        };
        (format!("master {name}"), Target::Master(parameter))
    }));
    let session = SessionParameter::all().into_iter();
    parameters
        .extend(session.map(|parameter| (describe::label(parameter), Target::Session(parameter))));
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_is_found_by_name_or_word_prefixes() {
        let all = || shared_parameters(&StudioState::starter());
        let tempo = Target::Session(SessionParameter::Tempo);
        assert_eq!(find_parameter("tempo", &all()), Ok(tempo));
        assert_eq!(find_parameter("Tem", &all()), Ok(tempo));
        assert_eq!(find_parameter("mas le", &all()), Ok(Target::Master(MasterParameter::Level)));
        assert_eq!(find_parameter("volume", &all()), Err("no parameter \"volume\"".into()));
        let several = find_parameter("master", &all()).unwrap_err();
        assert!(several.contains("match: master level, "), "{several}");
    }
}
