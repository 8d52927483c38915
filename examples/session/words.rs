//! Describes the differences of two snapshots in words. Depends on the studio, not
//! on commands or output.

use std::collections::BTreeSet;

use imbolc_net::{
    NetworkState,
    model::{InstrumentId, Invalid, Model},
    protocol::{ClientId, OwnerInfo, Refusal},
    studio::{
        Automated, Instrument, InstrumentAction, InstrumentSetting, KeyChange, MixerSetting,
        NetworkAction, Output, PianoRollAction, ProjectAction, ProjectName, ProjectNotice,
        SessionSetting, SessionState, Settings, Studio, StudioChange, StudioState, TrackChange,
        TransportAction, TransportSetting,
    },
    util::quantity::Ticks,
};
use serde::Serialize;
use serde_json::Value;

/// One difference between two snapshots.
pub struct Change {
    /// The likely author: the owner of the instrument, or the holder of the
    /// privilege. A snapshot does not record authors.
    pub by: Option<OwnerInfo>,
    /// The difference, such as `1 Bass: filter cutoff 800 Hz`.
    pub what: String,
}

impl Change {
    pub fn is_by(&self, client: ClientId) -> bool {
        self.by.as_ref().is_some_and(|by| by.client_id == client)
    }
}

/// The differences in the studio. The roster has its own events, and [`notice`]
/// describes projects.
pub fn changes(old: &NetworkState, new: &NetworkState) -> Vec<Change> {
    let Some(patch) = Studio::diff(&old.model, &new.model) else { return Vec::new() };
    let owner = |id| new.roster.player(id).or_else(|| old.roster.player(id));
    let privileged = || new.roster.leader().or_else(|| old.roster.leader());
    let mut changes = Vec::new();
    for change in patch.0 {
        match change {
            // This change replaces all instruments; list those that differ.
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
                    KeyChange::Down(pitch, _) => format!("key {pitch} down"),
                    KeyChange::Up(pitch) => format!("key {pitch} up"),
                };
                let what = format!("{}: {what}", label(&new.model, id));
                changes.push(Change { by: owner(id), what });
            }
            StudioChange::PianoRoll(id, track) => {
                let what = format!("{}: {}", label(&new.model, id), notes(&track));
                changes.push(Change { by: owner(id), what });
            }
            StudioChange::Transport(TransportSetting::Generation(_)) => {}
            StudioChange::Transport(setting) => {
                changes.push(Change { by: privileged(), what: transport(&setting) });
            }
            StudioChange::Session(setting) => {
                changes.push(Change { by: privileged(), what: session(&setting) });
            }
            StudioChange::Mixer(setting) => {
                changes.push(Change { by: privileged(), what: mixer(&setting) });
            }
            // As for the instruments.
            StudioChange::WholeMixer(_) => {
                old.model.mixer.diff(&new.model.mixer, &mut |setting| {
                    changes.push(Change { by: privileged(), what: mixer(&setting) });
                });
            }
            StudioChange::Project(_) => {}
            other => changes.push(Change { by: privileged(), what: wire_words(&other) }),
        }
    }
    changes
}

/// The outcome of the last project task, if it is new. A task in progress is not
/// reported.
pub fn notice(old: &NetworkState, new: &NetworkState) -> Option<Result<String, String>> {
    let notice = &new.model.projects.notice;
    if *notice == old.model.projects.notice {
        return None;
    }
    match notice {
        ProjectNotice::Nothing | ProjectNotice::Working(_) => None,
        ProjectNotice::Kept(name) => Some(Ok(left_behind(name))),
        ProjectNotice::Done(task) => Some(Ok(match task {
            ProjectAction::New => "new project started".into(),
            ProjectAction::Save => match &new.model.projects.current {
                Some(name) => format!("{name} is saved"),
                None => "the project is saved".into(),
            },
            ProjectAction::SaveAs(name) => format!("{name} is saved"),
            ProjectAction::Load(name) => format!("{name} is loaded"),
            ProjectAction::Recover(name) => format!("{name} is back, and not saved yet"),
            other => format!("done: {}", wire_words(other)),
        })),
        ProjectNotice::Failed(task, why) => Some(Err(match task {
            ProjectAction::Save => format!("the project is not saved: {why}"),
            ProjectAction::SaveAs(name) => format!("{name} is not saved: {why}"),
            ProjectAction::Load(name) => format!("{name} is not loaded: {why}"),
            other => format!("not done: {}: {why}", wire_words(other)),
        })),
    }
}

/// What a program left behind that ended with unsaved work.
pub fn left_behind(name: &ProjectName) -> String {
    format!("a session ended with unsaved work; to bring it back: recover {name}")
}

/// Whether a project task has replaced the whole studio.
pub fn is_replaced(old: &NetworkState, new: &NetworkState) -> bool {
    let notice = &new.model.projects.notice;
    *notice != old.model.projects.notice
        && matches!(notice, ProjectNotice::Done(task) if task.replaces_session())
}

