//! Whether the music goes, from where, and which part of it repeats.
//!
//! It holds where the playhead starts and where it was left. Where it is while
//! it moves is metering, and no business of the state.

use serde::{Deserialize, Serialize};

use super::{
    StudioEffect, StudioState,
    settings::{Settings, settings},
};
use crate::{
    model::Invalid,
    util::quantity::{NoteLength, Ticks},
};

settings! {
    /// Whether the music goes, and from where.
    #[derive(Copy)]
    Transport, TransportSetting {
        /// Whether it goes.
        playing: Playing(bool) = false;
        /// Whether what is played and turned while it goes is recorded, on the
        /// tracks and lanes that are armed.
        recording: Recording(bool) = false;
        /// Where the playhead starts, or was left.
        position: Position(Ticks) = Ticks::MIN;
        /// Whether the region repeats.
        looping: Looping(bool) = false;
        /// What repeats.
        region: Region(LoopRegion) = LoopRegion::TWO_BARS;
    }
}

/// What is done to the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransportAction {
    /// Starts the music, if it does not go yet.
    Play,
    /// Stops it, if it goes.
    Stop,
    /// Puts the playhead somewhere, whether it moves or not.
    Locate(Ticks),
    /// Whether what is played and turned while the music goes is recorded.
    Record(bool),
    /// Whether the region repeats.
    Loop(bool),
    /// What repeats.
    Region(LoopRegion),
}

pub(super) fn reduce(
    state: &mut StudioState,
    action: TransportAction,
) -> Result<Vec<StudioEffect>, Invalid> {
    let transport = &mut state.transport;
    let was_playing = transport.playing;
    transport.set(match action {
        TransportAction::Play => TransportSetting::Playing(true),
        TransportAction::Stop => TransportSetting::Playing(false),
        TransportAction::Locate(position) => TransportSetting::Position(position),
        TransportAction::Record(on) => TransportSetting::Recording(on),
        TransportAction::Loop(on) => TransportSetting::Looping(on),
        TransportAction::Region(region) => TransportSetting::Region(region),
    })?;
    Ok(match action {
        // Two who press play at the same moment do not restart the music.
        TransportAction::Play if !was_playing => vec![StudioEffect::Play],
        TransportAction::Stop if was_playing => vec![StudioEffect::Stop],
        TransportAction::Locate(position) => vec![StudioEffect::Locate(position)],
        _ => Vec::new(),
    })
}

/// A part of the piece, never empty: from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct LoopRegion {
    start: Ticks,
    end: Ticks,
}

/// A region would have ended before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region must end after it starts")]
pub struct BadRegion;

impl LoopRegion {
    /// The first two bars of common time.
    pub const TWO_BARS: Self = Self { start: Ticks::MIN, end: Ticks::of(2 * 4 * 480) };

    /// From `start` up to, and without, `end`.
    ///
    /// # Errors
    /// If `end` is not after `start`.
    pub fn new(start: Ticks, end: Ticks) -> Result<Self, BadRegion> {
        if start < end { Ok(Self { start, end }) } else { Err(BadRegion) }
    }

    /// Its first tick.
    #[must_use]
    pub const fn start(self) -> Ticks {
        self.start
    }

    /// The first tick after it.
    #[must_use]
    pub const fn end(self) -> Ticks {
        self.end
    }

    /// Whether `tick` is in it.
    #[must_use]
    pub fn contains(self, tick: Ticks) -> bool {
        (self.start..self.end).contains(&tick)
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> NoteLength {
        // It is at least one tick and at most all of time.
        NoteLength::new(self.end.get() - self.start.get()).unwrap_or(NoteLength::MAX)
    }
}

/// How a region is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    start: Ticks,
    end: Ticks,
}

impl TryFrom<Bounds> for LoopRegion {
    type Error = BadRegion;

    fn try_from(bounds: Bounds) -> Result<Self, BadRegion> {
        Self::new(bounds.start, bounds.end)
    }
}

impl From<LoopRegion> for Bounds {
    fn from(region: LoopRegion) -> Self {
        Self { start: region.start, end: region.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn play_and_stop_pressed_twice_have_one_effect() {
        let mut state = StudioState::default();
        assert_eq!(reduce(&mut state, TransportAction::Play), Ok(vec![StudioEffect::Play]));
        assert_eq!(reduce(&mut state, TransportAction::Play), Ok(vec![]));
        assert_eq!(reduce(&mut state, TransportAction::Stop), Ok(vec![StudioEffect::Stop]));
        assert_eq!(reduce(&mut state, TransportAction::Stop), Ok(vec![]));
    }

    #[test]
    fn an_empty_or_reversed_region_is_refused_from_the_wire_too() {
        assert_eq!(LoopRegion::new(Ticks::of(5), Ticks::of(5)), Err(BadRegion));
        assert!(serde_json::from_str::<LoopRegion>(r#"{"start":9,"end":3}"#).is_err());
    }
}
