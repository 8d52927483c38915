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
        Ok(match action {
            // A second Play from another participant must not restart the music.
            TransportAction::Play if !was_playing => vec![StudioEffect::Play],
            TransportAction::Stop if was_playing => vec![StudioEffect::Stop],
            TransportAction::Locate(position) => vec![StudioEffect::Locate(position)],
            _ => Vec::new(),
        })
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
}