/// Describes an action with the words for its result.
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
        other => Studio::describe(state, other),
    }
}

/// Why `action` was refused, and the command that helps. A note is described by its beat.
pub fn refusal(state: &StudioState, action: &NetworkAction, reason: &Refusal) -> String {
    match (action, reason) {
        (
            NetworkAction::PianoRoll(_, PianoRollAction::Add(note)),
            Refusal::Invalid(Invalid::Exists { .. }),
        ) => {
            let (key, beat) = (note.pitch, beat(note.tick));
            format!("there is a note {key} at beat {beat} already")
        }
        _ => request_refusal(state, reason),
    }
}

/// Why a request was refused, and the command or the person that helps.
pub fn request_refusal(state: &StudioState, reason: &Refusal) -> String {
    match reason {
        Refusal::NotOwner { instrument, owner: Some(owner) } => {
            format!("{owner} owns {}: ask {owner}", label(state, *instrument))
        }
        Refusal::NotOwner { instrument, owner: None } => {
            format!("nobody owns {}: `own {instrument}` claims it", label(state, *instrument))
        }
        Refusal::NotPrivileged { holder: Some(holder) } => {
            format!("{holder} has the privilege: `privilege` asks for it")
        }
        Refusal::NotPrivileged { holder: None } => {
            "nobody has the privilege: `privilege` takes it".into()
        }
        Refusal::InBatch { reason, .. } => request_refusal(state, reason),
        reason => reason.to_string(),
    }
}

/// Instruments that were added, deleted or changed.
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
        // A new name and a new owner: another instrument took the id.
        InstrumentSetting::Name(_) if old.roster.owner(id) != new.roster.owner(id) => {
            let (was, is) = (label(&old.model, id), label(&new.model, id));
            format!("new instrument {is}, replaces {was}")
        }
        InstrumentSetting::Name(_) => {
            format!("{}: {}", label(&old.model, id), instrument(setting))
        }
        _ => format!("{}: {}", label(&new.model, id), instrument(setting)),
    }
}

fn instrument(setting: &InstrumentSetting) -> String {
    match setting {
        InstrumentSetting::Name(name) => format!("renamed to {name}"),
        InstrumentSetting::Output(Output::Master) => "output to master".into(),
        InstrumentSetting::Output(Output::Bus(bus)) => format!("output to bus {bus}"),
        other => with_unit(other, Instrument::value_text(other)),
    }
}

fn mixer(setting: &MixerSetting) -> String {
    match setting {
        MixerSetting::AddBus(bus, name) => format!("new bus {bus} {name}"),
        MixerSetting::DeleteBus(bus) => format!("deleted bus {bus}"),
        other => with_unit(other, NetworkAction::Mixer(other.clone()).value_text()),
    }
}

fn notes(change: &TrackChange) -> String {
    match change {
        TrackChange::Put(note) => {
            format!("note {} at beat {}", note.pitch, beat(note.tick))
        }
        TrackChange::Remove(tick, pitch) => {
            format!("no note {} at beat {}", pitch, beat(*tick))
        }
        TrackChange::Set(setting) => wire_words(setting),
        TrackChange::Whole(track) => format!("a track of {} notes", track.len()),
    }
}

fn transport(setting: &TransportSetting) -> String {
    match setting {
        TransportSetting::Playing(true) => "transport started".into(),
        TransportSetting::Playing(false) => "transport stopped".into(),
        TransportSetting::Position(tick) => format!("playhead at beat {}", beat(*tick)),
        other => wire_words(other),
    }
}

fn session(setting: &SessionSetting) -> String {
    with_unit(setting, SessionState::value_text(setting))
}

/// Id and name of an instrument, such as `1 Bass`.
pub fn label(state: &StudioState, id: InstrumentId) -> String {
    match state.instruments.get(id) {
        Some(instrument) => format!("{id} {}", instrument.name),
        None => format!("{id}"),
    }
}

/// The beat at `tick`, counted from 1.
pub fn beat(tick: Ticks) -> f64 {
    let beat = 1.0 + f64::from(tick.get()) / 480.0;
    (beat * 100.0).round() / 100.0
}

/// Describes any setting by its wire names: `Amp(Attack(0.1))` is
/// `amp attack 0.1`.
pub fn wire_words(setting: &impl Serialize) -> String {
    let mut words = Vec::new();
    collect(&serde_json::to_value(setting).unwrap_or_default(), &mut words);
    words.join(" ")
}

/// The same, with the innermost value as a musician reads it.
fn with_unit(setting: &impl Serialize, value: Option<String>) -> String {
    let mut words = Vec::new();
    collect(&serde_json::to_value(setting).unwrap_or_default(), &mut words);
    if let (Some(value), Some(last)) = (value, words.last_mut()) {
        *last = value;
    }
    words.join(" ")
}

fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Null => words.push("none".into()),
        Value::Bool(on) => words.push(if *on { "on" } else { "off" }.into()),
        // Rounds away the digits that an f32 does not have.
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

/// `TimeSignature` becomes `time signature`.
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
