//! Changes in the words of a musician: bars and beats instead of ticks, names instead of
//! ids.
//!
//! It reads two states; what it does not know keeps its names on the wire.

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        ClipChange, InstrumentAction, LaneChange, LoopRegion, MixerSetting, NetworkAction, Note,
        PlacementChange, SessionSetting, Studio, StudioChange, StudioState, TrackChange,
        TransportSetting,
    },
    util::quantity::Ticks,
};

use super::{action_text, instrument_label, pitch_name, target_text};
use crate::app::bar_beat_tick;

/// What an action does: as the undo says it, if its names on the wire told ticks.
#[must_use]
pub fn step_text(studio: &StudioState, action: &NetworkAction) -> String {
    match action {
        NetworkAction::PianoRoll(..)
        | NetworkAction::Clip(..)
        | NetworkAction::Placement(..)
        | NetworkAction::Automation(..) => Studio::describe(studio, action),
        NetworkAction::Instrument(id, InstrumentAction::Play(pitch, _)) => {
            format!("{}: play {}", instrument_label(studio, *id), pitch_name(*pitch))
        }
        action => action_text(studio, action),
    }
}

/// A change from `from` to `to`, of which `words` says the names on the wire.
pub(super) fn musical_words(
    change: &StudioChange,
    from: &StudioState,
    to: &StudioState,
    words: String,
) -> String {
    let at = |tick| place(tick, to);
    let of = |id: &InstrumentId, what: String| format!("{}: {what}", instrument_label(to, *id));
    match change {
        StudioChange::PianoRoll(id, change) => {
            let track = from.piano_roll.track(*id);
            let was_there = |note: &Note| {
                track.is_some_and(|track| {
                    let mut there = track.starting(note.tick, after(note.tick));
                    there.any(|other| other.pitch == note.pitch)
                })
            };
            match track_words(change, was_there, to) {
                Some(what) => of(id, what),
                None => words,
            }
        }
        StudioChange::Clip(id, clip, change) => {
            let name = |studio: &StudioState| {
                let clip = studio.arrangement.part(*id)?.clip(*clip)?;
                Some(format!("clip {}", clip.name))
            };
            let is_new = name(from).is_none();
            let Some(name) = name(to).or_else(|| name(from)) else { return words };
            match change {
                ClipChange::Whole(_) if is_new => of(id, format!("new {name}")),
                ClipChange::Gone => of(id, format!("deleted {name}")),
                ClipChange::Put(note) => of(id, format!("{} in {name}", note_at(note, to))),
                ClipChange::Remove(tick, pitch) => {
                    of(id, format!("no note {} at {} in {name}", pitch_name(*pitch), at(*tick)))
                }
                ClipChange::Set(_) | ClipChange::Whole(_) => of(id, format!("changed {name}")),
            }
        }
        StudioChange::Placement(id, change) => {
            let placed = |studio: &StudioState, number| {
                let part = studio.arrangement.part(*id)?;
                let placement = *part.placement(number)?;
                Some((placement, part.clip(placement.clip)?.name.clone()))
            };
            match change {
                PlacementChange::Put(number, placement) => {
                    let Some((_, name)) = placed(to, *number) else { return words };
                    let start = at(placement.tick);
                    of(
                        id,
                        match placed(from, *number) {
                            None => format!("placed {name} at {start}"),
                            Some((old, _)) if old.tick != placement.tick => {
                                format!("moved {name} to {start}")
                            }
                            Some(_) => format!("length of {name} at {start}"),
                        },
                    )
                }
                PlacementChange::Remove(number) => match placed(from, *number) {
                    Some((old, name)) => of(id, format!("removed {name} at {}", at(old.tick))),
                    None => words,
                },
            }
        }
        StudioChange::Lane(target, change) => {
            let lane = format!("lane of {}", target_text(to, target));
            match change {
                LaneChange::Put(point) => format!("{lane}: point at {}", at(point.tick)),
                LaneChange::Remove(tick) => format!("{lane}: no point at {}", at(*tick)),
                _ => words,
            }
        }
        StudioChange::Transport(setting) => match setting {
            TransportSetting::Playing(true) => "playback started".into(),
            TransportSetting::Playing(false) => "playback stopped".into(),
            TransportSetting::Region(region) => format!("loop {}", range(*region, to)),
            _ => words,
        },
        StudioChange::Session(SessionSetting::TimeSignature(metre)) => {
            format!("metre {}/{}", metre.beats(), metre.unit())
        }
        StudioChange::Mixer(setting) => strip_by_name(setting, from, to, words),
        _ => words,
    }
}

fn track_words(
    change: &TrackChange,
    was_there: impl Fn(&Note) -> bool,
    to: &StudioState,
) -> Option<String> {
    Some(match change {
        TrackChange::Put(note) if was_there(note) => format!("changed {}", note_at(note, to)),
        TrackChange::Put(note) => note_at(note, to),
        TrackChange::Remove(tick, pitch) => {
            format!("no note {} at {}", pitch_name(*pitch), place(*tick, to))
        }
        TrackChange::Whole(track) => format!("a track of {} notes", track.len()),
        TrackChange::Set(_) => return None,
    })
}

