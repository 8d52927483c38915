//! Which instruments are heard, and by which paths: mutes and solos.
//!
//! It must not know levels, notes or time.

use crate::{
    model::InstrumentId,
    studio::{
        instrument::{Instrument, Output},
        studio_state::StudioState,
    },
};

/// The mutes and solos in one state.
///
/// A path leads from an instrument through its layer group to the master: by the
/// output of the instrument or by one of its sends, through a bus or directly. It is
/// heard if none of these strips is muted and, with anything soloed, one of them is
/// soloed.
#[derive(Clone, Copy, Debug)]
pub struct Audibility<'a> {
    state: &'a StudioState,
    /// Whether an instrument, a layer group or a bus is soloed.
    any_solo: bool,
}

impl<'a> Audibility<'a> {
    /// The mutes and solos in `state`.
    #[must_use]
    pub fn of(state: &'a StudioState) -> Self {
        let any_solo = state.mixer.layer_groups().any(|(_, group)| group.solo)
            || state.mixer.buses().any(|(_, bus)| bus.solo)
            || state.instruments.iter().any(|(_, instrument)| instrument.solo);
        Self { state, any_solo }
    }

    /// Whether an instrument, a layer group or a bus is soloed.
    #[must_use]
    pub const fn any_solo(&self) -> bool {
        self.any_solo
    }

    /// Whether the path from `instrument` to `to`, its output or a send, is heard.
    #[must_use]
    pub fn hears(&self, instrument: &Instrument, to: Output) -> bool {
        let mixer = &self.state.mixer;
        let group = instrument.layer_group.and_then(|id| mixer.layer_group(id));
        let bus = match to {
            Output::Master => None,
            Output::Bus(id) => mixer.bus(id),
        };
        let group = group.map(|group| (group.mute, group.solo));
        let bus = bus.map(|bus| (bus.mute, bus.solo));
        let strips =
            || [Some((instrument.mute, instrument.solo)), group, bus].into_iter().flatten();
        let is_muted = strips().any(|(mute, _)| mute);
        !is_muted && (!self.any_solo || strips().any(|(_, solo)| solo))
    }

    /// The paths that are heard, by instrument.
    pub fn heard(&self) -> impl Iterator<Item = (InstrumentId, &'a Instrument, Output)> {
        let paths = self.state.instruments.iter().flat_map(|(id, instrument)| {
            let sends = instrument.sends.iter().map(|(bus, _)| Output::Bus(bus));
            std::iter::once(instrument.output).chain(sends).map(move |to| (id, instrument, to))
        });
        paths.filter(|(_, instrument, to)| self.hears(instrument, *to))
    }
}
