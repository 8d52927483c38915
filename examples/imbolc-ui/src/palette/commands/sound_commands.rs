//! The commands that read and write files of sound, on the machine that makes the sound.
//!
//! They read a view and return intents; they never touch a file.

use std::path::{Path, PathBuf};

use imbolc_net::{dispatcher::Status, studio::BusId, util::quantity::PadNumber};

use super::{NOTHING_SELECTED, Parsed, parse_number, selected_instrument, single};
use crate::{
    intent::Intent, palette::names::is_name, parameters::Place, samples::SampleSlot, view::View,
};

/// The file that is rendered if no other is named.
const DEFAULT_FILE: &str = "mix.wav";

/// `[FILE] [BAR BAR]`
pub(super) fn bounce(what: &str, view: &View) -> Parsed {
    host_only(view, "render", "")?;
    let words: Vec<_> = what.split(' ').filter(|word| !word.is_empty()).collect();
    let number = |word: &&str| word.parse::<u32>().ok();
    let numbers: Vec<_> = words.iter().rev().map_while(number).take(2).collect();
    let (bars, rest) = match numbers[..] {
        [] => (None, what),
        [to, from] if from == 0 || to < from => {
            return Err(format!("no bars {from} to {to}: they count from 1"));
        }
        [to, from] => {
            let mut words = what.rsplitn(3, ' ');
            (Some([from, to]), words.nth(2).unwrap_or_default().trim_end())
        }
        _ => return Err(format!("write the first and the last bar: bounce {DEFAULT_FILE} 1 8")),
    };
    let file = file_at(if rest.is_empty() { DEFAULT_FILE } else { rest });
    match file.extension() {
        Some(kind) if !kind.eq_ignore_ascii_case("wav") => Err("only WAV is written".into()),
        Some(_) => single(Intent::Bounce { file, bars }),
        None => single(Intent::Bounce { file: file.with_extension("wav"), bars }),
    }
}

/// `[PAD] FILE`
pub(super) fn sample(what: &str, view: &View) -> Parsed {
    host_only(view, "choose a file", ", where the files are")?;
    let id = selected_instrument(view)?;
    let of_kit = view.studio().drums.machine(id).is_some();
    let numbered = what.split_once(' ').filter(|_| of_kit).and_then(|(pad, file)| {
        let pad = pad.parse::<u8>().ok()?.checked_sub(1)?;
        Some((PadNumber::new(pad).ok()?, file))
    });
    let (pad, file) = numbered.map_or((None, what), |(pad, file)| (Some(pad), file.trim()));
    choose(SampleSlot::of(id, pad, view.studio())?, file)
}

/// `[bus BUS|master] FILE`
pub(super) fn impulse(what: &str, view: &View) -> Parsed {
    host_only(view, "choose a file", ", where the files are")?;
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    let (place, file) = match rest.trim().split_once(' ') {
        Some((bus, file)) if is_name(first, "bus") => {
            (Place::Bus(BusId(parse_number(bus, super::BUS)?)), file)
        }
        _ if is_name(first, "master") && !rest.is_empty() => (Place::Master, rest),
        _ => (Place::Instrument(view.selected().ok_or(NOTHING_SELECTED)?.0), what),
    };
    choose(SampleSlot::impulse(place, view.studio())?, file.trim())
}

fn choose(slot: SampleSlot, file: &str) -> Parsed {
    if file.is_empty() {
        return Err("write the path of a WAV file".into());
    }
    single(Intent::ChooseFile { file: file_at(file), slot })
}

/// Refuses a command that only the machine with the sound can do.
fn host_only(view: &View, what: &str, why: &str) -> Result<(), String> {
    match view.status {
        Status::Alone | Status::Hosting { .. } => Ok(()),
        _ => Err(format!("only the host can {what}{why}")),
    }
}

/// A path as a user types it: `~/` is the home directory.
fn file_at(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.into(),
    }
}
