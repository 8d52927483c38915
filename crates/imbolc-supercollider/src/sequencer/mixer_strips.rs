//! The strips of the buses and of the master, which are there as long as the server.

use std::collections::BTreeMap;

use imbolc_net::{
    studio::{BusId, Chain, StudioState},
    util::time::Timestamp,
};

use super::{
    allocation::{AudioBuses, BUSES, MASTER, MASTER_METER, Numbers, bus_meter},
    files::{FileKey, KnownFiles},
    gains::{self, Gains},
    prepared::{PreparedEffect, prepare_chain},
    rack::{Rack, RackPlace, StripParts},
    sequencer_options::StripId,
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
    /// The number of each bus, with or without a strip.
    numbered: BTreeMap<BusId, u32>,
    buses: BTreeMap<BusId, BusStrip>,
    master: Option<Rack>,
    /// The effects of the master, and of each bus.
    chains: BTreeMap<Option<BusId>, Vec<PreparedEffect>>,
    /// The files that the effects ask for.
    files: Vec<FileKey>,
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
        self.numbered.get(&bus).map(|number| self.audio.tap(*number))
    }
}

impl MixerStrips {
    pub(super) fn new(audio: AudioBuses) -> Self {
        let (numbered, buses) = (BTreeMap::new(), BTreeMap::new());
        let numbers = Numbers::of_buses();
        Self {
            audio,
            numbers,
            numbered,
            buses,
            master: None,
            chains: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    /// Gives each bus a number, which it keeps. It has it before its strip, so that
    /// instruments can read and play a bus that is created with them.
    pub(super) fn number_buses(&mut self, state: &StudioState, now: Timestamp) {
        let Self { numbers, numbered, .. } = self;
        numbered.retain(|id, number| {
            let stays = state.mixer.bus(*id).is_some();
            if !stays {
                numbers.give_back(*number, now);
            }
            stays
        });
        for (id, _) in state.mixer.buses() {
            if !numbered.contains_key(&id) {
                numbered.extend(numbers.take(now).map(|number| (id, number)));
            }
        }
    }

    /// Takes over the numbers of the buses.
    pub(super) fn keep_numbers(&mut self, old: Self) {
        (self.numbers, self.numbered) = (old.numbers, old.numbered);
    }

    /// The first of the two audio buses that lead into a bus.
    pub(super) fn bus_of(&self, bus: BusId) -> Option<u32> {
        self.numbered.get(&bus).map(|number| self.audio.bus(*number))
    }

    /// Whether there is a master, to which instruments can lead.
    pub(super) const fn has_master(&self) -> bool {
        self.master.is_some()
    }

    /// Whether an effect asks for one of these files.
    pub(super) fn needs(&self, file: FileKey) -> bool {
        self.files.contains(&file)
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
        // One that was deleted and added again has another number.
        let Self { numbered, buses, .. } = self;
        for (_, gone) in buses.extract_if(.., |id, own| numbered.get(id) != Some(&own.number)) {
            gone.free(work);
        }
        for (id, bus) in state.mixer.buses() {
            let gains = gains::bus(bus);
            if let Some(own) = self.buses.get_mut(&id) {
                own.rack.set_gains(work, gains);
            } else {
                let new = work.at_once(|work| self.create_bus(work, parts, id, gains));
                complete &= new.is_some();
                self.buses.extend(new.map(|new| (id, new)));
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
        let (chains, asked) = files.build(work.output, |files| {
            let around = Surroundings { beat, files, buses: &*self, offline };
            let mut prepare = |id: Option<BusId>, chain: &Chain| {
                let old = self.chains.get(&id).map_or(&[][..], |old| old);
                (id, prepare_chain(chain, &around, old, fail))
            };
            let master = prepare(None, &state.mixer.master.chain);
            let buses = state.mixer.buses().map(|(id, bus)| prepare(Some(id), &bus.chain));
            std::iter::once(master).chain(buses).collect()
        });
        (self.chains, self.files) = (chains, asked);
        for (id, chain) in &self.chains {
            let rack = match id {
                None => self.master.as_mut(),
                Some(id) => self.buses.get_mut(id).map(|own| &mut own.rack),
            };
            if let Some(rack) = rack {
                complete &= rack.follow(work, chain);
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
            self.master = work.at_once(|work| Rack::create(work, parts, place, gains));
        }
        self.master.is_some()
    }

    fn create_bus(
        &self,
        work: &mut Work<'_>,
        parts: &StripParts,
        id: BusId,
        gains: Gains,
    ) -> Option<BusStrip> {
        let number = *self.numbered.get(&id)?;
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
