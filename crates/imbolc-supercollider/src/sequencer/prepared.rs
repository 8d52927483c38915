//! The definitions of an instrument or a chain, and the values of their parameters: built when
//! the state changes, not when a note begins.

use std::collections::BTreeMap;

use imbolc_net::{
    model::InstrumentId,
    studio::{Chain, Effect, Instrument, SlotId, Source, StudioState},
    util::quantity::PadNumber,
};

use super::files::FileKey;
use crate::{
    sounds::{
        Surroundings, VoiceSound, build_effect, build_pad, build_voice, sounds_without_key, tail_of,
    },
    synth_def::{Built, TooManyWires},
};

/// Which voices of an instrument a definition makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PatchKey {
    /// Those of its keys.
    Keys,
    /// Those of a pad.
    Pad(PadNumber),
}

/// An effect of a chain.
#[derive(Clone, Debug)]
pub(super) struct PreparedEffect {
    pub(super) slot: SlotId,
    pub(super) bypass: bool,
    pub(super) built: Built,
    /// How many seconds it sounds on.
    tail: f32,
}

/// An instrument.
#[derive(Debug, Default)]
pub(super) struct PreparedInstrument {
    pub(super) voices: BTreeMap<PatchKey, VoiceSound>,
    pub(super) effects: Vec<PreparedEffect>,
    /// Whether it sounds without a key.
    pub(super) is_open: bool,
    /// Whether something in it depends on the tempo.
    pub(super) follows_tempo: bool,
    /// The files that it needs.
    pub(super) files: Vec<FileKey>,
}

impl PreparedInstrument {
    /// Prepares an instrument. A sound with too many wires is left out and passed to `fail`.
    pub(super) fn of(
        state: &StudioState,
        id: InstrumentId,
        instrument: &Instrument,
        surroundings: &Surroundings<'_>,
        fail: &mut dyn FnMut(TooManyWires),
    ) -> Self {
        let mut voices = BTreeMap::new();
        let mut add = |key, built: Result<VoiceSound, TooManyWires>| match built {
            Ok(voice) => drop(voices.insert(key, voice)),
            Err(error) => fail(error),
        };
        match (&instrument.source, state.drums.machine(id)) {
            (Source::DrumKit(kit), Some(machine)) => {
                for pad in pads() {
                    if let Some(voice) = build_pad(machine, pad, kit, instrument, surroundings) {
                        add(PatchKey::Pad(pad), voice);
                    }
                }
            }
            _ => {
                add(PatchKey::Keys, build_voice(instrument, surroundings));
            }
        }
        let lfo = &instrument.lfo;
        Self {
            voices,
            effects: prepare_chain(&instrument.chain, surroundings, fail),
            is_open: sounds_without_key(&instrument.source),
            follows_tempo: lfo.on && lfo.sync.is_some() || chain_follows_tempo(&instrument.chain),
            files: Vec::new(),
        }
    }

    /// How many seconds the effects sound on after the last voice.
    pub(super) fn tail(&self) -> f32 {
        self.effects.iter().filter(|effect| !effect.bypass).map(|effect| effect.tail).sum()
    }
}

/// Prepares the effects of a chain.
pub(super) fn prepare_chain(
    chain: &Chain,
    surroundings: &Surroundings<'_>,
    fail: &mut dyn FnMut(TooManyWires),
) -> Vec<PreparedEffect> {
    let prepare = |slot: &imbolc_net::studio::Slot| match build_effect(&slot.effect, surroundings) {
        Ok(built) => Some(PreparedEffect {
            slot: slot.id,
            bypass: slot.bypass,
            built,
            tail: tail_of(&slot.effect, surroundings),
        }),
        Err(error) => {
            fail(error);
            None
        }
    };
    chain.slots().iter().filter_map(prepare).collect()
}

/// Whether an effect of the chain depends on the tempo.
pub(super) fn chain_follows_tempo(chain: &Chain) -> bool {
    chain.slots().iter().any(|slot| match &slot.effect {
        Effect::Delay(delay) => delay.sync.is_some(),
        Effect::Tremolo(tremolo) => tremolo.sync.is_some(),
        _ => false,
    })
}

/// The pads of a drum kit.
pub(super) fn pads() -> impl Iterator<Item = PadNumber> {
    (0..16).filter_map(|pad| PadNumber::new(pad).ok())
}
