//! What has changed between two snapshots, in words. It knows the studio, and
//! nothing of commands or of how a line gets to the screen.

use std::collections::BTreeSet;

use imbolc_net::{
    NetworkState,
    model::{InstrumentId, Invalid, Model},
    protocol::{ClientId, OwnerInfo, Refusal},
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, Key, KeyChange, MixerSetting,
        NetworkAction, Output, PianoRollAction, ProjectAction, ProjectNotice, SessionSetting,
        Settings, Studio, StudioChange, StudioState, TrackChange, TransportAction,
        TransportSetting,
    },
    util::quantity::{Pitch, Ticks},
};
use serde::Serialize;
use serde_json::Value;

/// Something that is different now.
pub struct Change {
    /// Whose doing it must have been: who owns the instrument, or has the
    /// privilege. A snapshot does not say who edited it.
    pub by: Option<OwnerInfo>,
    /// What is different, e.g. `1 Bass: filter cutoff 800 Hz`.
    pub what: String,
}

impl Change {
    pub fn is_by(&self, client: ClientId) -> bool {
        self.by.as_ref().is_some_and(|by| by.client_id == client)
    }
}

/// What is different in the music; the roster has events of its own, and
/// [`notice`] tells of projects.
pub fn changes(old: &NetworkState, new: &NetworkState) -> Vec<Change> {
    let Some(patch) = Studio::diff(&old.model, &new.model) else { return Vec::new() };
    let owner = |id| new.roster.owner(id).or(old.roster.owner(id)).cloned();
    let privileged = || new.roster.privileged.clone().or(old.roster.privileged.clone());
    let mut changes = Vec::new();
    for change in patch.0 {
        match change {
            // Who draws a patch that replaces all instruments wants to know
            // which of them are different.
            StudioChange::Instruments(_) => {
                for (id, what) in instruments(old, new) {
                    changes.push(Change { by: owner(id), what });
                }
            }
            StudioChange::Instrument(id, setting) => {
                let what = instrument_change(old, new, id, &setting);
                changes.push(Change { by: owner(id), what });
            }
            StudioChange::Key(id, key) => {
                let what = match key {
                    KeyChange::Down(pitch, _) => format!("key {} down", key_name(pitch)),
                    KeyChange::Up(pitch) => format!("key {} up", key_name(pitch)),
                };
                let what = format!("{}: {what}", label(&new.model, id));
                changes.push(Change { by: owner(id), what });
            }
            StudioChange::PianoRoll(id, track) => {
                let what = format!("{}: {}", label(&new.model, id), notes(&track));
                changes.push(Change { by: owner(id), what });
            }
            StudioChange::Transport(setting) => {
                changes.push(Change { by: privileged(), what: transport(&setting) });
            }
            StudioChange::Session(setting) => {
                changes.push(Change { by: privileged(), what: session(&setting) });
            }
            StudioChange::Mixer(setting) => {
                changes.push(Change { by: privileged(), what: mixer(&setting) });
            }
            // As with the instruments.
            StudioChange::WholeMixer(_) => {
                old.model.mixer.diff(&new.model.mixer, &mut |setting| {
                    changes.push(Change { by: privileged(), what: mixer(&setting) });
                });
            }
            StudioChange::Project(_) => {}
            other => changes.push(Change { by: privileged(), what: plain(&other) }),
        }
    }
    changes
}

/// What the last attempt to save or load a project has come to, if that is
/// different now; that one is under way is not worth a line.
pub fn notice(old: &NetworkState, new: &NetworkState) -> Option<Result<String, String>> {
    let notice = &new.model.projects.notice;
    if *notice == old.model.projects.notice {
        return None;
    }
    match notice {
        ProjectNotice::Nothing | ProjectNotice::Working(_) => None,
        ProjectNotice::Done(task) => Some(Ok(match task {
            ProjectAction::New => "a new session is begun".into(),
            ProjectAction::Save => match &new.model.projects.current {
                Some(name) => format!("{name} is saved"),
                None => "the project is saved".into(),
            },
            ProjectAction::SaveAs(name) => format!("{name} is saved"),
            ProjectAction::Load(name) => format!("{name} is loaded"),
            other => format!("done: {}", plain(other)),
        })),
        ProjectNotice::Failed(task, why) => Some(Err(match task {
            ProjectAction::Save => format!("the project is not saved: {why}"),
            ProjectAction::SaveAs(name) => format!("{name} is not saved: {why}"),
            ProjectAction::Load(name) => format!("{name} is not loaded: {why}"),
            other => format!("not done: {}: {why}", plain(other)),
        })),
    }
}

