//! Notes one after the other, of instruments that play files, inputs and buses.

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::path::Path;

use imbolc_net::{
    studio::{BusId, Content, ContentHash, Envelope, Filter, FilterKind, Instrument, Name, Source},
    util::quantity::{Amount, Seconds},
};
use imbolc_supercollider::{
    commands,
    output::{Buffer, Spectrum},
    sounds::{BusSignals, FREQUENCY, Files, GATE, LEVEL, Surroundings, build_voice},
    synth_def::{Built, Graph},
};

use crate::support::{RATE, Sound, Stage, VOICES};

/// The samples that a note has for itself.
pub const SLOT: u64 = 16_000;
/// How long a key is held, in samples.
pub const HELD: u64 = 9600;
pub const MIDDLE_C: f64 = 261.625_565;

pub fn content(number: u8) -> Content {
    Content { name: Name::default(), digest: ContentHash([number; 16]) }
}

/// A sine at middle C of a second; a stereo sound of a sixth of one; four waves of 2,048 frames.
pub const SINE: u8 = 0;
pub const STEREO: u8 = 1;
pub const WAVES: u8 = 2;

/// What a file of these sounds like, by frame and channel.
pub fn sample(number: u8, frame: u32, channel: u16) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(frame);
    match number {
        SINE => 0.7 * (turn * MIDDLE_C / f64::from(RATE)).sin(),
        STEREO => {
            let rise = f64::from(frame) / 8000.0;
            0.7 * rise * (turn * (200.0 + 100.0 * f64::from(channel)) / f64::from(RATE)).sin()
        }
        _ => {
            let harmonic = f64::from(frame / 2048 + 1);
            0.9 * (turn * harmonic / 2048.0).sin()
        }
    }
}

#[derive(Debug)]
pub struct TestFiles;

impl Files for TestFiles {
    fn find(&self, content: &Content) -> Option<Buffer> {
        let number = content.digest.0[0];
        let (frames, channels) = match number {
            SINE => (RATE, 1),
            STEREO => (8000, 2),
            WAVES => (8192, 1),
            _ => return None,
        };
        #[expect(clippy::cast_precision_loss, reason = "48,000")]
        Some(Buffer { number: number.into(), frames, channels, rate: RATE as f32 })
    }

    fn find_spectrum(&self, _: &Content, _: u8) -> Option<Spectrum> {
        None
    }
}

#[derive(Debug)]
pub struct TestBuses;

impl BusSignals for TestBuses {
    fn signal_of(&self, _: BusId) -> Option<u32> {
        Some(20)
    }
}

pub const fn surroundings(offline: bool) -> Surroundings<'static> {
    Surroundings { beat: 0.5, files: &TestFiles, buses: &TestBuses, offline }
}

