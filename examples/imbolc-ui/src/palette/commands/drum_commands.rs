//! The commands for the drum machine of the selected instrument; pads are counted from
//! 1.
//!
//! They read a view and return intents; they never touch a dispatcher.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        ChainedPatterns, DrumAction, DrumMachine, DrumSetting, NetworkAction, PadSetting, PadSound,
        PatternId, PatternSetting, SliceId,
    },
    util::quantity::{PadNumber, SliceCount, StepCount, StepNumber},
};

use super::{NOTHING_SELECTED, Parsed, parse_name, parse_number, parse_value, single};
use crate::{palette::names::is_name, view::View};

/// `PAD HITS [ROTATION]`
pub(super) fn euclid(what: &str, view: &View) -> Parsed {
    let (pad, what) = split_pad(what)?;
    let (hits, rotation) = what.split_once(' ').unwrap_or((what, "0"));
    let hits: StepCount = parse_value(hits, "hits")?;
    let rotation: StepNumber = parse_value(rotation, "the rotation")?;
    let pattern = current_pattern(view)?;
    drum_action(view, DrumAction::Euclid { pattern, pad, hits, rotation })
}

/// `on`, `off`, or the numbers of patterns
pub(super) fn set_chain(what: &str, view: &View) -> Parsed {
    for (name, on) in [("on", true), ("off", false)] {
        if is_name(what, name) {
            return drum_setting(view, DrumSetting::Chained(on));
        }
    }
    let (_, machine) = selected_machine(view)?;
    let pattern = |id| {
        let id = PatternId(parse_number(id, "a pattern number")?);
        machine.pattern(id).map(|_| id).ok_or_else(|| format!("no pattern {id}"))
    };
    let patterns: Vec<_> = what.split_whitespace().map(pattern).collect::<Result<_, _>>()?;
    let is_chain = !patterns.is_empty();
    let chain = ChainedPatterns::new(patterns).map_err(|error| error.to_string())?;
    let mut intents = drum_setting(view, DrumSetting::Chain(chain))?;
    intents.extend(drum_setting(view, DrumSetting::Chained(is_chain))?);
    Ok(intents)
}

/// `COUNT`
pub(super) fn chop(count: &str, view: &View) -> Parsed {
    let count: SliceCount = parse_value(count, "slices")?;
    drum_action(view, DrumAction::Chop(count))
}

/// `PAD`
pub(super) fn assign_slices(what: &str, view: &View) -> Parsed {
    drum_action(view, DrumAction::AssignSlices(split_pad(what)?.0))
}

/// `PAD NAME`
pub(super) fn name_pad(what: &str, view: &View) -> Parsed {
    let (pad, name) = split_pad(what)?;
    drum_setting(view, DrumSetting::Pad(pad, PadSetting::Name(parse_name(name)?)))
}

/// `PAD nothing|slice N|key INSTRUMENT NOTE`
pub(super) fn set_pad_sound(what: &str, view: &View) -> Parsed {
    let (pad, what) = split_pad(what)?;
    let parts: Vec<_> = what.split_whitespace().collect();
    let sound = match parts[..] {
        [word] if is_name(word, "nothing") => PadSound::Nothing,
        [word, id] if is_name(word, "slice") => {
            PadSound::Slice(SliceId(parse_number(id, "a slice number")?))
        }
        [word, id, key] if is_name(word, "key") => {
            let id = InstrumentId(parse_number(id, "an instrument number")?);
            PadSound::Instrument(id, parse_value(key, "a key")?)
        }
        _ => return Err("write a sound like: nothing, slice 1, key 2 C4".into()),
    };
    drum_setting(view, DrumSetting::Pad(pad, PadSetting::Sound(sound)))
}

/// `NAME`
pub(super) fn rename_pattern(name: &str, view: &View) -> Parsed {
    pattern_setting(view, PatternSetting::Name(parse_name(name)?))
}

/// `COUNT`
pub(super) fn set_length(count: &str, view: &View) -> Parsed {
    let count: StepCount = parse_value(count, "steps")?;
    pattern_setting(view, PatternSetting::Length(count))
}

/// `NOTE VALUE`
pub(super) fn set_resolution(value: &str, view: &View) -> Parsed {
    pattern_setting(view, PatternSetting::Resolution(parse_value(value, "the resolution")?))
}

/// `PERCENT`
pub(super) fn set_swing(percent: &str, view: &View) -> Parsed {
    drum_setting(view, DrumSetting::Swing(parse_value(percent, "swing")?))
}

/// The drum machine of the selected instrument.
fn selected_machine<'a>(view: &'a View) -> Result<(InstrumentId, &'a DrumMachine), String> {
    let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
    let machine = view.studio().drums.machine(id);
    let machine = machine.ok_or_else(|| format!("{id} {} is not a drum kit", instrument.name))?;
    Ok((id, machine))
}

/// The current pattern.
fn current_pattern(view: &View) -> Result<PatternId, String> {
    selected_machine(view)?.1.current().ok_or_else(|| "no pattern".into())
}

fn drum_action(view: &View, action: DrumAction) -> Parsed {
    single(NetworkAction::Drums(selected_machine(view)?.0, action))
}

fn drum_setting(view: &View, setting: DrumSetting) -> Parsed {
    drum_action(view, DrumAction::Set(setting))
}

fn pattern_setting(view: &View, setting: PatternSetting) -> Parsed {
    drum_setting(view, DrumSetting::Pattern(current_pattern(view)?, setting))
}

/// The pad number at the start of a line, and the rest of the line.
fn split_pad(line: &str) -> Result<(PadNumber, &str), String> {
    let (pad, rest) = line.split_once(' ').unwrap_or((line, ""));
    let pad: u8 = parse_number(pad, "a pad number")?;
    let pad = pad.checked_sub(1).and_then(|pad| PadNumber::new(pad).ok());
    Ok((pad.ok_or("pads are numbered from 1 to 16")?, rest.trim()))
}