/// Whether everything has just been replaced by something else.
pub fn is_replaced(old: &NetworkState, new: &NetworkState) -> bool {
    let notice = &new.model.projects.notice;
    *notice != old.model.projects.notice
        && matches!(
            notice,
            ProjectNotice::Done(
                ProjectAction::New | ProjectAction::Load(_) | ProjectAction::RestoreCheckpoint(_)
            )
        )
}

/// What somebody wants to do, in the words for what comes of it.
pub fn action(state: &StudioState, action: &NetworkAction) -> String {
    match action {
        NetworkAction::Instrument(id, InstrumentAction::Set(setting)) => {
            format!("{}: {}", label(state, *id), instrument(setting))
        }
        NetworkAction::PianoRoll(id, PianoRollAction::Add(note)) => {
            format!("{}: {}", label(state, *id), notes(&TrackChange::Put(*note)))
        }
        NetworkAction::AddInstrument { id, name, .. } => format!("new instrument {id} {name}"),
        NetworkAction::DeleteInstrument(id) => format!("delete instrument {}", label(state, *id)),
        NetworkAction::Session(setting) => session(setting),
        NetworkAction::Mixer(setting) => mixer(setting),
        NetworkAction::Transport(TransportAction::Play) => "play".into(),
        NetworkAction::Transport(TransportAction::Stop) => "stop".into(),
        NetworkAction::Project(ProjectAction::Load(name)) => format!("load {name}"),
        NetworkAction::Project(ProjectAction::SaveAs(name)) => format!("save {name}"),
        other => plain(other),
    }
}

/// Why `action` was refused; notes are found by their beats.
pub fn refusal(action: &NetworkAction, reason: &Refusal) -> String {
    match (action, reason) {
        (
            NetworkAction::PianoRoll(_, PianoRollAction::Add(note)),
            Refusal::Invalid(Invalid::Exists { .. }),
        ) => {
            let (key, beat) = (key_name(note.pitch), beat(note.tick));
            format!("there is a note {key} at beat {beat} already")
        }
        _ => reason.to_string(),
    }
}

/// Which instruments came, went, or are different.
fn instruments(old: &NetworkState, new: &NetworkState) -> Vec<(InstrumentId, String)> {
    let ids = |state: &NetworkState| state.model.instruments.iter().map(|(id, _)| id).collect();
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (ids(old), ids(new));
    let mut lines = Vec::new();
    for id in &before | &after {
        match (old.model.instruments.get(id), new.model.instruments.get(id)) {
            (Some(was), Some(is)) => {
                let what = |setting| instrument_change(old, new, id, &setting);
                was.diff(is, &mut |setting| lines.push((id, what(setting))));
            }
            (None, Some(_)) => {
                lines.push((id, format!("new instrument {}", label(&new.model, id))));
            }
            (Some(_), None) => {
                lines.push((id, format!("deleted instrument {}", label(&old.model, id))));
            }
            (None, None) => {}
        }
    }
    lines
}

fn instrument_change(
    old: &NetworkState,
    new: &NetworkState,
    id: InstrumentId,
    setting: &InstrumentSetting,
) -> String {
    match setting {
        // Of another name and of another owner: it is not the one it was.
        InstrumentSetting::Name(_) if old.roster.owner(id) != new.roster.owner(id) => {
            let (was, is) = (label(&old.model, id), label(&new.model, id));
            format!("new instrument {is}, in the place of {was}")
        }
        InstrumentSetting::Name(_) => {
            format!("{}: {}", label(&old.model, id), instrument(setting))
        }
        _ => format!("{}: {}", label(&new.model, id), instrument(setting)),
    }
}

