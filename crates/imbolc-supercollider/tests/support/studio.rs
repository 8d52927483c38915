//! For tests of whole projects: actions that make them, and renderings of them.

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        InstrumentAction, InstrumentSetting, Name, NetworkAction, Note, PianoRollAction,
        SourceKind, Studio, StudioState,
    },
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};
use imbolc_supercollider::render::{RenderOptions, Rendered, render};
use tempfile::TempDir;

use crate::support::{Sound, scsynth};

pub fn act(state: &mut StudioState, action: NetworkAction) {
    let done = Studio::reduce(state, &action);
    assert!(done.is_ok(), "{action:?}: {:?}", done.err());
}

pub fn named(name: &str) -> Name {
    Name::new(name).unwrap()
}

pub fn add(state: &mut StudioState, id: u32, name: &str, source: SourceKind) -> InstrumentId {
    let id = InstrumentId(id);
    act(state, NetworkAction::AddInstrument { id, name: named(name), source });
    id
}

pub fn set(state: &mut StudioState, id: InstrumentId, setting: InstrumentSetting) {
    act(state, NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
}

/// Writes notes: tick, pitch and length.
pub fn write(state: &mut StudioState, id: InstrumentId, notes: &[(u32, u8, u32)]) {
    for (tick, pitch, length) in notes {
        let note = Note {
            tick: Ticks::of(*tick),
            pitch: Pitch::of(*pitch),
            length: NoteLength::of(*length),
            velocity: Velocity::of(100),
            probability: Probability::of(100),
        };
        act(state, NetworkAction::PianoRoll(id, PianoRollAction::Add(note)));
    }
}

/// What was rendered.
#[derive(Debug)]
pub struct Recording {
    pub mix: Sound,
    pub rendered: Rendered,
    folder: TempDir,
}

impl Recording {
    /// Renders as floats at 48 kHz; `None`, and a line that says so, without `scsynth`.
    pub fn of(state: &StudioState, change: impl FnOnce(&mut RenderOptions)) -> Option<Self> {
        scsynth()?;
        let folder = tempfile::tempdir().unwrap();
        let mut options = RenderOptions::new(folder.path().join("mix.wav"));
        options.float = true;
        options.stems = Some(folder.path().join("stems"));
        change(&mut options);
        let rendered = render(state, &options, &mut |_| ControlFlow::Continue(())).unwrap();
        let mix = read(&options.out);
        assert_eq!(mix.left().len() as u64, rendered.frames);
        Some(Self { mix, rendered, folder })
    }

    /// The names of the stems.
    pub fn stems(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        self.rendered.stems.iter().map(name).collect()
    }

    /// The stem whose file name contains this.
    pub fn stem(&self, name: &str) -> Sound {
        let found = self.rendered.stems.iter().find(|path| path.to_string_lossy().contains(name));
        read(found.unwrap_or_else(|| panic!("no stem {name} in {:?}", self.stems())))
    }
}

/// The samples of a WAV file, and of how many channels.
pub fn read(path: &Path) -> Sound {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples().map(Result::unwrap).collect(),
        hound::SampleFormat::Int => {
            reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
        }
    };
    let channels = usize::from(spec.channels);
    Sound(
        (0..channels)
            .map(|n| samples.iter().skip(n).step_by(channels).copied().collect())
            .collect(),
    )
}

/// The names of all files in a directory.
pub fn files_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}
