//! The sound files of instruments and effects: where each is chosen, and which of them this
//! machine has.
//!
//! Files are the business of the host alone: their content never crosses the network.

use std::{fmt::Display, fs, io, path::Path};

use imbolc_net::{
    model::InstrumentId,
    studio::{
        BusSetting, Chain, ChainSetting, ChopperSetting, Content, ConvolutionSetting, DrumAction,
        DrumSetting, Effect, EffectSetting, GranularSetting, InstrumentAction, InstrumentSetting,
        MasterSetting, MixerSetting, Name, NetworkAction, PadSetting, PadSound, SamplerSetting,
        SlotId, Source, SourceSetting, StudioState, WavetableSetting,
    },
    util::quantity::PadNumber,
};
use imbolc_supercollider::samples::{content_of, find_sound, place_of};

use tempfile::NamedTempFile;

use crate::{describe, job::JobDone, parameters::Place, view::View};

/// How many files of the same name can be copied.
const MAX_NUMBER: u32 = 99;

/// A place that plays a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleSlot {
    /// A sampler.
    Sampler(InstrumentId),
    /// A granular source.
    Granular(InstrumentId),
    /// A wavetable.
    Wavetable(InstrumentId),
    /// A pad of a drum kit.
    Pad(InstrumentId, PadNumber),
    /// The sample of a drum kit that is cut into slices.
    Slices(InstrumentId),
    /// A convolution, whose impulse response it is.
    Impulse(Place, SlotId),
}

impl SampleSlot {
    /// The place that plays a file which is chosen for an instrument; in a drum kit, its `pad`
    /// or else its slices.
    ///
    /// # Errors
    /// If the instrument plays no files; the message is one line.
    pub fn of(
        id: InstrumentId,
        pad: Option<PadNumber>,
        studio: &StudioState,
    ) -> Result<Self, String> {
        let instrument = studio.instruments.get(id).ok_or("no such instrument")?;
        Ok(match &instrument.source {
            Source::Sampler(_) => Self::Sampler(id),
            Source::Granular(_) => Self::Granular(id),
            Source::Wavetable(_) => Self::Wavetable(id),
            Source::DrumKit(_) => pad.map_or(Self::Slices(id), |pad| Self::Pad(id, pad)),
            other => {
                return Err(format!(
                    "{} is of the kind {}: a sampler, granular, a wavetable or a drum kit plays files",
                    describe::instrument_label(studio, id),
                    describe::label(other.kind())
                ));
            }
        })
    }

    /// The first convolution in a chain of effects.
    ///
    /// # Errors
    /// If there is none; the message is one line.
    pub fn impulse(place: Place, studio: &StudioState) -> Result<Self, String> {
        let slots = chain_at(place, studio).ok_or("no such strip")?.slots();
        let slot = slots.iter().find(|slot| matches!(slot.effect, Effect::Convolution(_)));
        let slot = slot.ok_or("no convolution here: “:effect convolution” adds one")?;
        Ok(Self::Impulse(place, slot.id))
    }

    /// Chooses a file.
    #[must_use]
    pub fn choose(self, content: Content) -> NetworkAction {
        let chosen = Some(content.clone());
        let drums = |id, setting| NetworkAction::Drums(id, DrumAction::Set(setting));
        let source = |id, setting| instrument(id, InstrumentSetting::Source(setting));
        match self {
            Self::Sampler(id) => source(id, SourceSetting::Sampler(SamplerSetting::Sample(chosen))),
            Self::Granular(id) => {
                source(id, SourceSetting::Granular(GranularSetting::Sample(chosen)))
            }
            Self::Wavetable(id) => {
                source(id, SourceSetting::Wavetable(WavetableSetting::Table(chosen)))
            }
            Self::Pad(id, pad) => {
                let sound = PadSetting::Sound(PadSound::Sample(content));
                drums(id, DrumSetting::Pad(pad, sound))
            }
            Self::Slices(id) => drums(id, DrumSetting::Chopper(ChopperSetting::Sample(chosen))),
            Self::Impulse(place, slot) => {
                let effect = EffectSetting::Convolution(ConvolutionSetting::Impulse(chosen));
                let chain = ChainSetting::Effect(slot, effect);
                let mixer = NetworkAction::Mixer;
                match place {
                    Place::Instrument(id) => instrument(id, InstrumentSetting::Chain(chain)),
                    Place::Bus(id) => mixer(MixerSetting::Bus(id, BusSetting::Chain(chain))),
                    Place::Master => mixer(MixerSetting::Master(MasterSetting::Chain(chain))),
                }
            }
        }
    }
}

