//! What the arguments of commands can be, for completion.
//!
//! Functions from a view to texts; they check nothing.

use imbolc_net::{
    model::InstrumentId,
    studio::{EffectKind, Key, Names, NoteValue, Part, Scale, SourceKind},
    util::quantity::PadNumber,
};
use serde::Serialize;

use crate::{describe, view::View};

/// An argument, and what it stands for if that is not the same.
pub(in crate::palette) type Choice = (String, String);

/// What an argument can be.
pub(in crate::palette) type Choices = fn(&View) -> Vec<Choice>;

/// Anything.
pub(super) fn none(_: &View) -> Vec<Choice> {
    Vec::new()
}

pub(super) fn keys(_: &View) -> Vec<Choice> {
    let name = |key| format!("{key:?}").replace("Sharp", "#").replace("Flat", "b");
    named(Key::ALL.iter().map(name))
}

pub(super) fn scales(_: &View) -> Vec<Choice> {
    labelled(Scale::ALL)
}

pub(super) fn note_values(_: &View) -> Vec<Choice> {
    labelled(NoteValue::ALL)
}

pub(super) fn grids(view: &View) -> Vec<Choice> {
    with("off", note_values(view))
}

pub(super) fn sources(_: &View) -> Vec<Choice> {
    labelled(SourceKind::ALL)
}

pub(super) fn effects(_: &View) -> Vec<Choice> {
    labelled(EffectKind::ALL)
}

/// The names of those who ask to join.
pub(super) fn strangers(view: &View) -> Vec<Choice> {
    let requests = view.admission.iter().flat_map(|admission| &admission.requests);
    named(requests.filter_map(|request| request.name.clone()))
}

pub(super) fn buses(view: &View) -> Vec<Choice> {
    view.studio().mixer.buses().map(|(id, bus)| (id.to_string(), bus.name.to_string())).collect()
}

pub(super) fn outputs(view: &View) -> Vec<Choice> {
    with("master", buses(view))
}

pub(super) fn optional_buses(view: &View) -> Vec<Choice> {
    with("none", buses(view))
}

pub(super) fn groups(view: &View) -> Vec<Choice> {
    let groups = view.studio().mixer.layer_groups();
    groups.map(|(id, group)| (id.to_string(), group.name.to_string())).collect()
}

pub(super) fn groups_or_none(view: &View) -> Vec<Choice> {
    with("none", groups(view))
}

pub(super) fn instruments(view: &View) -> Vec<Choice> {
    let instruments = view.studio().instruments.iter();
    instruments.map(|(id, instrument)| (id.to_string(), instrument.name.to_string())).collect()
}

pub(super) fn pads(view: &View) -> Vec<Choice> {
    let machine = view.selected().and_then(|(id, _)| view.studio().drums.machine(id));
    let Some(machine) = machine else { return Vec::new() };
    let pads = PadNumber::MIN.get()..=PadNumber::MAX.get();
    let pads = pads.filter_map(|pad| PadNumber::new(pad).ok());
    pads.map(|pad| ((pad.get() + 1).to_string(), machine.pad(pad).name.to_string())).collect()
}

pub(super) fn sounds(_: &View) -> Vec<Choice> {
    let sounds = [
        ("nothing", "the pad is silent"),
        ("slice", "a slice of the sample, by its number: slice 1"),
        ("key", "a note of another instrument: key 2 C4"),
    ];
    sounds.map(|(name, what)| (name.to_owned(), what.to_owned())).to_vec()
}

pub(super) fn chains(_: &View) -> Vec<Choice> {
    named(["on", "off"])
}

pub(super) fn clips(view: &View) -> Vec<Choice> {
    let part = |id: InstrumentId| view.studio().arrangement.part(id);
    let clips = view.selected().and_then(|(id, _)| part(id)).into_iter().flat_map(Part::clips);
    clips.map(|(id, clip)| (id.to_string(), clip.name.to_string())).collect()
}

pub(super) fn projects(view: &View) -> Vec<Choice> {
    project_names(&view.studio().projects.known)
}

pub(super) fn checkpoints(view: &View) -> Vec<Choice> {
    project_names(&view.studio().projects.checkpoints)
}

pub(super) fn recovered(view: &View) -> Vec<Choice> {
    project_names(&view.studio().projects.recovered)
}

fn project_names(names: &Names) -> Vec<Choice> {
    named(names.iter().map(ToString::to_string))
}

fn labelled(all: &[impl Serialize]) -> Vec<Choice> {
    named(all.iter().map(describe::label))
}

fn named(names: impl IntoIterator<Item = impl Into<String>>) -> Vec<Choice> {
    names.into_iter().map(|name| (name.into(), String::new())).collect()
}

fn with(name: &str, choices: Vec<Choice>) -> Vec<Choice> {
    named([name]).into_iter().chain(choices).collect()
}
