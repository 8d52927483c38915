//! The commands that create, capture and rename clips of the selected instrument.
//!
//! They read a view and return intents; they never touch a dispatcher.

use imbolc_net::{
    model::InstrumentId,
    studio::{ClipAction, ClipId, LoopRegion, NetworkAction, Part},
    util::quantity::NoteLength,
};

use super::{NOTHING_SELECTED, Parsed, parse_name, single, split_number};
use crate::{app::bar_beat_tick, view::View};

/// `NAME`
pub(super) fn capture(name: &str, view: &View) -> Parsed {
    let (id, clip) = free_clip(view)?;
    let (name, region) = (parse_name(name)?, capture_region(id, view)?);
    single(NetworkAction::Clip(id, ClipAction::Capture { clip, name, region }))
}

/// `NAME [BARS]`
pub(super) fn create(what: &str, view: &View) -> Parsed {
    let (id, clip) = free_clip(view)?;
    let bars = |(name, bars): (_, &str)| Some((name, bars.parse::<u32>().ok()?));
    let (name, bars) = what.rsplit_once(' ').and_then(bars).unwrap_or((what, 1));
    let bar = view.studio().session.time_signature.bar();
    let length = bars.checked_mul(bar).and_then(|length| NoteLength::new(length).ok());
    let length = length.ok_or_else(|| format!("a clip cannot have {bars} bars"))?;
    single(NetworkAction::Clip(id, ClipAction::Create { clip, name: parse_name(name)?, length }))
}

/// `CLIP NAME`
pub(super) fn rename(what: &str, view: &View) -> Parsed {
    let (id, _) = view.selected().ok_or(NOTHING_SELECTED)?;
    let (clip, name) = split_number(what, "a clip number")?;
    single(NetworkAction::Clip(id, ClipAction::Rename(ClipId(clip), parse_name(name)?)))
}

/// The selected instrument, and an unused clip id.
fn free_clip(view: &View) -> Result<(InstrumentId, ClipId), String> {
    let (id, _) = view.selected().ok_or(NOTHING_SELECTED)?;
    let part = view.studio().arrangement.part(id);
    Ok((id, part.map_or(ClipId(1), Part::free_clip)))
}

/// The region to capture: the loop of the track, or else that of the transport.
fn capture_region(id: InstrumentId, view: &View) -> Result<LoopRegion, String> {
    let studio = view.studio();
    let track = studio.piano_roll.track(id).ok_or(NOTHING_SELECTED)?;
    let with_all = studio.transport.looping && !track.looping;
    let region = if with_all { studio.transport.region } else { track.region };
    if track.starting(region.start(), region.end()).next().is_none() {
        let [start, end] =
            [region.start(), region.end()].map(|tick| bar_beat_tick(tick, &studio.session));
        return Err(format!("no notes from {start} to {end}: set a loop with l in the roll"));
    }
    Ok(region)
}
