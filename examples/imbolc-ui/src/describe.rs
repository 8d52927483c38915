//! Describes actions, changes and values as text.
//!
//! It derives the words from the names on the wire, so that new actions need no code
//! here; it knows neither events nor the screen.

mod change_words;
mod numbering;
mod refusal_words;

use imbolc_net::{
    model::{InstrumentId, Model as _},
    protocol::{OwnerInfo, Roster},
    studio::{
        DrumAction, DrumChange, InstrumentAction, LaneChange, NetworkAction, ProjectAction,
        ProjectFailure, ProjectName, ProjectNotice, Projects, SoundEngine, Studio, StudioChange,
        StudioState, Target, TransportSetting,
    },
};
use serde::Serialize;
use serde_json::Value;

pub use self::{
    change_words::step_text,
    refusal_words::{dispatch_error_text, refusal_text},
};

use self::{change_words::musical_words, numbering::count_from_one};

/// The variants whose first number is an instrument id.
const OF_AN_INSTRUMENT: [&str; 8] = [
    "Instrument",
    "DeleteInstrument",
    "PianoRoll",
    "Clip",
    "Placement",
    "Drums",
    "DropInstrument",
    "Pad",
];

/// How many items of a list are spelled out.
const MAX_SPELLED: usize = 5;

/// An instrument by number and name.
#[must_use]
pub fn instrument_label(studio: &StudioState, id: InstrumentId) -> String {
    match studio.instruments.get(id) {
        Some(instrument) => format!("{id} {}", instrument.name),
        None => format!("instrument {id}"),
    }
}

/// An action, e.g. `1 Bass: set filter cutoff 800 Hz`.
#[must_use]
pub fn action_text(studio: &StudioState, action: &NetworkAction) -> String {
    instrument_first(studio, action, action.value_text())
}

/// The target of a lane, e.g. `1 Bass: filter cutoff`.
#[must_use]
pub fn target_text(studio: &StudioState, target: &Target) -> String {
    instrument_first(studio, target, None)
}

/// The changes between two states, each with the only participant that can have made
/// it.
#[must_use]
pub fn change_texts(
    from: &StudioState,
    to: &StudioState,
    roster: &Roster,
) -> Vec<(Option<OwnerInfo>, String)> {
    let patch = Studio::diff(from, to);
    let changes = patch.iter().flat_map(|patch| &patch.0);
    let told = |change| {
        let (by, words) = change_text(change, from, to, roster)?;
        Some((by, musical_words(change, from, to, words)))
    };
    changes.filter_map(told).collect()
}

fn change_text(
    change: &StudioChange,
    from: &StudioState,
    to: &StudioState,
    roster: &Roster,
) -> Option<(Option<OwnerInfo>, String)> {
    let holder = || roster.leader();
    let by = |id| roster.player(id);
    Some(match change {
        // These change at every beat.
        StudioChange::Key(..)
        | StudioChange::Project(_)
        | StudioChange::Transport(
            TransportSetting::Position(_) | TransportSetting::Generation(_),
        ) => return None,
        StudioChange::Instruments(_) => {
            let is_new = |id| to.instruments.contains(id) && !from.instruments.contains(id);
            let is_gone = |id| from.instruments.contains(id) && !to.instruments.contains(id);
            let new = to.instruments.iter().map(|(id, _)| id).find(|id| is_new(*id));
            let gone = from.instruments.iter().map(|(id, _)| id).find(|id| is_gone(*id));
            match (new, gone) {
                (Some(id), None) => (by(id), format!("{} was added", instrument_label(to, id))),
                (None, Some(id)) => (None, format!("{} was deleted", instrument_label(from, id))),
                _ => (None, "the instruments have changed".into()),
            }
        }
        StudioChange::PutInstrument(id, ..) => {
            (by(*id), format!("{} was added", instrument_label(to, *id)))
        }
        StudioChange::DropInstrument(id) => {
            (None, format!("{} was deleted", instrument_label(from, *id)))
        }
        StudioChange::WholeMixer(_) => (holder(), "the mixer has changed".into()),
        StudioChange::WholePianoRoll(_) => (None, "the tracks have changed".into()),
        StudioChange::Instrument(id, _)
        | StudioChange::PianoRoll(id, _)
        | StudioChange::Clip(id, ..)
        | StudioChange::Placement(id, _)
        | StudioChange::Drums(id, _) => {
            (by(*id), instrument_first(to, change, change_value(change)))
        }
        StudioChange::Lane(target, change) => {
            // A lane as a whole is too long to describe.
            let what = match change {
                LaneChange::Whole(_) => "added".into(),
                LaneChange::Gone => "deleted".into(),
                change => spell(&renumbered_json(change)),
            };
            let words = format!("lane of {}: {what}", target_text(to, target));
            (target.instrument().map_or_else(holder, by), words)
        }
        StudioChange::Session(_)
        | StudioChange::Transport(_)
        | StudioChange::Registry(_)
        | StudioChange::Mixer(_)
        | StudioChange::Arrangement(_) => {
            (holder(), instrument_first(to, change, change_value(change)))
        }
    })
}

