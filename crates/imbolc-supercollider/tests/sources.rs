//! Every kind of source, rendered: onset, pitch, level, silence, and what each parameter does.

#[path = "support/mod.rs"]
mod support;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use imbolc_net::{
    studio::{
        AudioInputParameter, Automated as _, BusId, BusInputParameter, Channels, Content,
        ContentHash, Envelope, Filter, FilterKind, FmAlgorithm, Instrument, Lfo, LfoShape,
        LfoTarget, Name, NoiseColour, SampleLoop, Settings as _, Source, SourceKind,
        SourceParameter, Wave,
    },
    util::quantity::{Amount, Decibels, InputChannel, Pitch, Seconds, VoiceCount},
};
use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    output::Buffer,
    sounds::{
        BusSignals, FREQUENCY, Files, LEVEL, Spectrum, Surroundings, VoiceLife, VoiceSound,
        build_voice, sounds_without_key,
    },
    synth_def::{Built, Graph},
};
use support::{RATE, Sound, Stage, cents, decibels};

/// The samples that a note has for itself.
const SLOT: u64 = 38_400;
/// How long a key is held, in samples.
const HELD: u64 = 19_200;
const MIDDLE_C: f64 = 261.625_565;

fn content(number: u8) -> Content {
    Content { name: Name::default(), digest: ContentHash([number; 16]) }
}

/// A sine at middle C of a second; a stereo sound of half a second; four waves of 2,048 frames.
const SINE: u8 = 0;
const STEREO: u8 = 1;
const WAVES: u8 = 2;

/// What a file of these sounds like, by frame and channel.
fn sample(number: u8, frame: u32, channel: u16) -> f64 {
    let turn = std::f64::consts::TAU * f64::from(frame);
    match number {
        SINE => 0.7 * (turn * MIDDLE_C / f64::from(RATE)).sin(),
        STEREO => {
            let rise = f64::from(frame) / 24_000.0;
            0.7 * rise * (turn * (200.0 + 100.0 * f64::from(channel)) / f64::from(RATE)).sin()
        }
        _ => {
            let harmonic = f64::from(frame / 2048 + 1);
            0.9 * (turn * harmonic / 2048.0).sin()
        }
    }
}

#[derive(Debug)]
struct TestFiles;

