//! Changes in the words of a musician: bars and beats instead of ticks, names instead of
//! ids.
//!
//! It reads two states; what it does not know keeps its names on the wire.

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        ClipChange, InstrumentAction, LaneChange, LoopRegion, MixerSetting, Name, NetworkAction,
        Note, Placement, PlacementChange, SessionSetting, Studio, StudioChange, StudioState,
        TrackChange, TransportSetting,
    },
    util::quantity::Ticks,
};

use super::{action_text, instrument_label, target_text};
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
            format!("{}: play {}", instrument_label(studio, *id), pitch)
        }
        action => action_text(studio, action),
    }
}

/// A change from `from` to `to`, or `words` if its names on the wire say it well enough.
pub(super) fn musical_words(
    change: &StudioChange,
    from: &StudioState,
    to: &StudioState,
    words: String,
) -> String {
    let of = |id: &InstrumentId, what| format!("{}: {what}", instrument_label(to, *id));
    let musical = match change {
        StudioChange::PianoRoll(id, change) => {
            let track = from.piano_roll.track(*id);
            let was_there = |note: &Note| {
                track.is_some_and(|track| {
                    let mut there = track.starting(note.tick, after(note.tick));
                    there.any(|other| other.pitch == note.pitch)
                })
            };
            track_words(change, was_there, to).map(|what| of(id, what))
        }
        StudioChange::Clip(id, clip, change) => {
            let name = |studio: &StudioState| {
                let clip = studio.arrangement.part(*id)?.clip(*clip)?;
                Some(format!("clip {}", clip.name))
            };
            clip_words(change, name(from), name(to), to).map(|what| of(id, what))
        }
        StudioChange::Placement(id, change) => {
            let placed = |studio: &StudioState, number| {
                let part = studio.arrangement.part(*id)?;
                let placement = *part.placement(number)?;
                Some((placement, part.clip(placement.clip)?.name.clone()))
            };
            let what = match change {
                PlacementChange::Put(number, _) => {
                    placement_words(placed(from, *number), placed(to, *number), to)
                }
                PlacementChange::Remove(number) => placement_words(placed(from, *number), None, to),
            };
            what.map(|what| of(id, what))
        }
        StudioChange::Lane(target, change) => {
            let lane = target_text(to, target);
            match change {
                LaneChange::Put(point) => {
                    Some(format!("lane of {lane}: point at {}", place(point.tick, to)))
                }
                LaneChange::Remove(tick) => {
                    Some(format!("lane of {lane}: no point at {}", place(*tick, to)))
                }
                _ => None,
            }
        }
        StudioChange::Transport(TransportSetting::Playing(true)) => Some("playback started".into()),
        StudioChange::Transport(TransportSetting::Playing(false)) => {
            Some("playback stopped".into())
        }
        StudioChange::Transport(TransportSetting::Region(region)) => {
            Some(format!("loop {}", range(*region, to)))
        }
        StudioChange::Session(SessionSetting::TimeSignature(metre)) => {
            Some(format!("metre {}/{}", metre.beats(), metre.unit()))
        }
        StudioChange::Mixer(setting) => return strip_by_name(setting, from, to, words),
        _ => None,
    };
    musical.unwrap_or(words)
}

/// A change of a clip that was called `old` and is called `new`, if it exists.
fn clip_words(
    change: &ClipChange,
    old: Option<String>,
    new: Option<String>,
    to: &StudioState,
) -> Option<String> {
    let is_new = old.is_none();
    let name = new.or(old)?;
    Some(match change {
        ClipChange::Whole(_) if is_new => format!("new {name}"),
        ClipChange::Gone => format!("deleted {name}"),
        ClipChange::Put(note) => format!("{} in {name}", note_at(note, to)),
        ClipChange::Remove(tick, pitch) => {
            format!("no note {pitch} at {} in {name}", place(*tick, to))
        }
        ClipChange::Set(_) | ClipChange::Whole(_) => format!("changed {name}"),
    })
}

/// A change of a placement from `old` to `new`, each with the name of its clip, if it
/// exists.
fn placement_words(
    old: Option<(Placement, Name)>,
    new: Option<(Placement, Name)>,
    to: &StudioState,
) -> Option<String> {
    let at = |placement: Placement| place(placement.tick, to);
    Some(match (old, new) {
        (None, Some((new, name))) => format!("placed {name} at {}", at(new)),
        (Some((old, _)), Some((new, name))) if old.tick != new.tick => {
            format!("moved {name} to {}", at(new))
        }
        (Some(_), Some((new, name))) => format!("length of {name} at {}", at(new)),
        (Some((old, name)), None) => format!("removed {name} at {}", at(old)),
        (None, None) => return None,
    })
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
            format!("no note {pitch} at {}", place(*tick, to))
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
    format!("note {} at {}", note.pitch, place(note.tick, studio))
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
            BusId, BusSetting, ClipAction, ClipId, PianoRollAction, PlacementAction, PlacementId,
            TransportAction,
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
            (NetworkAction::Transport(TransportAction::Play), "playback started"),
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