/// The value that a change gives a parameter, with its unit.
fn change_value(change: &StudioChange) -> Option<String> {
    match change.clone() {
        StudioChange::Instrument(id, setting) => {
            NetworkAction::Instrument(id, InstrumentAction::Set(setting)).value_text()
        }
        StudioChange::Drums(id, DrumChange::Set(setting)) => {
            NetworkAction::Drums(id, DrumAction::Set(setting)).value_text()
        }
        StudioChange::Mixer(setting) => NetworkAction::Mixer(setting).value_text(),
        StudioChange::Session(setting) => NetworkAction::Session(setting).value_text(),
        _ => None,
    }
}

/// The result of saving, loading and the like, if it changed.
#[must_use]
pub fn project_notice(from: &StudioState, to: &StudioState) -> Option<Result<String, String>> {
    let (old, new) = (&from.projects.notice, &to.projects.notice);
    if old == new {
        return None;
    }
    match new {
        ProjectNotice::Nothing | ProjectNotice::Kept(_) | ProjectNotice::Working(_) => None,
        ProjectNotice::Done(done) => Some(Ok(project_done(done))),
        ProjectNotice::Failed(failed, why) => {
            Some(Err(format!("failed: {}: {}", project_task(failed), project_failure(why))))
        }
    }
}

/// Whether the latest project action has replaced the whole session.
#[must_use]
pub fn is_replaced(studio: &StudioState) -> bool {
    use ProjectAction::{Load, New, Recover, RestoreCheckpoint};
    let ProjectNotice::Done(done) = &studio.projects.notice else { return false };
    matches!(done, New | Load(_) | RestoreCheckpoint(_) | Recover(_))
}

/// That an earlier program has kept unsaved work, and how to bring it back.
#[must_use]
pub fn kept_work(studio: &StudioState) -> Option<String> {
    match &studio.projects.notice {
        ProjectNotice::Kept(name) => {
            Some(format!("unsaved work of the last time is kept: “:recover {name}” brings it back"))
        }
        _ => None,
    }
}

/// Why a project could not be saved or loaded, and how to fix it if that is known.
#[must_use]
pub fn project_failure(why: &ProjectFailure) -> String {
    match why {
        ProjectFailure::NoDirectory => {
            "the host has no project directory: start it with --project-dir DIR".into()
        }
        ProjectFailure::BackupIsWhole { why, backup } => {
            format!("{why}; its backup is whole: load it with :load {backup}")
        }
        why => why.to_string(),
    }
}

/// That saving as `name` overwrites another project.
#[must_use]
pub fn overwritten(projects: &Projects, name: &ProjectName) -> Option<String> {
    let is_other =
        projects.known.iter().any(|known| known == name) && projects.current.as_ref() != Some(name);
    is_other.then(|| format!("the project “{name}” will be overwritten"))
}

