//! Text views of one snapshot.

use imbolc_net::{Dispatcher, protocol::Presence, util::text::padded};

use crate::{host_words, news::short, words};

/// The studio: transport, settings and instruments.
pub fn studio(studio: &dyn Dispatcher) -> String {
    let state = studio.state();
    let session = &state.model.session;
    let metering = studio.metering();
    let transport = if state.model.transport.playing { "playing" } else { "stopped" };
    let mut lines = vec![
        format!(
            "{}, {} {}, {}/{}, {transport} at beat {}",
            session.tempo,
            session.key,
            session.scale,
            session.time_signature.beats(),
            session.time_signature.unit(),
            words::beat(metering.playhead),
        ),
        format!(
            "{:>5}  {:<14}{:<12}{:>10}{:>10}{:>7}  {:<10}owner",
            "id", "instrument", "source", "cutoff", "level", "notes", "keys"
        ),
    ];
    for (id, instrument) in state.model.instruments.iter() {
        let keys: Vec<_> = instrument.sounding.iter().map(|(key, _)| key.to_string()).collect();
        lines.push(format!(
            "{id:>5}  {} {}{:>10}{:>10}{:>7}  {:<10}{}",
            padded(instrument.name.as_str(), 13),
            padded(&words::wire_words(&instrument.source.kind()), 12),
            instrument.filter.cutoff.to_string(),
            instrument.level.to_string(),
            state.model.piano_roll.track(id).map_or(0, |track| track.len()),
            if keys.is_empty() { "-".into() } else { keys.join(" ") },
            state.roster.player(id).map_or("-".into(), |player| player.name),
        ));
    }
    lines.join("\n")
}

/// The saved projects that the host has listed, and the unsaved work that was kept.
pub fn projects(studio: &dyn Dispatcher) -> String {
    let state = studio.state();
    let projects = &state.model.projects;
    if projects.known.is_empty() && projects.recovered.is_empty() {
        return "no projects".into();
    }
    let line = |name: &_| {
        let mark = if projects.current.as_ref() == Some(name) { '>' } else { ' ' };
        format!("{mark} {name}")
    };
    let kept = projects.recovered.iter().map(|name| format!("  to recover: {name}"));
    projects.known.iter().map(line).chain(kept).collect::<Vec<_>>().join("\n")
}

/// The participants.
pub fn participants(studio: &dyn Dispatcher) -> String {
    let state = studio.state();
    let me = studio.identity().client_id;
    let line = |(&id, participant): (&_, &imbolc_net::protocol::Participant)| {
        let owned: Vec<_> =
            state.roster.owned_by(id).map(|id| words::label(&state.model, id)).collect();
        let owned = if owned.is_empty() { "nothing".into() } else { owned.join(", ") };
        let mut about = format!("owns {owned}");
        if state.roster.is_privileged(id) {
            about += ", has the privilege";
        }
        if matches!(participant.presence, Presence::Away { .. }) {
            about += ", is away";
        }
        if let Some(mark) = host_words::mark_of(id, participant) {
            about = format!("{about}, {mark}");
        }
        if let Some(key) = host_words::short_key(participant) {
            about = format!("{about}, key {key}");
        }
        let mark = if id == me { '>' } else { ' ' };
        format!("{mark} {:>3}  {} {about}", id.0, padded(&participant.name, 15))
    };
    let code = studio.admission().map(|admission| host_words::code_line(&admission));
    let people = state.roster.participants.iter().map(line);
    code.into_iter().chain(people).collect::<Vec<_>>().join("\n")
}

/// The status of the connection.
pub fn status(studio: &dyn Dispatcher) -> String {
    format!("{}, session {}", studio.status(), short(studio.identity().session))
}