pub fn load(stage: &mut Stage, folder: &Path) {
    for number in [SINE, STEREO, WAVES] {
        let buffer = TestFiles.find(&content(number)).unwrap();
        let path = folder.join(format!("{number}.wav"));
        let spec = hound::WavSpec {
            channels: buffer.channels,
            sample_rate: RATE,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut file = hound::WavWriter::create(&path, spec).unwrap();
        for frame in 0..buffer.frames {
            for channel in 0..buffer.channels {
                #[expect(clippy::cast_possible_truncation, reason = "samples")]
                file.write_sample(sample(number, frame, channel) as f32).unwrap();
            }
        }
        file.finalize().unwrap();
        stage.score.load(ContentHash([number; 16]), &path, buffer);
    }
}

/// An instrument of nothing but a source.
pub fn plain(source: Source) -> Instrument {
    Instrument {
        source,
        filter: Filter { kind: FilterKind::Off, ..Filter::default() },
        amp: Envelope {
            attack: Seconds::of(0.0),
            sustain: Amount::MAX,
            release: Seconds::of(0.05),
            ..Envelope::default()
        },
        ..Instrument::default()
    }
}

/// Notes one after the other, each with its own seed.
pub struct Notes {
    pub stage: Stage,
    seed: Built,
    _folder: tempfile::TempDir,
    count: u64,
    pub offline: bool,
}

impl Notes {
    pub fn new() -> Option<Self> {
        let mut stage = Stage::new()?;
        let folder = tempfile::tempdir().unwrap();
        load(&mut stage, folder.path());
        let graph = Graph::new();
        graph.seed(1.0, 1234.0);
        let seed = graph.finish().unwrap();
        // A tone on the first input and on the bus that is read.
        let graph = Graph::new();
        let tone = graph.sine(440.0, 0.0) * 0.5;
        let other = graph.sine(660.0, 0.0) * 0.5;
        graph.write_audio(2.0, &[tone, other, other]);
        graph.write_audio(20.0, &[tone, tone]);
        let tone = graph.finish().unwrap();
        let none = stage.place(&tone);
        stage.synth(&tone, none, 0, VOICES, &[]);
        Some(Self { stage, seed, _folder: folder, count: 0, offline: false })
    }

    /// Plays a note of `instrument`, `late` samples into its slot, and returns its number.
    pub fn play(&mut self, instrument: &Instrument, late: u64, frequency: f64) -> usize {
        let voice = build_voice(instrument, &surroundings(self.offline)).unwrap();
        self.play_built(&voice.built, late, frequency)
    }

    pub fn play_built(&mut self, built: &Built, late: u64, frequency: f64) -> usize {
        self.strike(built, (late, HELD), frequency, 0.0)
    }

    pub fn play_held(&mut self, built: &Built, held: u64) -> usize {
        self.strike(built, (0, held), MIDDLE_C, 0.0)
    }

    /// Cuts a voice off, as when it is choked.
    pub fn play_cut(&mut self, built: &Built, after: u64) -> usize {
        self.strike(built, (0, after), MIDDLE_C, -1.01)
    }

    /// The sample at which the next note begins.
    pub fn start_of_next(&self, late: u64) -> u64 {
        self.count * SLOT + 640 + late
    }

    pub fn count_one(&mut self) -> usize {
        self.count += 1;
        usize::try_from(self.count - 1).unwrap()
    }

    fn strike(
        &mut self,
        built: &Built,
        (late, held): (u64, u64),
        frequency: f64,
        end: f32,
    ) -> usize {
        let place = self.stage.place(built);
        let start = self.start_of_next(late);
        let none = self.stage.place(&self.seed);
        let seed = self.stage.synth(&self.seed, none, self.count * SLOT + 128, VOICES, &[]);
        self.stage.score.send_at(self.count * SLOT + 256, vec![commands::free(seed)]);
        #[expect(clippy::cast_possible_truncation, reason = "frequencies")]
        let controls = [(FREQUENCY, frequency as f32), (LEVEL, 1.0)];
        let node = self.stage.synth(built, place, start, VOICES, &controls);
        self.stage.score.send_at(start + held, vec![commands::set(node, GATE, end)]);
        // What has not ended by then would be heard in the next slot.
        self.stage.score.send_at((self.count + 1) * SLOT, vec![commands::free(node)]);
        self.count_one()
    }

    pub fn render(self) -> Played {
        let samples = self.count * SLOT + 64;
        Played(self.stage.render(samples))
    }
}

pub struct Played(pub Sound);

impl Played {
    /// The left channel of a note, from its start on.
    pub fn note(&self, number: usize, late: usize) -> &[f32] {
        let slot = usize::try_from(SLOT).unwrap();
        let start = number * slot + 640 + late;
        &self.0.left()[start..(number + 1) * slot]
    }

    pub fn right(&self, number: usize) -> &[f32] {
        let slot = usize::try_from(SLOT).unwrap();
        &self.0.right()[number * slot + 640..(number + 1) * slot]
    }
}

pub fn largest(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, sample| most.max(sample.abs()))
}

/// The largest difference of two sounds, relative to the louder one.
pub fn difference(one: &[f32], other: &[f32]) -> f32 {
    let most = one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    most / largest(one).max(largest(other)).max(1e-6)
}