/// The sound engine and its state, in a few words.
#[must_use]
pub fn sound_text(engine: SoundEngine) -> String {
    match engine {
        SoundEngine::Silent => "silent".into(),
        SoundEngine::Starting => "scsynth starts".into(),
        SoundEngine::Sounding { cpu, late: 0, .. } => format!("scsynth {cpu} %"),
        SoundEngine::Sounding { cpu, late, .. } => format!("scsynth {cpu} %, {late} late"),
        SoundEngine::Missing => "scsynth: no sound".into(),
    }
}

/// A project action; names stay as they are.
#[must_use]
pub fn project_task(action: &ProjectAction) -> String {
    match action {
        ProjectAction::New => "new project".into(),
        ProjectAction::Save => "save".into(),
        ProjectAction::SaveAs(name) => format!("save as “{name}”"),
        ProjectAction::Load(name) => format!("load “{name}”"),
        ProjectAction::List => "list".into(),
        ProjectAction::CreateCheckpoint(name) => format!("checkpoint “{name}”"),
        ProjectAction::RestoreCheckpoint(name) => format!("restore “{name}”"),
        ProjectAction::DeleteCheckpoint(name) => format!("delete checkpoint “{name}”"),
        ProjectAction::Recover(name) => format!("recover “{name}”"),
    }
}

/// What a project action has done; names stay as they are.
#[must_use]
pub fn project_done(action: &ProjectAction) -> String {
    match action {
        ProjectAction::New => "new project".into(),
        ProjectAction::Save => "saved".into(),
        ProjectAction::SaveAs(name) => format!("saved as “{name}”"),
        ProjectAction::Load(name) => format!("loaded “{name}”"),
        ProjectAction::List => "projects listed".into(),
        ProjectAction::CreateCheckpoint(name) => format!("created checkpoint “{name}”"),
        ProjectAction::RestoreCheckpoint(name) => format!("restored “{name}”"),
        ProjectAction::DeleteCheckpoint(name) => format!("deleted checkpoint “{name}”"),
        ProjectAction::Recover(name) => format!("recovered “{name}”"),
    }
}

/// The variant of an enum as words, e.g. `super saw`.
#[must_use]
pub fn label(thing: impl Serialize) -> String {
    spell(&renumbered_json(&thing))
}

/// An action or change; if it belongs to an instrument, that comes first.
/// `with` replaces the innermost value.
fn instrument_first(studio: &StudioState, thing: &impl Serialize, with: Option<String>) -> String {
    let mut value = renumbered_json(thing);
    if let Some(text) = with {
        clear_innermost(&mut value);
        return format!("{} {text}", family_and_content(studio, &value).trim_end());
    }
    family_and_content(studio, &value)
}

/// Empties the innermost value: of `Session(Tempo(120))` that is `120`.
fn clear_innermost(value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let last = items.len() - 1;
            clear_innermost(&mut items[last]);
        }
        Value::Object(fields) if fields.len() == 1 => {
            fields.values_mut().for_each(clear_innermost);
        }
        inner => *inner = Value::String(String::new()),
    }
}

fn family_and_content(studio: &StudioState, value: &Value) -> String {
    let Some((family, content)) = single_field(value) else { return spell(value) };
    if !OF_AN_INSTRUMENT.contains(&family) {
        return spell(value);
    }
    let family = if family == "Instrument" { String::new() } else { to_words(family) + " " };
    match content {
        Value::Number(id) => format!("{family}{}", instrument_by_number(studio, id)),
        Value::Array(items) => match &items[..] {
            [Value::Number(id), rest @ ..] => {
                format!("{}: {family}{}", instrument_by_number(studio, id), spell_list(rest))
            }
            _ => family + &spell_list(items),
        },
        other => family + &spell(other),
    }
}

fn instrument_by_number(studio: &StudioState, id: &serde_json::Number) -> String {
    let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or_default();
    instrument_label(studio, InstrumentId(id))
}

