//! The transport: playing, recording, the start position and the loop.
//!
//! It holds the position where playback starts or stopped. The position during
//! playback is metering and must not enter the state.

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::common::{
        loop_region::LoopRegion,
        settings::{Settings, settings},
        studio_effect::StudioEffect,
    },
    util::quantity::Ticks,
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
        /// How often the music was started, stopped, located or replaced. A project does
        /// not keep it.
        generation: Generation(u64) = 0;
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

/// What the engine says of the transport. Only the engine may send it, and
/// [`Studio`](crate::studio::Studio) drops it if the transport has moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportReport {
    /// The generation of the transport that it answers.
    pub generation: u64,
    /// Where the music stopped.
    pub position: Ticks,
    /// Whether it stopped by itself, at the end of the arrangement.
    pub ended: bool,
}

impl Transport {
    /// Carries out a transport action.
    pub(in crate::studio) fn reduce(
        &mut self,
        action: TransportAction,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        let was_playing = self.playing;
        self.set(match action {
            TransportAction::Play => TransportSetting::Playing(true),
            TransportAction::Stop => TransportSetting::Playing(false),
            TransportAction::Locate(position) => TransportSetting::Position(position),
            TransportAction::Record(on) => TransportSetting::Recording(on),
            TransportAction::Loop(on) => TransportSetting::Looping(on),
            TransportAction::Region(region) => TransportSetting::Region(region),
        })?;
        let effect = match action {
            // A second Play from another participant must not restart the music.
            TransportAction::Play if !was_playing => Some(StudioEffect::Play),
            TransportAction::Stop if was_playing => Some(StudioEffect::Stop),
            TransportAction::Locate(position) => Some(StudioEffect::Locate(position)),
            _ => None,
        };
        if effect.is_some() {
            self.move_on();
        }
        Ok(effect.into_iter().collect())
    }

    /// Begins a new generation: what the engine answers to an earlier one is stale.
    pub(in crate::studio) const fn move_on(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Follows the engine. The generation stays: the engine is where it says.
    pub(in crate::studio) const fn follow(&mut self, report: &TransportReport) {
        self.position = report.position;
        self.playing &= !report.ended;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_play_and_stop_have_one_effect() {
        let mut transport = Transport::default();
        assert_eq!(transport.reduce(TransportAction::Play), Ok(vec![StudioEffect::Play]));
        assert_eq!(transport.reduce(TransportAction::Play), Ok(vec![]));
        assert_eq!(transport.reduce(TransportAction::Stop), Ok(vec![StudioEffect::Stop]));
        assert_eq!(transport.reduce(TransportAction::Stop), Ok(vec![]));
    }

    #[test]
    fn generation_grows_with_what_the_engine_is_told() {
        let mut transport = Transport { generation: u64::MAX - 1, ..Transport::default() };
        for (action, generation) in [
            (TransportAction::Play, u64::MAX),
            (TransportAction::Play, u64::MAX),
            (TransportAction::Locate(Ticks::MIN), 0),
            (TransportAction::Locate(Ticks::MIN), 1),
            (TransportAction::Record(true), 1),
            (TransportAction::Loop(true), 1),
            (TransportAction::Region(LoopRegion::TWO_BARS), 1),
            (TransportAction::Stop, 2),
            (TransportAction::Stop, 2),
        ] {
            transport.reduce(action).unwrap();
            assert_eq!(transport.generation, generation, "{action:?}");
        }
    }
}
