//! The definitions of an instrument or a chain, and the values of their parameters: built when
//! the state changes, not when a note begins.

use std::collections::BTreeMap;

use imbolc_net::{
    model::InstrumentId,
    studio::{
        Chain, Channels, Effect, Envelope, Filter, Instrument, Lfo, Slot, SlotId, Source,
        StudioState,
    },
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
    /// What it was built from, if that is all that it depends on.
    from: Option<Effect>,
}

/// What the voices of an instrument are built from.
type VoiceParts = (Source, Filter, Envelope, Lfo, Channels);

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
    /// What the voices were built from, if that is all that they depend on.
    from: Option<VoiceParts>,
}

impl PreparedInstrument {
    /// Prepares an instrument. A sound with too many wires is left out and passed to `fail`.
    /// What is the same in `old` is taken from it.
    pub(super) fn of(
        state: &StudioState,
        (id, instrument): (InstrumentId, &Instrument),
        surroundings: &Surroundings<'_>,
        old: Option<&Self>,
        fail: &mut dyn FnMut(TooManyWires),
    ) -> Self {
        let from = voice_parts(instrument);
        let old_effects = old.map_or(&[][..], |old| &old.effects);
        let effects = prepare_chain(&instrument.chain, surroundings, old_effects, fail);
        let lfo = &instrument.lfo;
        let rest = Self {
            effects,
            is_open: sounds_without_key(&instrument.source),
            follows_tempo: lfo.on && lfo.sync.is_some() || chain_follows_tempo(&instrument.chain),
            from,
            ..Self::default()
        };
        if let Some(old) = old.filter(|old| rest.from.is_some() && old.from == rest.from) {
            return Self { voices: old.voices.clone(), ..rest };
        }
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
        Self { voices, ..rest }
    }

    /// How many seconds the effects sound on after the last voice.
    pub(super) fn tail(&self) -> f32 {
        self.effects.iter().filter(|effect| !effect.bypass).map(|effect| effect.tail).sum()
    }
}

/// Prepares the effects of a chain. Of `old`, it takes what is the same.
pub(super) fn prepare_chain(
    chain: &Chain,
    surroundings: &Surroundings<'_>,
    old: &[PreparedEffect],
    fail: &mut dyn FnMut(TooManyWires),
) -> Vec<PreparedEffect> {
    let prepare = |slot: &Slot| {
        let same = |old: &&PreparedEffect| old.from.as_ref() == Some(&slot.effect);
        if let Some(old) = old.iter().find(same) {
            return Some(PreparedEffect { slot: slot.id, bypass: slot.bypass, ..old.clone() });
        }
        match build_effect(&slot.effect, surroundings) {
            Ok(built) => Some(PreparedEffect {
                slot: slot.id,
                bypass: slot.bypass,
                built,
                tail: tail_of(&slot.effect, surroundings),
                from: stands_alone(&slot.effect).then(|| slot.effect.clone()),
            }),
            Err(error) => {
                fail(error);
                None
            }
        }
    };
    chain.slots().iter().filter_map(prepare).collect()
}

/// Whether an effect of the chain depends on the tempo.
pub(super) fn chain_follows_tempo(chain: &Chain) -> bool {
    chain.slots().iter().any(|slot| follows_tempo(&slot.effect))
}

fn follows_tempo(effect: &Effect) -> bool {
    match effect {
        Effect::Delay(delay) => delay.sync.is_some(),
        Effect::Tremolo(tremolo) => tremolo.sync.is_some(),
        _ => false,
    }
}

/// Whether an effect depends on nothing but its own parameters: on no tempo, file or bus.
fn stands_alone(effect: &Effect) -> bool {
    match effect {
        Effect::Convolution(_) => false,
        Effect::Compressor(compressor) => compressor.side_chain.is_none(),
        other => !follows_tempo(other),
    }
}

/// What the voices of an instrument are built from, unless they depend on a tempo, a file, a
/// bus or the pads of a drum kit, too.
fn voice_parts(instrument: &Instrument) -> Option<VoiceParts> {
    let lfo = *instrument.lfo;
    let alone = match &instrument.source {
        Source::DrumKit(_) | Source::Sampler(_) | Source::Granular(_) | Source::BusInput(_) => {
            false
        }
        Source::Wavetable(wavetable) => wavetable.table.is_none(),
        _ => true,
    };
    let synced = lfo.on && lfo.sync.is_some();
    let Instrument { source, filter, amp, channels, .. } = instrument;
    (alone && !synced).then(|| (source.clone(), *filter, *amp, lfo, *channels))
}

/// The pads of a drum kit.
pub(super) fn pads() -> impl Iterator<Item = PadNumber> {
    (0..16).filter_map(|pad| PadNumber::new(pad).ok())
}