/// A bus or layer group by its name instead of its number.
fn strip_by_name(
    setting: &MixerSetting,
    from: &StudioState,
    to: &StudioState,
    words: String,
) -> String {
    let bus = |studio: &StudioState, id| studio.mixer.bus(id).map(|it| it.name.to_string());
    let group =
        |studio: &StudioState, id| studio.mixer.layer_group(id).map(|it| it.name.to_string());
    let (number, name) = match setting {
        MixerSetting::AddBus(_, name) => return format!("new bus {name}"),
        MixerSetting::AddLayerGroup(_, name) => return format!("new layer group {name}"),
        MixerSetting::DeleteBus(id) => {
            return bus(from, *id).map_or(words, |name| format!("deleted bus {name}"));
        }
        MixerSetting::DeleteLayerGroup(id) => {
            return group(from, *id).map_or(words, |name| format!("deleted layer group {name}"));
        }
        MixerSetting::Bus(id, _) => (format!("mixer bus {id} "), bus(to, *id)),
        MixerSetting::LayerGroup(id, _) => (format!("mixer layer group {id} "), group(to, *id)),
        MixerSetting::Master(_) => return words,
    };
    match (words.strip_prefix(&number), name) {
        (Some(what), Some(name)) => format!("{name}: {what}"),
        _ => words,
    }
}

fn note_at(note: &Note, studio: &StudioState) -> String {
    format!("note {} at {}", pitch_name(note.pitch), place(note.tick, studio))
}

fn range(region: LoopRegion, studio: &StudioState) -> String {
    format!("{} to {}", place(region.start(), studio), place(region.end(), studio))
}

/// A position as bar and beat, and the ticks only if there are any.
fn place(tick: Ticks, studio: &StudioState) -> String {
    let place = bar_beat_tick(tick, &studio.session);
    place.strip_suffix(".000").unwrap_or(&place).to_owned()
}

fn after(tick: Ticks) -> Ticks {
    Ticks::new(tick.get() + 1).unwrap_or(tick)
}

#[cfg(test)]
mod tests {
    use imbolc_net::{
        protocol::Roster,
        studio::{
            BusId, BusSetting, ClipAction, ClipId, Name, PianoRollAction, PlacementAction,
            PlacementId, TransportAction,
        },
        util::quantity::{NoteLength, Pitch, Probability, Velocity},
    };

    use super::*;
    use crate::describe::change_texts;

    #[test]
    fn news_tell_places_in_bars_and_things_by_name() {
        let bass = InstrumentId(1);
        let mut studio = StudioState::starter();
        let name = |text| Name::new(text).unwrap();
        let note = Note {
            tick: Ticks::of(2400),
            pitch: Pitch::of(64),
            length: NoteLength::of(480),
            velocity: Velocity::of(100),
            probability: Probability::MAX,
        };
        let bus = BusId(1);
        let (clip, placement) = (ClipId(1), PlacementId(1));
        let region = LoopRegion::TWO_BARS;
        for (action, words) in [
            (NetworkAction::PianoRoll(bass, PianoRollAction::Add(note)), "1 Bass: note E4 at 2.2"),
            (
                NetworkAction::PianoRoll(
                    bass,
                    PianoRollAction::Velocity(note.tick, note.pitch, Velocity::of(80)),
                ),
                "1 Bass: changed note E4 at 2.2",
            ),
            (
                NetworkAction::Clip(bass, ClipAction::Capture { clip, name: name("Riff"), region }),
                "1 Bass: new clip Riff",
            ),
            (
                NetworkAction::Placement(
                    bass,
                    PlacementAction::Place { placement, clip, tick: Ticks::of(3840) },
                ),
                "1 Bass: placed Riff at 3.1",
            ),
            (
                NetworkAction::Placement(
                    bass,
                    PlacementAction::Move(placement, Ticks::of(7680 + 240)),
                ),
                "1 Bass: moved Riff to 5.1.240",
            ),
            (
                NetworkAction::Placement(bass, PlacementAction::Remove(placement)),
                "1 Bass: removed Riff at 5.1.240",
            ),
            (
                NetworkAction::PianoRoll(bass, PianoRollAction::Remove(note.tick, note.pitch)),
                "1 Bass: no note E4 at 2.2",
            ),
            (
                NetworkAction::Transport(TransportAction::Region(
                    LoopRegion::new(Ticks::of(1920), Ticks::of(3840)).unwrap(),
                )),
                "loop 2.1 to 3.1",
            ),
            (NetworkAction::Mixer(MixerSetting::AddBus(bus, name("Hall"))), "new bus Hall"),
            (NetworkAction::Mixer(MixerSetting::Bus(bus, BusSetting::Mute(true))), "Hall: mute on"),
            (NetworkAction::Mixer(MixerSetting::DeleteBus(bus)), "deleted bus Hall"),
        ] {
            let before = studio.clone();
            Studio::reduce(&mut studio, &action).unwrap();
            let told = change_texts(&before, &studio, &Roster::default());
            let told: Vec<_> = told.into_iter().map(|(_, what)| what).collect();
            assert_eq!(told, [words], "{action:?}");
        }
    }
}
