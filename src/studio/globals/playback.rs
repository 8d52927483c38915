//! The transport: playing, recording, the start position and the loop.
//!
//! It holds the position where playback starts or stopped. The position during
//! playback is metering and must not enter the state.

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::{
        StudioEffect, StudioState,
        common::settings::{Settings, settings},
    },
    util::quantity::{NoteLength, Ticks},
};

settings! {
    /// The state of the transport.
    #[derive(Copy)]
    Transport, TransportSetting {
        /// Whether the music plays.
        playing: Playing(bool) = false;
        /// Whether played keys and moved controls are recorded on armed tracks
        /// and lanes during playback.
        recording: Recording(bool) = false;
        /// The position where playback starts, or where it stopped.
        position: Position(Ticks) = Ticks::MIN;
        /// Whether the region repeats.
        looping: Looping(bool) = false;
        /// The region that repeats.
        region: Region(LoopRegion) = LoopRegion::TWO_BARS;
    }
}

/// A transport command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransportAction {
    /// Starts playback. Without effect during playback.
    Play,
    /// Stops playback. Without effect if it is stopped.
    Stop,
    /// Moves the playhead, also during playback.
    Locate(Ticks),
    /// Turns recording on or off.
    Record(bool),
    /// Turns the loop on or off.
    Loop(bool),
    /// Sets the region that repeats.
    Region(LoopRegion),
}

pub(in crate::studio) fn reduce(
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
        // A second Play from another participant must not restart the music.
        TransportAction::Play if !was_playing => vec![StudioEffect::Play],
        TransportAction::Stop if was_playing => vec![StudioEffect::Stop],
        TransportAction::Locate(position) => vec![StudioEffect::Locate(position)],
        _ => Vec::new(),
    })
}

/// A non-empty region of the piece: from `start`, inclusive, to `end`,
/// exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bounds", into = "Bounds")]
pub struct LoopRegion {
    start: Ticks,
    end: Ticks,
}

/// The end of a region is not after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a region must end after it starts")]
pub struct BadRegion;

impl LoopRegion {
    /// The first two bars of 4/4.
    pub const TWO_BARS: Self = Self { start: Ticks::MIN, end: Ticks::of(2 * 4 * 480) };

    /// The region from `start`, inclusive, to `end`, exclusive.
    ///
    /// # Errors
    /// [`BadRegion`] unless `start` is less than `end`.
    pub fn new(start: Ticks, end: Ticks) -> Result<Self, BadRegion> {
        if start < end { Ok(Self { start, end }) } else { Err(BadRegion) }
    }

    /// The first tick.
    #[must_use]
    pub const fn start(self) -> Ticks {
        self.start
    }

    /// The first tick after the region.
    #[must_use]
    pub const fn end(self) -> Ticks {
        self.end
    }

    /// Whether `tick` lies in the region.
    #[must_use]
    pub fn contains(self, tick: Ticks) -> bool {
        (self.start..self.end).contains(&tick)
    }

    /// The length in ticks.
    #[must_use]
    pub fn length(self) -> NoteLength {
        // The difference of two ticks is always a valid length.
        NoteLength::new(self.end.get() - self.start.get()).unwrap_or(NoteLength::MAX)
    }
}

/// The serialized form of a [`LoopRegion`].
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
    fn repeated_play_and_stop_have_one_effect() {
        let mut state = StudioState::default();
        assert_eq!(reduce(&mut state, TransportAction::Play), Ok(vec![StudioEffect::Play]));
        assert_eq!(reduce(&mut state, TransportAction::Play), Ok(vec![]));
        assert_eq!(reduce(&mut state, TransportAction::Stop), Ok(vec![StudioEffect::Stop]));
        assert_eq!(reduce(&mut state, TransportAction::Stop), Ok(vec![]));
    }

    #[test]
    fn empty_or_reversed_region_is_not_deserialized() {
        assert_eq!(LoopRegion::new(Ticks::of(5), Ticks::of(5)), Err(BadRegion));
        assert!(serde_json::from_str::<LoopRegion>(r#"{"start":9,"end":3}"#).is_err());
    }
}
