//! The strips of the buses and of the master, which are there as long as the server.

use std::collections::BTreeMap;

use imbolc_net::studio::{BusId, Chain, StudioState};

use super::{
    BUSES, MASTER, StripId,
    allocation::{AudioBuses, MASTER_METER, Numbers, bus_meter},
    files::KnownFiles,
    gains::{self, Gains},
    prepared::prepare_chain,
    rack::{Rack, RackPlace, StripParts},
    work::{Part, Work},
};
use crate::{
    sounds::{BusSignals, StripPart, Surroundings},
    synth_def::TooManyWires,
};

/// The strips of the mixer.
#[derive(Debug)]
pub(super) struct MixerStrips {
    audio: AudioBuses,
    numbers: Numbers,
    buses: BTreeMap<BusId, BusStrip>,
    master: Option<Rack>,
}

#[derive(Debug)]
struct BusStrip {
    number: u32,
    rack: Rack,
    /// The signal behind the effects, for instruments that play the bus and for side chains.
    tap: Part,
    stem: Option<Part>,
}

impl BusSignals for MixerStrips {
    fn signal_of(&self, bus: BusId) -> Option<u32> {
        self.buses.get(&bus).map(|own| self.audio.tap(own.number))
    }
}

impl MixerStrips {
    pub(super) const fn new(audio: AudioBuses) -> Self {
        Self { audio, numbers: Numbers::of_buses(), buses: BTreeMap::new(), master: None }
    }

    /// The first of the two audio buses that lead into a bus.
    pub(super) fn bus_of(&self, bus: BusId) -> Option<u32> {
        self.buses.get(&bus).map(|own| self.audio.bus(own.number))
    }

    pub(super) fn meters(&self) -> impl Iterator<Item = (StripId, u32)> + '_ {
        let buses = self.buses.iter().map(|(id, own)| (StripId::Bus(*id), bus_meter(own.number)));
        let master = self.master.iter().map(|_| (StripId::Master, MASTER_METER));
        master.chain(buses)
    }

    /// Makes all strips what they should be and returns whether nothing is missing.
    pub(super) fn follow(
        &mut self,
        work: &mut Work<'_>,
        parts: &StripParts,
        (state, stems): (&StudioState, &BTreeMap<StripId, u32>),
        (beat, files, offline): (f32, &mut KnownFiles, bool),
        fail: &mut dyn FnMut(TooManyWires),
    ) -> bool {
        let mut complete = self.follow_master(work, parts, state);
        let gone: Vec<_> =
            self.buses.keys().filter(|id| state.mixer.bus(**id).is_none()).copied().collect();
        for id in gone {
            if let Some(gone) = self.buses.remove(&id) {
                self.numbers.give_back(gone.number, work.now);
                gone.free(work);
            }
        }
        for (id, bus) in state.mixer.buses() {
            let gains = gains::bus(bus);
            if let Some(own) = self.buses.get_mut(&id) {
                own.rack.set_gains(work, gains);
            } else if let Some(new) = self.create_bus(work, parts, gains) {
                self.buses.insert(id, new);
            }
            if let (Some(own), Some(channel)) =
                (self.buses.get_mut(&id), stems.get(&StripId::Bus(id)))
            {
                match &mut own.stem {
                    Some(stem) => stem.update(work, &gains),
                    None => own.stem = own.rack.send(work, parts, *channel, gains),
                }
            }
        }
        // The chains come last: a side chain may read any bus.
        let (prepared, _) = files.build(work.output, |files| {
            let around = Surroundings { beat, files, buses: &*self, offline };
            let mut prepare = |chain: &Chain| prepare_chain(chain, &around, fail);
            let buses: Vec<_> =
                state.mixer.buses().map(|(id, bus)| (id, prepare(&bus.chain))).collect();
            (prepare(&state.mixer.master.chain), buses)
        });
        if let Some(master) = &mut self.master {
            complete &= master.follow(work, &prepared.0);
        }
        for (id, chain) in prepared.1 {
            if let Some(own) = self.buses.get_mut(&id) {
                complete &= own.rack.follow(work, &chain);
            }
        }
        complete
    }

    fn follow_master(
        &mut self,
        work: &mut Work<'_>,
        parts: &StripParts,
        state: &StudioState,
    ) -> bool {
        let gains = gains::master(&state.mixer.master);
        if let Some(master) = &mut self.master {
            master.set_gains(work, gains);
        } else {
            let place = RackPlace {
                parent: MASTER,
                bus: self.audio.master(),
                to: 0,
                meter: MASTER_METER,
                fader: StripPart::Output,
            };
            self.master = Rack::create(work, parts, place, gains);
        }
        self.master.is_some()
    }

    fn create_bus(
        &mut self,
        work: &mut Work<'_>,
        parts: &StripParts,
        gains: Gains,
    ) -> Option<BusStrip> {
        let number = self.numbers.take(work.now)?;
        let place = RackPlace {
            parent: BUSES,
            bus: self.audio.bus(number),
            to: self.audio.master(),
            meter: bus_meter(number),
            fader: StripPart::Fader,
        };
        let rack = Rack::create(work, parts, place, gains)?;
        let tap = rack.send(work, parts, self.audio.tap(number), [1.0; 2])?;
        Some(BusStrip { number, rack, tap, stem: None })
    }
}

impl BusStrip {
    fn free(self, work: &mut Work<'_>) {
        self.rack.free(work);
        self.tap.give_back(work);
        self.stem.into_iter().for_each(|part| part.give_back(work));
    }
}