fn instrument(id: InstrumentId, setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(id, InstrumentAction::Set(setting))
}

fn chain_at(place: Place, studio: &StudioState) -> Option<&Chain> {
    match place {
        Place::Instrument(id) => studio.instruments.get(id).map(|instrument| &instrument.chain),
        Place::Bus(id) => studio.mixer.bus(id).map(|bus| &bus.chain),
        Place::Master => Some(&studio.mixer.master.chain),
    }
}

/// The files that an instrument with its effects plays, each once.
#[must_use]
pub fn files_of(id: InstrumentId, studio: &StudioState) -> Vec<Content> {
    let Some(instrument) = studio.instruments.get(id) else { return Vec::new() };
    let source = match &instrument.source {
        Source::Sampler(it) => it.sample.clone(),
        Source::Granular(it) => it.sample.clone(),
        Source::Wavetable(it) => it.table.clone(),
        _ => None,
    };
    let effects = instrument.chain.slots().iter().filter_map(|slot| match &slot.effect {
        Effect::Convolution(it) => it.impulse.clone(),
        _ => None,
    });
    let machine = studio.drums.machine(id);
    let slices = machine.and_then(|machine| machine.chopper().sample.clone());
    let pads = (PadNumber::MIN.get()..=PadNumber::MAX.get()).filter_map(|pad| {
        match machine?.pad(PadNumber::new(pad).ok()?).sound {
            PadSound::Sample(content) => Some(content),
            _ => None,
        }
    });
    let mut files = Vec::new();
    for content in source.into_iter().chain(slices).chain(pads).chain(effects) {
        if !files.contains(&content) {
            files.push(content);
        }
    }
    files
}

/// The missing files of an instrument on the machine that makes the sound, in words; `None` if
/// all are there. Their content is not read.
#[must_use]
pub fn missing_files(id: InstrumentId, view: &View) -> Option<String> {
    let samples = view.samples?;
    let files = files_of(id, view.studio());
    let missing = files.iter().filter(|file| place_of(samples, file).is_err());
    let missing: Vec<_> = missing.map(|file| file.name.as_str()).collect();
    (!missing.is_empty()).then(|| format!("not in samples/: {}", missing.join(", ")))
}

/// Copies `file` into the directory of samples, unless it is there already, and chooses it
/// for `slot`. If another file has its name there, a number is appended.
///
/// # Errors
/// If it is no WAV file, too long, or cannot be copied; the message is one line.
pub fn import(file: &Path, samples: &Path, slot: SampleSlot) -> Result<JobDone, String> {
    let failed = |why: &dyn Display| format!("{}: {why}", file.display());
    if !file.is_file() {
        return Err(failed(&"no such file"));
    }
    let chosen = content_of(file).map_err(|error| failed(&error))?;
    for number in 1..=MAX_NUMBER {
        let name = numbered(chosen.name.as_str(), number);
        let place = samples.join(&name);
        let name = Name::new(&name).map_err(|error| failed(&error))?;
        let content = Content { name, digest: chosen.digest };
        let is_there = find_sound(Some(samples), &content).is_ok();
        if !is_there && place.symlink_metadata().is_ok() {
            continue;
        }
        if !is_there {
            copy(file, samples, &place).map_err(|error| failed(&error))?;
            // It may have been changed meanwhile.
            find_sound(Some(samples), &content).map_err(|error| failed(&error))?;
        }
        return Ok(JobDone::Do(slot.choose(content)));
    }
    Err(failed(&"samples/ has too many other files of this name"))
}

/// Copies a file to a place in a directory; half of it is never seen there.
fn copy(file: &Path, directory: &Path, place: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let copy = NamedTempFile::new_in(directory)?;
    fs::copy(file, copy.path())?;
    copy.persist_noclobber(place)?;
    Ok(())
}

/// The name of a file with a number before its extension, unless that is 1.
fn numbered(name: &str, number: u32) -> String {
    match (number, name.rsplit_once('.')) {
        (1, _) => name.to_owned(),
        (_, Some((stem, extension))) => format!("{stem} {number}.{extension}"),
        (_, None) => format!("{name} {number}"),
    }
}
