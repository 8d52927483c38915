//! The commands for the drum machine of the selected instrument; pads are counted from
//! 1.
//!
//! They read a view and return intents; they never touch a dispatcher.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        Action, ChainedPatterns, DrumAction, DrumMachine, DrumSetting, PadSetting, PadSound,
        PatternId, PatternSetting, SliceId,
    },
    util::quantity::{Amount, PadNumber, Pitch, SliceCount, StepCount, StepNumber},
};

use super::{NOTHING_SELECTED, called, named, number, one};
use crate::{intent::Intent, view::View, words};

type Meaning = Result<Vec<Intent>, String>;

/// `PAD HITS [ROTATION]`
pub(super) fn euclid(what: &str, view: &View) -> Meaning {
    let (pad, what) = pad(what)?;
    let (hits, rotation) = what.split_once(' ').unwrap_or((what, "0"));
    let hits = StepCount::new(number(hits, "a number of hits")?);
    let rotation = StepNumber::new(number(rotation, "a number of steps")?);
    let pattern = pattern(view)?;
    let hits = hits.map_err(|error| error.to_string())?;
    let rotation = rotation.map_err(|error| error.to_string())?;
    act(view, DrumAction::Euclid { pattern, pad, hits, rotation })
}

/// `on`, `off`, or the numbers of patterns
pub(super) fn chain(what: &str, view: &View) -> Meaning {
    match what {
        "on" => return set(view, DrumSetting::Chained(true)),
        "off" => return set(view, DrumSetting::Chained(false)),
        _ => {}
    }
    let (_, machine) = kit(view)?;
    let pattern = |id| {
        let id = PatternId(number(id, "the number of a pattern")?);
        machine.pattern(id).map(|_| id).ok_or_else(|| format!("there is no pattern {id}"))
    };
    let patterns: Vec<_> = what.split_whitespace().map(pattern).collect::<Result<_, _>>()?;
    let is_chain = !patterns.is_empty();
    let chain = ChainedPatterns::new(patterns).map_err(|error| error.to_string())?;
    let mut intents = set(view, DrumSetting::Chain(chain))?;
    intents.extend(set(view, DrumSetting::Chained(is_chain))?);
    Ok(intents)
}

/// `COUNT`
pub(super) fn slice(count: &str, view: &View) -> Meaning {
    let count = SliceCount::new(number(count, "a number of slices")?);
    act(view, DrumAction::Chop(count.map_err(|error| error.to_string())?))
}

/// `PAD`
pub(super) fn assign(what: &str, view: &View) -> Meaning {
    act(view, DrumAction::AssignSlices(pad(what)?.0))
}

/// `PAD NAME`
pub(super) fn name(what: &str, view: &View) -> Meaning {
    let (pad, name) = pad(what)?;
    set(view, DrumSetting::Pad(pad, PadSetting::Name(called(name)?)))
}

/// `PAD nothing|slice N|key INSTRUMENT NOTE`
pub(super) fn sound(what: &str, view: &View) -> Meaning {
    let (pad, what) = pad(what)?;
    let words: Vec<_> = what.split_whitespace().collect();
    let sound = match words[..] {
        ["nothing"] => PadSound::Nothing,
        ["slice", id] => PadSound::Slice(SliceId(number(id, "the number of a slice")?)),
        ["key", id, key] => {
            let id = InstrumentId(number(id, "the number of an instrument")?);
            PadSound::Instrument(id, pitch(key)?)
        }
        _ => return Err("a sound is nothing, slice 1, or key 2 C4".into()),
    };
    set(view, DrumSetting::Pad(pad, PadSetting::Sound(sound)))
}

/// `NAME`
pub(super) fn rename_pattern(name: &str, view: &View) -> Meaning {
    set_pattern(view, PatternSetting::Name(called(name)?))
}

/// `COUNT`
pub(super) fn steps(count: &str, view: &View) -> Meaning {
    let count = StepCount::new(number(count, "a number of steps")?);
    set_pattern(view, PatternSetting::Length(count.map_err(|error| error.to_string())?))
}

/// `NOTE VALUE`
pub(super) fn resolution(value: &str, view: &View) -> Meaning {
    set_pattern(view, PatternSetting::Resolution(named(value, "note value")?))
}

/// `PERCENT`
pub(super) fn swing(percent: &str, view: &View) -> Meaning {
    let percent: f32 = number(percent, "percent")?;
    let swing = Amount::new(percent / 100.0);
    set(view, DrumSetting::Swing(swing.map_err(|_| "swing is from 0 to 100 percent")?))
}

/// The drum machine of the selected instrument.
fn kit<'a>(view: &'a View) -> Result<(InstrumentId, &'a DrumMachine), String> {
    let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
    let machine = view.studio().drums.machine(id);
    let machine = machine.ok_or_else(|| format!("{id} {} is no drum kit", instrument.name))?;
    Ok((id, machine))
}

/// The current pattern.
fn pattern(view: &View) -> Result<PatternId, String> {
    kit(view)?.1.current().ok_or_else(|| "there is no pattern".into())
}

fn act(view: &View, action: DrumAction) -> Meaning {
    one(Action::Drums(kit(view)?.0, action))
}

fn set(view: &View, setting: DrumSetting) -> Meaning {
    act(view, DrumAction::Set(setting))
}

fn set_pattern(view: &View, setting: PatternSetting) -> Meaning {
    set(view, DrumSetting::Pattern(pattern(view)?, setting))
}

/// The pad number at the start of a line, and the rest of the line.
fn pad(line: &str) -> Result<(PadNumber, &str), String> {
    let (pad, rest) = line.split_once(' ').unwrap_or((line, ""));
    let pad: u8 = number(pad, "the number of a pad")?;
    let pad = pad.checked_sub(1).and_then(|pad| PadNumber::new(pad).ok());
    Ok((pad.ok_or("pads are numbered from 1 to 16")?, rest.trim()))
}

/// A pitch by its name (`C4`) or MIDI number.
fn pitch(name: &str) -> Result<Pitch, String> {
    let keys = (Pitch::MIN.get()..=Pitch::MAX.get()).filter_map(|key| Pitch::new(key).ok());
    let called = |key: &Pitch| {
        words::pitch(*key).eq_ignore_ascii_case(name) || key.get().to_string() == name
    };
    keys.into_iter().find(called).ok_or_else(|| format!("there is no key {name}"))
}