impl Files for TestFiles {
    fn find(&self, content: &Content) -> Option<Buffer> {
        let number = content.digest.0[0];
        let (frames, channels) = match number {
            SINE => (RATE, 1),
            STEREO => (24_000, 2),
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
struct TestBuses;

impl BusSignals for TestBuses {
    fn signal_of(&self, _: BusId) -> Option<u32> {
        Some(20)
    }
}

const fn surroundings(offline: bool) -> Surroundings<'static> {
    Surroundings { beat: 0.5, files: &TestFiles, buses: &TestBuses, offline }
}

fn load(stage: &mut Stage, folder: &Path) {
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

/// The kinds that sound, with the files that they need.
fn all() -> Vec<Source> {
    let kinds = SourceKind::ALL.iter().map(|kind| Source::of(*kind));
    let sounding = kinds.filter(|source| {
        !matches!(source, Source::DrumKit(_) | Source::Vst(_) | Source::SynthDef(_))
    });
    sounding.map(with_file).collect()
}

fn with_file(mut source: Source) -> Source {
    match &mut source {
        Source::Sampler(own) => std::sync::Arc::make_mut(own).sample = Some(content(SINE)),
        Source::Granular(own) => std::sync::Arc::make_mut(own).sample = Some(content(SINE)),
        Source::BusInput(own) => own.bus = Some(BusId(1)),
        _ => {}
    }
    source
}

/// An instrument of nothing but a source.
fn plain(source: Source) -> Instrument {
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
struct Notes {
    stage: Stage,
    seed: Built,
    _folder: tempfile::TempDir,
    count: u64,
    offline: bool,
}

impl Notes {
    fn new() -> Option<Self> {
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
        stage.synth(&tone, none, 0, NodeId(1), &[]);
        Some(Self { stage, seed, _folder: folder, count: 0, offline: false })
    }

    /// Plays a note of `instrument`, `late` samples into its slot, and returns its number.
    fn play(&mut self, instrument: &Instrument, late: u64, frequency: f64) -> usize {
        let voice = build_voice(instrument, &surroundings(self.offline)).unwrap();
        self.play_built(&voice.built, late, frequency)
    }

    fn play_built(&mut self, built: &Built, late: u64, frequency: f64) -> usize {
        let place = self.stage.place(built);
        let start = self.count * SLOT + 640 + late;
        let none = self.stage.place(&self.seed);
        let seed = self.stage.synth(&self.seed, none, self.count * SLOT + 128, NodeId(1), &[]);
        self.stage.score.send_at(self.count * SLOT + 256, vec![commands::free(seed)]);
        #[expect(clippy::cast_possible_truncation, reason = "frequencies")]
        let controls = [(FREQUENCY, frequency as f32), (LEVEL, 1.0)];
        let node = self.stage.note(built, place, start..start + HELD, &controls);
        // What has not ended by then would be heard in the next slot.
        self.stage.score.send_at((self.count + 1) * SLOT, vec![commands::free(node)]);
        self.count += 1;
        usize::try_from(self.count - 1).unwrap()
    }

    fn render(self) -> Played {
        let samples = self.count * SLOT + 64;
        Played(self.stage.render(samples))
    }
}

struct Played(Sound);

impl Played {
    /// The left channel of a note, from its start on.
    fn note(&self, number: usize, late: usize) -> &[f32] {
        let slot = usize::try_from(SLOT).unwrap();
        let start = number * slot + 640 + late;
        &self.0.left()[start..(number + 1) * slot]
    }

    fn right(&self, number: usize) -> &[f32] {
        let slot = usize::try_from(SLOT).unwrap();
        &self.0.right()[number * slot + 640..(number + 1) * slot]
    }
}

fn largest(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |most, sample| most.max(sample.abs()))
}

/// The largest difference of two sounds, relative to the louder one.
fn difference(one: &[f32], other: &[f32]) -> f32 {
    let most = one.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    most / largest(one).max(largest(other)).max(1e-6)
}

/// The kinds in all the variants that their choices and files make.
fn variants() -> Vec<Source> {
    let mut all = all();
    let waves = [Wave::Sine, Wave::Triangle, Wave::Square, Wave::Noise];
    for wave in waves {
        all.push(changed(SourceKind::Oscillator, |source| {
            if let Source::Oscillator(own) = source {
                own.wave = wave;
            }
        }));
    }
    for colour in [NoiseColour::Pink, NoiseColour::Brown, NoiseColour::Blue, NoiseColour::Crackle] {
        all.push(changed(SourceKind::Noise, |source| {
            if let Source::Noise(own) = source {
                own.colour = colour;
            }
        }));
    }
    let algorithms = [FmAlgorithm::Pairs, FmAlgorithm::Star, FmAlgorithm::Fan, FmAlgorithm::Organ];
    for algorithm in algorithms {
        all.push(changed(SourceKind::FourOperator, |source| {
            if let Source::FourOperator(own) = source {
                own.algorithm = algorithm;
            }
        }));
    }
    for (looping, file) in [(SampleLoop::Forward, STEREO), (SampleLoop::PingPong, STEREO)] {
        all.push(changed(SourceKind::Sampler, |source| {
            if let Source::Sampler(own) = source {
                let own = Arc::make_mut(own);
                (own.looping, own.sample) = (looping, Some(content(file)));
            }
        }));
    }
    all.push(changed(SourceKind::Wavetable, |source| {
        if let Source::Wavetable(own) = source {
            Arc::make_mut(own).table = Some(content(WAVES));
        }
    }));
    all.push(changed(SourceKind::Wavetable, |source| {
        if let Source::Wavetable(own) = source {
            Arc::make_mut(own).voices = VoiceCount::of(3);
        }
    }));
    all
}

fn changed(kind: SourceKind, change: impl FnOnce(&mut Source)) -> Source {
    let mut source = with_file(Source::of(kind));
    change(&mut source);
    source
}

/// The parameters of a source.
fn parameters(source: &Source) -> Vec<SourceParameter> {
    let every = Source::every().into_iter();
    every.filter(|parameter| source.part(*parameter).is_some()).collect()
}

fn at(source: &Source, parameter: SourceParameter, part: f32) -> Source {
    let mut source = source.clone();
    source.set(Source::setting(parameter, Amount::new(part).unwrap())).unwrap();
    source
}

/// Parameters that decide only whether a key is needed.
const UNHEARD: [SourceParameter; 2] = [
    SourceParameter::AudioInput(AudioInputParameter::Monitor),
    SourceParameter::BusInput(BusInputParameter::Keyed),
];

/// The parts of a range that are tried.
const PARTS: [f32; 5] = [0.0, 0.2, 0.5, 0.8, 1.0];

#[test]
fn every_parameter_is_heard_and_no_value_is_too_loud() {
    let Some(mut notes) = Notes::new() else { return };
    let mut tried = Vec::new();
    for source in variants() {
        let plain_note = notes.play(&plain(source.clone()), 0, MIDDLE_C);
        for parameter in parameters(&source) {
            let moved =
                PARTS.map(|part| notes.play(&plain(at(&source, parameter, part)), 0, MIDDLE_C));
            tried.push((parameter, plain_note, moved));
        }
    }
    let played = notes.render();
    let mut heard = BTreeSet::new();
    let mut all = BTreeSet::new();
    let mut faults = Vec::new();
    for (parameter, plain_note, moved) in tried {
        all.insert(parameter);
        for (number, part) in moved.into_iter().zip(PARTS) {
            let note = played.note(number, 0);
            if !note.iter().all(|sample| sample.is_finite()) {
                faults.push(format!("{parameter:?} at {part}: not a number"));
            } else if largest(note).max(largest(played.right(number))) > TOO_LOUD {
                let level = decibels(largest(note).max(largest(played.right(number))));
                faults.push(format!("{parameter:?} at {part}: {level:.1} dBFS"));
            }
            let change = difference(note, played.note(plain_note, 0))
                .max(difference(played.right(number), played.right(plain_note)));
            if change > 0.01 {
                heard.insert(parameter);
            }
        }
    }
    let unheard = all.difference(&heard).filter(|parameter| !UNHEARD.contains(parameter));
    faults.extend(unheard.map(|parameter| format!("{parameter:?} is not heard")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// 2 dB above full scale, as an amplitude.
const TOO_LOUD: f32 = 1.26;

#[test]
fn look() {
    let Some(mut notes) = Notes::new() else { return };
    for (wave, f) in [(Wave::Square, 200.0), (Wave::Triangle, 200.0), (Wave::Square, 3000.0)] {
        notes.play(
            &plain(changed(SourceKind::Oscillator, |source| {
                if let Source::Oscillator(own) = source {
                    own.wave = wave;
                }
            })),
            0,
            f,
        );
    }
    let p = notes.render();
    for n in 0..3 {
        eprintln!("L{:.2?}", &p.note(n, 0)[..480].iter().step_by(10).collect::<Vec<_>>());
        eprintln!(
            "L{:.2?}",
            &p.note(n, 0)[9600..9600 + 480].iter().step_by(10).collect::<Vec<_>>()
        );
    }
}
