//! The strip of an instrument that sounds: its rack, the group of its voices, its sends.

use std::{collections::BTreeMap, sync::Arc};

use imbolc_net::{
    studio::{Audibility, BusId, Instrument, Output as InstrumentOutput, StudioState},
    util::time::Timestamp,
};

use super::{
    allocation::{AudioBuses, Block, INSTRUMENTS, MASTER, strip_meter},
    gains::{self, Gains},
    mixer_strips::MixerStrips,
    prepared::{PatchKey, PreparedInstrument},
    rack::{Rack, RackPlace, StripParts},
    work::{Part, Work, update_block},
};
use crate::{
    commands::{self, NodeId, Place},
    output::When,
    sounds::{StripPart, VoiceLife, VoiceSound},
};

/// The strip of an instrument.
#[derive(Debug)]
pub(super) struct InstrumentStrip {
    number: u32,
    rack: Rack,
    voices: NodeId,
    patches: BTreeMap<PatchKey, Patch>,
    sends: BTreeMap<BusId, Part>,
    stem: Option<Part>,
    /// The bus to which the fader leads.
    to: u32,
    /// When the last voice is over, with the effects; `None` while that is not known.
    pub(super) quiet_at: Option<Timestamp>,
}

/// A definition in use, with the parameters that its voices read.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) name: Arc<str>,
    pub(super) block: Block,
    pub(super) life: VoiceLife,
    values: Vec<f32>,
}

impl InstrumentStrip {
    pub(super) fn create(
        work: &mut Work<'_>,
        parts: &StripParts,
        audio: AudioBuses,
        number: u32,
    ) -> Option<Self> {
        let to = audio.master();
        let place = RackPlace {
            parent: INSTRUMENTS,
            bus: audio.strip(number),
            to,
            meter: strip_meter(number),
            fader: StripPart::Fader,
        };
        let rack = Rack::create(work, parts, place, [0.0; 2])?;
        let voices = work.nodes.next();
        work.batch.change(work.when, commands::new_group(voices, Place::HeadOf(rack.group)));
        Some(Self {
            number,
            rack,
            voices,
            patches: BTreeMap::new(),
            sends: BTreeMap::new(),
            stem: None,
            to,
            quiet_at: None,
        })
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) const fn voices(&self) -> NodeId {
        self.voices
    }

    pub(super) const fn bus(&self) -> u32 {
        self.rack.bus
    }

    pub(super) fn patch(&self, key: PatchKey) -> Option<&Patch> {
        self.patches.get(&key)
    }

    /// Makes voices and effects what they should be and returns whether nothing is missing.
    pub(super) fn follow(&mut self, work: &mut Work<'_>, prepared: &PreparedInstrument) -> bool {
        let mut complete = self.rack.follow(work, &prepared.effects);
        for (_, gone) in self.patches.extract_if(.., |key, _| !prepared.voices.contains_key(key)) {
            work.blocks.retire(gone.block);
        }
        for (key, sound) in &prepared.voices {
            complete &= self.follow_patch(work, *key, sound);
        }
        complete
    }

    fn follow_patch(&mut self, work: &mut Work<'_>, key: PatchKey, sound: &VoiceSound) -> bool {
        let built = &sound.built;
        if let Some(patch) =
            self.patches.get_mut(&key).filter(|patch| patch.name == built.definition.name)
        {
            patch.life = sound.life;
            update_block(work, patch.block, &mut patch.values, &built.values);
            return true;
        }
        // Its voices sound on with it as it is. Notes wait until the new one can be used.
        if let Some(old) = self.patches.remove(&key) {
            work.blocks.retire(old.block);
        }
        if !work.is_defined(built) {
            return false;
        }
        let Some(block) = work.blocks.take(built.values.len(), work.now) else { return false };
        if !built.values.is_empty() {
            work.batch.push(When::Now, commands::set_buses(block.first, &built.values));
        }
        let name = Arc::clone(&built.definition.name);
        let patch = Patch { name, block, life: sound.life, values: built.values.clone() };
        self.patches.insert(key, patch);
        true
    }

    /// Follows the gains of the output, the sends and the stem.
    pub(super) fn follow_gains(
        &mut self,
        work: &mut Work<'_>,
        parts: &StripParts,
        (state, audibility, instrument): (&StudioState, &Audibility<'_>, &Instrument),
        (mixer, audio, stem): (&MixerStrips, AudioBuses, Option<u32>),
    ) {
        let to = match instrument.output {
            InstrumentOutput::Master => Some(audio.master()),
            InstrumentOutput::Bus(id) => mixer.bus_of(id),
        };
        if let Some(to) = to.filter(|to| *to != self.to) {
            self.to = to;
            self.rack.lead_to(work, to);
        }
        let gains = gains::of_output(state, audibility, instrument);
        self.rack.set_gains(work, gains);
        if let Some(channel) = stem {
            self.follow_stem(work, parts, channel, gains);
        }
        let mut old = std::mem::take(&mut self.sends);
        for (bus, gains) in gains::sends(state, audibility, instrument) {
            let Some(to) = mixer.bus_of(bus) else { continue };
            let part = match old.remove(&bus) {
                Some(mut part) => {
                    part.update(work, &gains);
                    Some(part)
                }
                None => self.rack.send(work, parts, to, gains),
            };
            self.sends.extend(part.map(|part| (bus, part)));
        }
        for part in old.into_values() {
            part.free(work);
        }
    }

    fn follow_stem(&mut self, work: &mut Work<'_>, parts: &StripParts, to: u32, gains: Gains) {
        match &mut self.stem {
            Some(part) => part.update(work, &gains),
            None => self.stem = self.rack.send(work, parts, to, gains),
        }
    }

    /// Frees everything.
    pub(super) fn free(self, work: &mut Work<'_>) {
        self.rack.free(work);
        self.patches.into_values().for_each(|patch| work.blocks.retire(patch.block));
        self.sends.into_values().chain(self.stem).for_each(|part| part.give_back(work));
    }
}

/// The group into which the click goes.
pub(super) const CLICK: Place = Place::HeadOf(MASTER);
