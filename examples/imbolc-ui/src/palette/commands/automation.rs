//! The command that adds an automation lane; it finds a parameter by words of its name.
//!
//! It reads a view and returns intents; it never touches a dispatcher.

use imbolc_net::{
    studio::{
        Action, AutomationAction, BusParameter, DrumParameter, InstrumentParameter,
        LayerGroupParameter, MasterParameter, PadParameter, SessionParameter, StudioState, Target,
    },
    util::quantity::PadNumber,
};

use super::one;
use crate::{intent::Intent, view::View, words};

/// How many candidates an ambiguous name lists.
const NAMED: usize = 8;

/// `PARAMETER`
pub(super) fn automate(what: &str, view: &View) -> Result<Vec<Intent>, String> {
    let target = meant(what, &named(view))?;
    if view.studio().automation.lane(&target).is_some() {
        let what = words::target(view.studio(), &target);
        return Err(format!("there is a lane for {what} already"));
    }
    one(Action::Automation(target, AutomationAction::Add))
}

/// The parameter with exactly this name, or the only one that contains all the given
/// words or their beginnings.
fn meant(what: &str, named: &[(String, Target)]) -> Result<Target, String> {
    let what = what.to_lowercase();
    if let Some((_, target)) = named.iter().find(|(name, _)| *name == what) {
        return Ok(*target);
    }
    let has = |name: &str, start: &str| name.split(' ').any(|word| word.starts_with(start));
    let fits = |name: &str| what.split_whitespace().all(|start| has(name, start));
    let fitting: Vec<_> = named.iter().filter(|(name, _)| fits(name)).collect();
    match fitting[..] {
        [] => Err(format!("there is no parameter {what:?}")),
        [(_, target)] => Ok(*target),
        _ => {
            let some: Vec<_> = fitting.iter().take(NAMED).map(|(name, _)| &**name).collect();
            let more = if fitting.len() > NAMED { ", …" } else { "" };
            Err(format!("{} fit: {}{more}", fitting.len(), some.join(", ")))
        }
    }
}

/// The parameters that can be automated, by name: those of the selected instrument and
/// those of buses, groups, master and session.
fn named(view: &View) -> Vec<(String, Target)> {
    let studio = view.studio();
    let mut named = Vec::new();
    if let Some((id, instrument)) = view.selected() {
        named.extend(instrument.parameters().into_iter().map(|parameter| {
            let name = match parameter {
                InstrumentParameter::Chain(parameter) => words::of(parameter),
                other => words::of(other),
            };
            (name, Target::Instrument(id, parameter))
        }));
        if studio.drums.machine(id).is_some() {
            named.extend(DrumParameter::ALL.iter().map(|parameter| {
                (format!("drums {}", words::of(parameter)), Target::Drums(id, *parameter))
            }));
            let pads = PadNumber::MIN.get()..=PadNumber::MAX.get();
            for pad in pads.filter_map(|pad| PadNumber::new(pad).ok()) {
                named.extend(PadParameter::all().into_iter().map(|parameter| {
                    let name = format!("pad {} {}", pad.get() + 1, words::of(parameter));
                    (name, Target::Pad(id, pad, parameter))
                }));
            }
        }
    }
    named.extend(everybodys(studio));
    named
}

/// The parameters that belong to no instrument: buses, layer groups, master, session.
fn everybodys(studio: &StudioState) -> Vec<(String, Target)> {
    let mut named = Vec::new();
    for (id, bus) in studio.mixer.buses() {
        let effects = bus.chain.parameters().into_iter().map(BusParameter::Chain);
        named.extend(BusParameter::all().into_iter().chain(effects).map(|parameter| {
            let name = match parameter {
                BusParameter::Chain(parameter) => words::of(parameter),
                other => words::of(other),
            };
            (format!("bus {id} {name}"), Target::Bus(id, parameter))
        }));
    }
    for (id, _) in studio.mixer.layer_groups() {
        named.extend(LayerGroupParameter::all().into_iter().map(|parameter| {
            let name = format!("group {id} {}", words::of(parameter));
            (name, Target::LayerGroup(id, parameter))
        }));
    }
    let effects = studio.mixer.master.chain.parameters().into_iter().map(MasterParameter::Chain);
    named.extend(MasterParameter::all().into_iter().chain(effects).map(|parameter| {
        let name = match parameter {
            MasterParameter::Chain(parameter) => words::of(parameter),
            other => words::of(other),
        };
        (format!("master {name}"), Target::Master(parameter))
    }));
    let session = SessionParameter::all().into_iter();
    named.extend(session.map(|parameter| (words::of(parameter), Target::Session(parameter))));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_known_by_its_name_or_by_the_beginnings_of_its_words() {
        let all = || everybodys(&StudioState::starter());
        let tempo = Target::Session(SessionParameter::Tempo);
        assert_eq!(meant("tempo", &all()), Ok(tempo));
        assert_eq!(meant("Tem", &all()), Ok(tempo));
        assert_eq!(meant("mas le", &all()), Ok(Target::Master(MasterParameter::Level)));
        assert_eq!(meant("volume", &all()), Err("there is no parameter \"volume\"".into()));
        let several = meant("master", &all()).unwrap_err();
        assert!(several.contains("fit: master level, "), "{several}");
    }
}