fn renumbered_json(thing: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(thing).unwrap_or_default();
    count_from_one(&mut value);
    value
}

/// The only field of an object that has exactly one.
fn single_field(value: &Value) -> Option<(&str, &Value)> {
    match value {
        Value::Object(fields) if fields.len() == 1 => {
            fields.iter().next().map(|(name, value)| (name.as_str(), value))
        }
        _ => None,
    }
}

fn spell(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => short_number(float),
            _ => number.to_string(),
        },
        Value::String(text) => to_words(text),
        Value::Array(items) => spell_list(items),
        Value::Object(fields) if fields.len() > MAX_SPELLED => "…".into(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match value {
                // Names that users have chosen stay as they are.
                Value::String(text) if name == "Name" || name == "name" => format!("name {text}"),
                _ => format!("{} {}", to_words(name), spell(value)).trim_end().to_owned(),
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
    }
}

fn spell_list(items: &[Value]) -> String {
    if items.len() > MAX_SPELLED {
        return format!("{} items", items.len());
    }
    items.iter().map(spell).collect::<Vec<_>>().join(" ")
}

/// A number with at most three decimals.
fn short_number(number: f64) -> String {
    let number = format!("{number:.3}");
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `SuperSaw` and `tick_on` as words: `super saw`, `tick on`. Text with spaces is a
/// name that a user has chosen, and stays as it is.
fn to_words(name: &str) -> String {
    if name.contains(' ') || !name.is_ascii() {
        return name.into();
    }
    let mut words = String::new();
    for (at, letter) in name.char_indices() {
        if letter == '_' {
            words.push(' ');
        } else {
            if at > 0 && letter.is_ascii_uppercase() {
                words.push(' ');
            }
            words.push(letter.to_ascii_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use imbolc_net::{
        studio::{FilterSetting, InstrumentSetting, SessionSetting, SourceKind, TransportAction},
        util::quantity::{Bpm, Hertz, Ticks},
    };

    use super::*;

    const BASS: InstrumentId = InstrumentId(1);

    fn cutoff() -> NetworkAction {
        let setting = FilterSetting::Cutoff(Hertz::of(812.4));
        NetworkAction::Instrument(BASS, InstrumentAction::Set(InstrumentSetting::Filter(setting)))
    }

    #[test]
    fn action_is_described_by_wire_names() {
        let studio = StudioState::starter();
        for (what, words) in [
            (cutoff(), "1 Bass: set filter cutoff 812 Hz"),
            (NetworkAction::DeleteInstrument(BASS), "delete instrument 1 Bass"),
            (NetworkAction::Transport(TransportAction::Play), "transport play"),
            (
                NetworkAction::Transport(TransportAction::Locate(Ticks::of(960))),
                "transport locate 960",
            ),
            (
                NetworkAction::Session(SessionSetting::Tempo(Bpm::of(174.0))),
                "session tempo 174 bpm",
            ),
        ] {
            assert_eq!(action_text(&studio, &what), words);
        }
        assert_eq!(label(SourceKind::SuperSaw), "super saw");
    }

    #[test]
    fn change_names_its_author() {
        let from = StudioState::starter();
        let mut to = from.clone();
        Studio::reduce(&mut to, &cutoff()).unwrap();
        let ana = OwnerInfo { client_id: imbolc_net::protocol::ClientId(1), name: "ana".into() };
        let mut roster = Roster::default();
        roster.owners.insert(BASS, ana.clone());
        let change = (Some(ana), "1 Bass: filter cutoff 812 Hz".to_owned());
        assert_eq!(change_texts(&from, &to, &roster), [change]);

        let mut fewer = from.clone();
        Studio::reduce(&mut fewer, &NetworkAction::DeleteInstrument(BASS)).unwrap();
        let gone = change_texts(&from, &fewer, &roster).into_iter().map(|(_, what)| what);
        assert!(gone.eq(["1 Bass was deleted"]));
    }
}
