//! Makes the server sound like the state with the values of its lanes.
//!
//! It must not know notes.

use std::collections::BTreeSet;

use imbolc_net::{
    model::InstrumentId,
    studio::{Audibility, DrumMachine, Instrument, InstrumentParameter, Target},
    util::time::Timestamp,
};

use super::{
    Sequencer, ServerSide, beat,
    prepared::{PreparedInstrument, pads},
    sequencer_options::StripId,
    work::Work,
};
use crate::{
    output::{Output, When},
    sounds::Surroundings,
};

impl Sequencer {
    /// Applies the values of the lanes to the given state, and follows the changes.
    pub(super) fn hear(&mut self, now: Timestamp, output: Option<&mut dyn Output>) {
        let mut heard = self.given.clone();
        for (target, value) in &self.lanes {
            heard.move_to(*target, *value);
        }
        let old = std::mem::replace(&mut self.heard, heard);
        let Some(output) = output.filter(|_| self.server.has_begun) else { return };
        let when = self.batch.after(now);
        let new = &self.heard;
        self.server.mixer.number_buses(new, now);
        // An instrument that a lane has moved is not shared, even if it is equal.
        let differs = |(id, now): (InstrumentId, Option<&Instrument>)| {
            (old.instruments.get(id) != now).then_some(id)
        };
        let mut changed: BTreeSet<_> =
            old.instruments.changed(&new.instruments).filter_map(differs).collect();
        let gains = !changed.is_empty();
        if !old.drums.is_same(&new.drums) {
            let same_pads = |id, machine: &DrumMachine| {
                old.drums.machine(id).is_some_and(|old| {
                    std::ptr::eq(old, machine)
                        || pads().all(|pad| old.pad(pad) == machine.pad(pad))
                            && old.chopper() == machine.chopper()
                })
            };
            let machines = new.drums.machines();
            changed.extend(machines.filter(|(id, own)| !same_pads(*id, own)).map(|(id, _)| id));
        }
        let mixer = old.mixer != new.mixer;
        let tempo = old.session.tempo != new.session.tempo;
        if tempo {
            changed.extend(self.tempo_followers());
        }
        for id in changed {
            self.prepare(id, when, now, output);
        }
        if mixer || tempo {
            self.follow_mixer(when, now, output);
        }
        if mixer || gains {
            self.follow_all_gains(when, now, output);
        }
        self.forget_unneeded_files();
        self.batch.send(output);
    }

    fn tempo_followers(&self) -> Vec<InstrumentId> {
        let prepared = self.server.prepared.iter();
        prepared.filter(|(_, own)| own.follows_tempo).map(|(id, _)| *id).collect()
    }

    /// Prepares an instrument, asks for its definitions and files, and follows it if it has a
    /// strip.
    pub(super) fn prepare(
        &mut self,
        id: InstrumentId,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let Self { heard, server, troubles, options, .. } = self;
        let Some(instrument) = heard.instruments.get(id) else {
            server.prepared.remove(&id);
            self.held.retain(|(of, _), _| *of != id);
            self.remove_strip(id, now, output);
            return;
        };
        let buses = &server.mixer;
        let old = server.prepared.remove(&id);
        let (mut prepared, files) = server.files.build(output, |files| {
            let around = Surroundings { beat: beat(heard), files, buses, offline: options.offline };
            PreparedInstrument::of(heard, (id, instrument), &around, old.as_ref(), &mut |error| {
                troubles.say(format!("{}: {error}", instrument.name));
            })
        });
        prepared.files = files;
        let voices = prepared.voices.values().map(|voice| &voice.built);
        for built in voices.chain(prepared.effects.iter().map(|effect| &effect.built)) {
            output.define(&built.definition);
        }
        self.server.prepared.insert(id, prepared);
        self.follow_strip(id, when, now, output);
    }

    /// Files that no sound needs any more are not missing.
    fn forget_unneeded_files(&mut self) {
        let ServerSide { files, prepared, mixer, .. } = &mut self.server;
        files.keep_missing(|file| {
            mixer.needs(file) || prepared.values().any(|own| own.files.contains(&file))
        });
    }

    /// Follows a lane that has moved a parameter. `beat` is that before.
    pub(super) fn follow_lane(
        &mut self,
        target: Target,
        beat_before: f32,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        use InstrumentParameter::{Level, Mute, Pan, Sends, Solo};

        if let Target::Instrument(_, Solo) = target {
            self.follow_all_gains(when, now, output);
        } else if let Target::Instrument(id, Level | Pan | Mute | Sends(_)) = target {
            self.follow_gains([id], when, now, output);
        } else if let Some(id) = target.instrument() {
            self.prepare(id, when, now, output);
        } else if matches!(target, Target::Session(_)) {
            if beat(&self.heard).to_bits() != beat_before.to_bits() {
                for id in self.tempo_followers() {
                    self.prepare(id, when, now, output);
                }
                self.follow_mixer(when, now, output);
            }
        } else {
            self.follow_mixer(when, now, output);
            self.follow_all_gains(when, now, output);
        }
    }

    fn follow_all_gains(&mut self, when: When, now: Timestamp, output: &mut dyn Output) {
        let ids: Vec<_> = self.server.strips.keys().copied().collect();
        self.follow_gains(ids, when, now, output);
    }

    /// Follows the gains of instruments.
    pub(super) fn follow_gains(
        &mut self,
        ids: impl IntoIterator<Item = InstrumentId>,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let Self { heard, server, batch, options, audio, .. } = self;
        let ServerSide { nodes, blocks, strips, parts: Some(parts), mixer, .. } = server else {
            return;
        };
        let mut work = Work { nodes, blocks, batch, output, now, when };
        let audibility = Audibility::of(heard);
        for id in ids {
            if let (Some(strip), Some(instrument)) =
                (strips.get_mut(&id), heard.instruments.get(id))
            {
                let stem = options.stems.get(&StripId::Instrument(id)).copied();
                let heard = (&*heard, &audibility, instrument);
                strip.follow_gains(&mut work, parts, heard, (mixer, *audio, stem));
            }
        }
    }

    pub(super) fn follow_strip(
        &mut self,
        id: InstrumentId,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let Self { server, batch, .. } = self;
        let (Some(strip), Some(prepared)) = (server.strips.get_mut(&id), server.prepared.get(&id))
        else {
            return;
        };
        let (nodes, blocks) = (&mut server.nodes, &mut server.blocks);
        let mut work = Work { nodes, blocks, batch, output, now, when };
        if !strip.follow(&mut work, prepared) {
            server.incomplete.insert(StripId::Instrument(id));
        }
    }

    pub(super) fn follow_mixer(&mut self, when: When, now: Timestamp, output: &mut dyn Output) {
        let Self { heard, server, batch, options, troubles, .. } = self;
        let ServerSide { nodes, blocks, parts: Some(parts), mixer, files, .. } = server else {
            return;
        };
        let mut work = Work { nodes, blocks, batch, output, now, when };
        let complete = parts.are_defined(&mut work)
            && mixer.follow(
                &mut work,
                parts,
                (heard, &options.stems),
                (beat(heard), files, options.offline),
                &mut |error| troubles.say(error.to_string()),
            );
        if !complete {
            server.incomplete.insert(StripId::Master);
        }
    }
}