fn instrument(setting: &InstrumentSetting) -> String {
    match setting {
        InstrumentSetting::Name(name) => format!("is called {name} now"),
        InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff)) => {
            format!("filter cutoff {cutoff}")
        }
        InstrumentSetting::Level(level) => format!("level {level}"),
        InstrumentSetting::Output(Output::Master) => "goes to the master".into(),
        InstrumentSetting::Output(Output::Bus(bus)) => format!("goes to bus {bus}"),
        other => plain(other),
    }
}

fn mixer(setting: &MixerSetting) -> String {
    match setting {
        MixerSetting::AddBus(bus, name) => format!("new bus {bus} {name}"),
        MixerSetting::DeleteBus(bus) => format!("deleted bus {bus}"),
        other => plain(other),
    }
}

fn notes(change: &TrackChange) -> String {
    match change {
        TrackChange::Put(note) => {
            format!("note {} at beat {}", key_name(note.pitch), beat(note.tick))
        }
        TrackChange::Remove(tick, pitch) => {
            format!("no note {} at beat {}", key_name(*pitch), beat(*tick))
        }
        TrackChange::Set(setting) => plain(setting),
        TrackChange::Whole(track) => format!("a track of {} notes", track.len()),
    }
}

fn transport(setting: &TransportSetting) -> String {
    match setting {
        TransportSetting::Playing(true) => "the music plays".into(),
        TransportSetting::Playing(false) => "the music stops".into(),
        TransportSetting::Position(tick) => format!("playhead at beat {}", beat(*tick)),
        other => plain(other),
    }
}

fn session(setting: &SessionSetting) -> String {
    match setting {
        SessionSetting::Tempo(tempo) => format!("tempo {tempo}"),
        SessionSetting::Key(key) => format!("key {}", tonic(*key)),
        other => plain(other),
    }
}

/// An instrument as people call it, e.g. `1 Bass`.
pub fn label(state: &StudioState, id: InstrumentId) -> String {
    match state.instruments.get(id) {
        Some(instrument) => format!("{id} {}", instrument.name),
        None => format!("{id}"),
    }
}

/// A key as musicians call it: 60 is C4.
pub fn key_name(pitch: Pitch) -> String {
    const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
    let (octave, name) = (pitch.get() / 12, pitch.get() % 12);
    format!("{}{}", NAMES[usize::from(name)], i16::from(octave) - 1)
}

/// A tonic as musicians write it, e.g. Eb.
pub fn tonic(key: Key) -> String {
    format!("{key:?}").replace("Sharp", "#").replace("Flat", "b")
}

/// Which beat of the piece a place is on; the first is 1.
pub fn beat(tick: Ticks) -> f64 {
    let beat = 1.0 + f64::from(tick.get()) / 480.0;
    (beat * 100.0).round() / 100.0
}

/// Any setting in words, by the names that it has on the wire:
/// `Amp(Attack(0.1))` is `amp attack 0.1`.
pub fn plain(setting: &impl Serialize) -> String {
    let mut words = Vec::new();
    collect(&serde_json::to_value(setting).unwrap_or_default(), &mut words);
    words.join(" ")
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Null => words.push("none".into()),
        Value::Bool(on) => words.push(if *on { "on" } else { "off" }.into()),
        // A number of 32 bits has at most this many digits that mean anything.
        Value::Number(number) => match number.as_f64() {
            Some(number) => words.push(format!("{}", (number * 1e4).round() / 1e4)),
            None => words.push(number.to_string()),
        },
        Value::String(text) => words.push(spaced(text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => {
            for (name, value) in fields {
                words.push(spaced(name));
                collect(value, words);
            }
        }
    }
}

/// `TimeSignature` as `time signature`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
