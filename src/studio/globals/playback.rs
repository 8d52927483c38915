//! Whether the music goes, from where, and which part of it repeats.
//!
//! It holds where the playhead starts and where it was left. Where it is while
//! it moves is metering, and no business of the state.

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

impl Transport {
    /// Starts, stops, goes somewhere, repeats.
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
            // Two who press play at the same moment do not restart the music.
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
    fn play_and_stop_pressed_twice_have_one_effect() {
        let mut transport = Transport::default();
        assert_eq!(transport.reduce(TransportAction::Play), Ok(vec![StudioEffect::Play]));
        assert_eq!(transport.reduce(TransportAction::Play), Ok(vec![]));
        assert_eq!(transport.reduce(TransportAction::Stop), Ok(vec![StudioEffect::Stop]));
        assert_eq!(transport.reduce(TransportAction::Stop), Ok(vec![]));
    }
}
