//! The pads whose samples may still play: a pad rings after its step, until it is choked or
//! cut.
//!
//! It knows neither how long a sample is nor when it was struck.

use std::collections::BTreeSet;

use super::played::PlaybackEvent;
use crate::{
    model::InstrumentId,
    studio::{Drums, PadSound, StudioState},
    util::quantity::PadNumber,
};

/// The ringing pads: at most those of the kits.
#[derive(Clone, Debug, Default)]
pub(super) struct RingingPads {
    pads: BTreeSet<(InstrumentId, PadNumber)>,
    /// The drum machines that all of them are known to be in.
    checked: Drums,
}

impl RingingPads {
    pub(super) fn strike(&mut self, kit: InstrumentId, pad: PadNumber) {
        self.pads.insert((kit, pad));
    }

    pub(super) fn choke(
        &mut self,
        kit: InstrumentId,
        pad: PadNumber,
        emit: &mut dyn FnMut(PlaybackEvent),
    ) {
        if self.pads.remove(&(kit, pad)) {
            emit(PlaybackEvent::PadOff { instrument: kit, pad });
        }
    }

    pub(super) fn cut(&mut self, emit: &mut dyn FnMut(PlaybackEvent)) {
        for (instrument, pad) in std::mem::take(&mut self.pads) {
            emit(PlaybackEvent::PadOff { instrument, pad });
        }
    }

    /// Cuts the pads that play no sample any more, or are gone.
    pub(super) fn follow(&mut self, state: &StudioState, emit: &mut dyn FnMut(PlaybackEvent)) {
        if self.pads.is_empty() || self.checked.is_same(&state.drums) {
            return;
        }
        self.checked = state.drums.clone();
        let is_gone = |(kit, pad): &(InstrumentId, PadNumber)| {
            let sound = state.drums.machine(*kit).map(|machine| machine.pad(*pad).sound);
            !matches!(sound, Some(PadSound::Sample(_) | PadSound::Slice(_)))
        };
        for (instrument, pad) in self.pads.extract_if(.., is_gone) {
            emit(PlaybackEvent::PadOff { instrument, pad });
        }
    }
}
