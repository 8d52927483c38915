//! Every kind of effect, rendered: a row per kind.

#[path = "support/mod.rs"]
mod support;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use imbolc_net::{
    studio::{
        Automated as _, Band, BitCrusher, BusId, Chorus, Compressor, Content, Convolution, Delay,
        Distortion, DistortionCurve, Effect, EffectKind, EffectParameter, Equaliser, Filter,
        FilterKind, FilterParameter, Flanger, Gate, Limiter, Name, NoteValue, Phaser, Reverb,
        Settings as _, Tremolo,
    },
    util::quantity::{Amount, Decibels, Feedback, Gain, Hertz, Octaves, Quality, Seconds},
};
use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    output::{Buffer, Output as _, PARTITION, Spectrum},
    render::{BLOCK, Score},
    sounds::{BUS, BusSignals, Files, Surroundings, build_effect, tail_of},
    synth_def::{Built, Graph, PARAMETERS, Stereo},
};
use support::{RATE, Sound, decibels, peak, render_score, rms, scsynth};

/// The stimulus: until when it sounds, in samples.
const STIMULUS: usize = 24_000;

/// The audio bus with the stimulus, and that of the key of a side chain.
const STIMULUS_BUS: f32 = 3000.0;
const KEY_BUS: u32 = 3002;

const KINDS: [EffectKind; 15] = [
    EffectKind::Filter,
    EffectKind::Equaliser,
    EffectKind::Delay,
    EffectKind::Reverb,
    EffectKind::Chorus,
    EffectKind::Flanger,
    EffectKind::Phaser,
    EffectKind::Distortion,
    EffectKind::BitCrusher,
    EffectKind::Compressor,
    EffectKind::Limiter,
    EffectKind::Gate,
    EffectKind::Tremolo,
    EffectKind::Convolution,
    EffectKind::Vst,
];

/// Many effects at a time, each with two channels of the output.
#[derive(Debug)]
struct Bench {
    scsynth: PathBuf,
    rate: u32,
    score: Score,
    rows: u32,
    /// The sample at which new synths begin.
    now: u64,
    next_node: i32,
    next_parameter: u32,
    files: Responses,
    /// Impulse responses, which are read while the server boots.
    folder: tempfile::TempDir,
}

/// The spectra that were prepared.
#[derive(Debug, Default)]
struct Responses(BTreeMap<([u8; 16], u8), Spectrum>);

impl Files for Responses {
    fn find(&self, _content: &Content) -> Option<Buffer> {
        None
    }

    fn find_spectrum(&self, content: &Content, sixteenths: u8) -> Option<Spectrum> {
        self.0.get(&(content.digest.0, sixteenths)).copied()
    }
}

#[derive(Debug)]
struct Key;

impl BusSignals for Key {
    fn signal_of(&self, bus: BusId) -> Option<u32> {
        (bus == BusId(1)).then_some(KEY_BUS)
    }
}

impl Bench {
    /// With a stimulus; `None`, and a line that says so, without `scsynth`.
    fn new(stimulus: impl for<'g> Fn(&'g Graph) -> Stereo<'g>) -> Option<Self> {
        Self::at(RATE, stimulus)
    }

    fn at(rate: u32, stimulus: impl for<'g> Fn(&'g Graph) -> Stereo<'g>) -> Option<Self> {
        let scsynth = scsynth()?;
        let mut bench = Self {
            scsynth,
            rate,
            score: Score::new(rate),
            rows: 0,
            now: 0,
            next_node: 1000,
            next_parameter: 0,
            files: Responses::default(),
            folder: tempfile::tempdir().unwrap(),
        };
        let graph = Graph::new();
        let channels = stimulus(&graph);
        graph.write_audio(STIMULUS_BUS, &channels);
        bench.synth(&graph.finish().unwrap(), &[]);
        Some(bench)
    }

    fn synth(&mut self, built: &Built, controls: &[(&str, f32)]) {
        self.score.define(&built.definition);
        let mut controls = controls.to_vec();
        controls.push((PARAMETERS, self.next_parameter as f32));
        let mut messages = Vec::new();
        if !built.values.is_empty() {
            messages.push(commands::set_buses(self.next_parameter, &built.values));
        }
        self.next_parameter += built.values.len() as u32;
        let (name, place) = (&built.definition.name, Place::TailOf(NodeId(0)));
        let id = NodeId(self.next_node);
        self.next_node += 1;
        messages.push(commands::new_synth(name, id, place, &controls));
        self.score.send_at(self.now, messages);
    }

    /// Has the stimulus on the next two channels, and an effect on it. Returns its row.
    fn effect(&mut self, effect: &Effect) -> usize {
        let built = build_effect(effect, &self.surroundings()).unwrap();
        self.row(Some(&built))
    }

    fn row(&mut self, built: Option<&Built>) -> usize {
        let bus = self.rows * 2;
        self.rows += 1;
        let copy = {
            let graph = Graph::new();
            let channels = graph.read_stereo(STIMULUS_BUS);
            graph.write_audio(graph.control(BUS, 0.0), &channels);
            graph.finish().unwrap()
        };
        self.synth(&copy, &[(BUS, bus as f32)]);
        if let Some(built) = built {
            self.synth(built, &[(BUS, bus as f32)]);
        }
        self.rows as usize - 1
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { beat: 0.5, files: &self.files, buses: &Key, offline: true }
    }

    fn tail(&self, effect: &Effect) -> f32 {
        tail_of(effect, &self.surroundings())
    }

    /// Prepares these samples as an impulse response.
    fn response(&mut self, samples: &[Vec<f32>]) -> Content {
        let digest = self.files.0.len() as u8 + 1;
        let path = self.folder.path().join(format!("{digest}.wav"));
        let spec = hound::WavSpec {
            channels: samples.len() as u16,
            sample_rate: RATE,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut file = hound::WavWriter::create(&path, spec).unwrap();
        for frame in 0..samples[0].len() {
            samples.iter().for_each(|channel| file.write_sample(channel[frame]).unwrap());
        }
        file.finalize().unwrap();
        let content = Content {
            name: Name::new("hall.wav").unwrap(),
            digest: imbolc_net::studio::ContentHash([digest; 16]),
        };
        for sixteenths in 1..=16_u8 {
            let frames = (samples[0].len() as u32 * u32::from(sixteenths)).div_ceil(16);
            let first = (u32::from(digest) * 16 + u32::from(sixteenths)) * 4;
            let mut channels = [first; 2];
            for (channel, spectrum) in (0..samples.len()).zip(&mut channels) {
                let (impulse, number) =
                    (first + channel as u32 * 2 + 1, first + channel as u32 * 2);
                let path = path.to_string_lossy();
                self.score.send_at(
                    0,
                    vec![
                        commands::read_channel(impulse, &path, frames, channel as u16),
                        commands::allocate_buffer(
                            number,
                            commands::spectrum_frames(frames, PARTITION),
                        ),
                        commands::prepare_spectrum(number, impulse, PARTITION),
                    ],
                );
                *spectrum = number;
            }
            let seconds = frames as f32 / RATE as f32;
            let spectrum = Spectrum { channels, seconds, gain: 1.0 };
            self.files.0.insert((content.digest.0, sixteenths), spectrum);
        }
        content
    }

    fn render(self, samples: usize) -> Vec<Sound> {
        let mut sound =
            render_score(&self.scsynth, self.score, (self.rate, self.rows * 2), samples as u64)
                .0
                .into_iter();
        let mut rows = Vec::new();
        while let (Some(left), Some(right)) = (sound.next(), sound.next()) {
            rows.push(Sound(vec![left, right]));
        }
        rows
    }
}

/// Tones with many overtones, the same in each run, other ones on the left than on the right:
/// until a quarter of a second with peaks of −7 dBFS, for another quarter 20 dB lower, then
/// silence.
fn tones(graph: &Graph) -> Stereo<'_> {
    let time = graph.sweep(0.0, 1.0);
    let level = time.less(0.25) * 0.9 + time.less(STIMULUS as f32 / RATE as f32) * 0.1;
    // Nothing for a moment, so that a gate opens.
    let level = level * time.greater(0.02);
    let tone = |frequency: f32| {
        let high = graph.sine(frequency * 6.3, 0.0) * 0.15 + graph.sine(9000.0, 0.0) * 0.05;
        (graph.saw(frequency) * 0.4 + high) * level
    };
    [tone(110.0), tone(165.5)]
}

/// The sample at which [`click`] comes.
const CLICK: usize = 100;

/// A sample of full level on the left, one of half on the right.
fn click(graph: &Graph) -> Stereo<'_> {
    let time = graph.sample_seconds() * (CLICK as f32 + 0.5);
    let click = graph.delay(graph.impulses(0.0, 0.0), 0.1, time);
    [click, click * 0.5]
}

/// A sine of −6 dBFS on the left, of −26 on the right.
fn sine(graph: &Graph) -> Stereo<'_> {
    let sine = graph.sine(1000.0, 0.0) * 0.5;
    [sine, sine * 0.1]
}

fn loud_on_the_right(graph: &Graph) -> Stereo<'_> {
    let [loud, soft] = sine(graph);
    [soft, loud]
}

fn sine_with_offset(graph: &Graph) -> Stereo<'_> {
    sine(graph).map(|channel| channel + 0.1)
}

/// A sine whose level moves up and down by half a decibel.
fn wavering_sine(graph: &Graph) -> Stereo<'_> {
    let level = graph.sine(9.0, 0.0) * 0.05 + 1.0;
    sine(graph).map(|channel| channel * level)
}

/// A sine that is not a number for a moment.
fn broken_sine(graph: &Graph) -> Stereo<'_> {
    let time = graph.sweep(0.0, 1.0);
    let moment = time.greater(0.1) * time.less(0.11);
    // Nothing divided by nothing.
    let there = 1.0 - moment;
    let unbroken = there / (1.0 - moment);
    sine(graph).map(|channel| channel * unbroken)
}

/// The largest difference of two sounds, in dBFS.
fn difference(left: &Sound, right: &Sound) -> f32 {
    let pairs = left.0.iter().zip(&right.0).flat_map(|(left, right)| left.iter().zip(right));
    decibels(pairs.map(|(left, right)| (left - right).abs()).fold(0.0, f32::max))
}

/// A sound that comes so many samples later.
fn later(sound: &Sound, samples: usize) -> Sound {
    let shifted = |channel: &Vec<f32>| {
        let end = channel.len() - samples;
        [vec![0.0; samples], channel[..end].to_vec()].concat()
    };
    Sound(sound.0.iter().map(shifted).collect())
}

fn with(mut effect: Effect, parameter: EffectParameter, part: f32) -> Effect {
    effect.set(Effect::setting(parameter, Amount::of(part))).unwrap();
    effect
}

/// The parameters of a kind of effect.
fn parameters(effect: &Effect) -> Vec<EffectParameter> {
    EffectParameter::all().into_iter().filter(|own| effect.part(*own).is_some()).collect()
}

/// The parameter that has this name.
fn named(effect: &Effect, name: &str) -> Option<EffectParameter> {
    let ending = format!("({name})");
    parameters(effect).into_iter().find(|own| format!("{own:?}").contains(&ending))
}

/// A decaying noise, a fifth of a second long.
fn hall(bench: &mut Bench) -> Content {
    let mut seed = 1_u32;
    let mut channel = || {
        let sample = |frame: u16| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(seed) / f64::from(u32::MAX) - 0.5) as f32
                * 0.1
                * (-f32::from(frame) / 3000.0).exp()
        };
        (0..9600).map(sample).collect::<Vec<_>>()
    };
    let channels = [channel(), channel()];
    bench.response(&channels)
}

/// A kind of effect, with settings of which each is heard.
fn exercised(kind: EffectKind, hall: &Content) -> Effect {
    match Effect::of(kind) {
        Effect::Filter(filter) => {
            Effect::Filter(Filter { cutoff: Hertz::of(500.0), sweep: Octaves::of(2.0), ..filter })
        }
        Effect::Equaliser(equaliser) => {
            let mut equaliser = *equaliser;
            for band in [
                &mut equaliser.low,
                &mut equaliser.low_mid,
                &mut equaliser.mid,
                &mut equaliser.high_mid,
                &mut equaliser.presence,
                &mut equaliser.high,
            ] {
                band.gain = Gain::of(6.0);
            }
            Effect::Equaliser(Arc::new(equaliser))
        }
        Effect::Delay(delay) => Effect::Delay(Delay { time: Seconds::of(0.1), ..delay }),
        Effect::Gate(gate) => Effect::Gate(Gate {
            threshold: Decibels::of(-15.0),
            floor: Decibels::of(-30.0),
            ..gate
        }),
        Effect::Limiter(limiter) => {
            Effect::Limiter(Limiter { ceiling: Decibels::of(-12.0), ..limiter })
        }
        Effect::Convolution(convolution) => Effect::Convolution(Arc::new(Convolution {
            impulse: Some(hall.clone()),
            ..(*convolution).clone()
        })),
        other => other,
    }
}

#[test]
fn neutral_effects_pass_their_input_unchanged() {
    /// Samples by which the limiter delays at its default look-ahead.
    const LOOK_AHEAD: usize = 376;

    let Some(mut bench) = Bench::new(tones) else { return };
    let hall = hall(&mut bench);
    let dry = bench.row(None);
    let mut rows = Vec::new();
    for kind in KINDS {
        let effect = Effect::of(kind);
        let neutral = match exercised(kind, &hall) {
            with_mix if named(&effect, "Mix").is_some() => {
                with(with_mix, named(&effect, "Mix").unwrap(), 0.0)
            }
            Effect::Filter(filter) => Effect::Filter(Filter { kind: FilterKind::Off, ..filter }),
            Effect::Tremolo(tremolo) => {
                Effect::Tremolo(Tremolo { depth: Amount::of(0.0), ..tremolo })
            }
            Effect::Gate(gate) => Effect::Gate(Gate { floor: Decibels::of(0.0), ..gate }),
            Effect::Equaliser(_) | Effect::Limiter(_) | Effect::Vst(_) => effect,
            other => panic!("{other:?} has no neutral setting here"),
        };
        rows.push((kind, bench.effect(&neutral)));
    }
    let sounds = bench.render(STIMULUS + 4800);
    assert!(sounds[dry].peak(0..STIMULUS) > -10.0);
    for (kind, row) in rows {
        let late = if kind == EffectKind::Limiter { LOOK_AHEAD } else { 0 };
        let difference = difference(&sounds[row], &later(&sounds[dry], late));
        let allowed = if named(&Effect::of(kind), "Mix").is_some() { -200.0 } else { -90.0 };
        assert!(difference <= allowed, "{kind:?}: {difference} dB");
    }
}

#[test]
fn effects_have_their_reference_levels() {
    /// In dBFS, of the loud quarter of a second and of what follows.
    const LEVELS: [(EffectKind, [f32; 2]); 15] = [
        (EffectKind::Filter, [-16.4, -37.2]),
        (EffectKind::Equaliser, [-8.6, -28.6]),
        (EffectKind::Delay, [-15.7, -24.4]),
        (EffectKind::Reverb, [-16.9, -25.1]),
        (EffectKind::Chorus, [-16.0, -30.5]),
        (EffectKind::Flanger, [-22.9, -38.7]),
        (EffectKind::Phaser, [-17.8, -38.5]),
        (EffectKind::Distortion, [-16.5, -34.5]),
        (EffectKind::BitCrusher, [-15.9, -35.8]),
        (EffectKind::Compressor, [-23.1, -38.2]),
        (EffectKind::Limiter, [-20.1, -32.4]),
        (EffectKind::Gate, [-15.9, -41.7]),
        (EffectKind::Tremolo, [-18.8, -37.8]),
        (EffectKind::Convolution, [-14.6, -28.6]),
        (EffectKind::Vst, [-15.9, -35.9]),
    ];

    let Some(mut bench) = Bench::new(tones) else { return };
    let hall = hall(&mut bench);
    let rows = LEVELS.map(|(kind, _)| bench.effect(&exercised(kind, &hall)));
    let sounds = bench.render(STIMULUS);
    let mut wrong = Vec::new();
    for ((kind, levels), row) in LEVELS.into_iter().zip(rows) {
        let own = [4800..12_000, 12_000..STIMULUS].map(|range| sounds[row].rms(range));
        if own.iter().zip(levels).any(|(own, level)| (own - level).abs() > 0.5) {
            wrong.push(format!("(EffectKind::{kind:?}, {own:.1?}),"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_parameter_changes_the_sound() {
    let Some(mut bench) = Bench::new(tones) else { return };
    let hall = hall(&mut bench);
    let mut rows = Vec::new();
    for kind in KINDS {
        let effect = exercised(kind, &hall);
        let base = bench.effect(&effect);
        for parameter in parameters(&effect) {
            let moved = [0.1, 0.8].map(|part| bench.effect(&with(effect.clone(), parameter, part)));
            rows.push((parameter, base, moved));
        }
    }
    let sounds = bench.render(36_000);
    let mut deaf = Vec::new();
    for (parameter, base, moved) in rows {
        let change = moved.map(|row| difference(&sounds[base], &sounds[row]));
        if change[0].max(change[1]) < -50.0 {
            deaf.push(parameter);
        }
    }
    // The filter of a strip has no keys to track.
    assert_eq!(deaf, [EffectParameter::Filter(FilterParameter::Tracking)]);
}

#[test]
fn effects_are_silent_after_their_tail() {
    let Some(mut bench) = Bench::new(tones) else { return };
    let hall = hall(&mut bench);
    let mut effects: Vec<_> = KINDS.map(|kind| exercised(kind, &hall)).to_vec();
    effects.extend([
        Effect::Delay(Delay { feedback: Amount::of(0.6), ping_pong: true, ..Delay::default() }),
        Effect::Delay(Delay {
            feedback: Amount::of(0.0),
            mix: Amount::of(1.0),
            ..Delay::default()
        }),
        Effect::Reverb(Reverb { decay: Seconds::of(0.0), ..Reverb::default() }),
        Effect::Reverb(Reverb {
            decay: Seconds::of(1.0),
            size: Amount::of(1.0),
            damping: Amount::of(0.0),
            mix: Amount::of(1.0),
            ..Reverb::default()
        }),
        Effect::Reverb(Reverb {
            pre_delay: Seconds::of(1.0),
            mix: Amount::of(1.0),
            ..Reverb::default()
        }),
        Effect::Flanger(Flanger {
            feedback: Feedback::of(-1.0),
            delay: Seconds::of(0.02),
            mix: Amount::of(1.0),
            ..Flanger::default()
        }),
        Effect::Phaser(Phaser {
            feedback: Amount::of(1.0),
            centre: Hertz::of(30.0),
            mix: Amount::of(1.0),
            ..Phaser::default()
        }),
        Effect::Chorus(Chorus {
            delay: Seconds::of(0.2),
            mix: Amount::of(1.0),
            ..Chorus::default()
        }),
        Effect::Filter(Filter {
            kind: FilterKind::BandPass,
            cutoff: Hertz::of(110.0),
            resonance: Amount::of(1.0),
            ..Filter::default()
        }),
        Effect::Distortion(Distortion { curve: DistortionCurve::Rectify, ..Distortion::default() }),
        Effect::BitCrusher(BitCrusher { dither: Amount::of(1.0), ..BitCrusher::default() }),
        Effect::Equaliser(Arc::new(Equaliser {
            low_mid: Band {
                frequency: Hertz::of(110.0),
                gain: Gain::of(24.0),
                quality: Quality::of(30.0),
            },
            ..Equaliser::default()
        })),
    ]);
    let rows: Vec<_> = effects.iter().map(|effect| bench.effect(effect)).collect();
    let tails: Vec<_> = effects.iter().map(|effect| bench.tail(effect)).collect();
    let longest = tails.iter().copied().fold(0.0, f32::max);
    let end = |tail: f32| STIMULUS + (tail * RATE as f32) as usize;
    let sounds = bench.render(end(longest) + 4800);
    for ((effect, tail), row) in effects.iter().zip(tails).zip(rows) {
        let before = sounds[row].peak(0..end(tail));
        let after = sounds[row].peak(end(tail)..end(tail) + 4800);
        assert!(after < before - 60.0, "{effect:?}: {after} dB {tail} s later, {before} before");
    }
}

#[test]
fn turned_knobs_do_not_click() {
    const TURN: usize = 24_000;

    let Some(mut bench) = Bench::new(sine) else { return };
    let hall = hall(&mut bench);
    let mut rows = Vec::new();
    for kind in KINDS {
        let effect = exercised(kind, &hall);
        for parameter in parameters(&effect) {
            for part in [0.1, 0.8] {
                let moved = with(effect.clone(), parameter, part);
                let [before, after] =
                    [&effect, &moved].map(|own| build_effect(own, &bench.surroundings()).unwrap());
                if before.definition != after.definition {
                    continue;
                }
                let place = bench.next_parameter;
                rows.push((parameter, part, bench.effect(&effect)));
                let turn = commands::set_buses(place, &after.values);
                bench.score.send_at(TURN as u64, vec![turn]);
            }
        }
    }
    let sounds = bench.render(2 * TURN);
    let steepest = |row: usize, range: std::ops::Range<usize>| {
        let steps = sounds[row].left()[range].windows(2).map(|pair| (pair[1] - pair[0]).abs());
        steps.fold(0.0, f32::max)
    };
    let mut clicks = Vec::new();
    for (parameter, part, row) in rows {
        let quiet = steepest(row, 12_000..TURN).max(steepest(row, TURN + 12_000..2 * TURN));
        let turn = steepest(row, TURN..TURN + 12_000);
        // A filter may pass its resonance on the way; a crushed signal is nothing but steps.
        let steps = matches!(parameter, EffectParameter::BitCrusher(_));
        if turn > quiet * 2.5 && !steps {
            clicks.push(format!("{parameter:?} to {part}: {turn} after {quiet}"));
        }
    }
    assert!(clicks.is_empty(), "{}", clicks.join("\n"));
}

#[test]
fn new_effects_are_silent_in_used_memory() {
    let Some(mut bench) = Bench::new(tones) else { return };
    let hall = hall(&mut bench);
    let first = bench.next_node;
    let rows = KINDS.map(|kind| {
        let effect = exercised(kind, &hall);
        let row = bench.effect(&effect);
        (kind, row, build_effect(&effect, &bench.surroundings()).unwrap())
    });
    let old: Vec<_> = (first..bench.next_node).map(|id| commands::free(NodeId(id))).collect();
    bench.score.send_at(STIMULUS as u64 + 4800, old);
    bench.now = STIMULUS as u64 + 9600;
    for (_, row, built) in &rows {
        bench.synth(built, &[(BUS, *row as f32 * 2.0)]);
    }
    let sounds = bench.render(STIMULUS + 48_000);
    for (kind, row, _) in rows {
        assert!(sounds[row].peak(0..STIMULUS) > -20.0, "{kind:?}");
        let peak = sounds[row].peak(STIMULUS + 4864..STIMULUS + 48_000);
        assert_eq!(peak, -200.0, "{kind:?}");
    }
}

#[test]
fn extremes_of_all_parameters_stay_bounded() {
    // At the lower rate, the highest frequencies of the filters are beyond its half.
    for rate in [RATE, 32_000] {
        let Some(mut bench) = Bench::at(rate, tones) else { return };
        let hall = hall(&mut bench);
        let mut rows = Vec::new();
        for kind in KINDS {
            for (even, odd) in [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)] {
                let mut effect = exercised(kind, &hall);
                for (index, parameter) in parameters(&effect).into_iter().enumerate() {
                    effect = with(effect, parameter, if index % 2 == 0 { even } else { odd });
                }
                rows.push((bench.effect(&effect), effect));
            }
        }
        let band = Band {
            frequency: Hertz::of(20_000.0),
            gain: Gain::of(24.0),
            quality: Quality::of(0.7),
        };
        for effect in [
            Effect::Equaliser(Arc::new(Equaliser { presence: band, ..Equaliser::default() })),
            Effect::Equaliser(Arc::new(Equaliser { high: band, ..Equaliser::default() })),
            Effect::Distortion(Distortion { tone: band.frequency, ..Distortion::default() }),
            Effect::Phaser(Phaser { centre: band.frequency, ..Phaser::default() }),
        ] {
            rows.push((bench.effect(&effect), effect));
        }
        let sounds = bench.render(48_000);
        for (row, effect) in rows {
            let mut values = sounds[row].0.iter().flatten();
            assert!(values.all(|value| value.is_finite()), "{effect:?}");
            // Six bands of 24 dB each, and otherwise one gain.
            let bands = effect.kind() == EffectKind::Equaliser;
            let bound = if bands { 6.0 * 24.0 } else { 24.0 };
            let peak = sounds[row].peak(0..48_000);
            assert!(peak < bound, "{peak} dB at {rate} Hz: {effect:?}");
        }
    }
}

#[test]
fn effects_recover_from_what_is_not_a_number() {
    let Some(mut bench) = Bench::new(broken_sine) else { return };
    let hall = hall(&mut bench);
    let broken = bench.row(None);
    let rows = KINDS.map(|kind| (kind, bench.effect(&exercised(kind, &hall))));
    let sounds = bench.render(24_000);
    assert!(sounds[broken].left()[4800..5280].iter().any(|value| value.is_nan()));
    for (kind, row) in rows {
        let mut values = sounds[row].0.iter().flatten();
        assert!(values.all(|value| value.is_finite()), "{kind:?}");
        assert!(sounds[row].peak(12_000..24_000) > -40.0, "{kind:?}");
    }
}

#[test]
fn highest_feedback_does_not_run_away() {
    const SECONDS: usize = 8;

    let Some(mut bench) = Bench::new(sine) else { return };
    let delay = Delay {
        time: Seconds::of(0.01),
        feedback: Amount::of(1.0),
        damping: Hertz::of(20_000.0),
        mix: Amount::of(1.0),
        ..Delay::default()
    };
    // Of 1 kHz, all of them have whole periods.
    let effects = [
        Effect::Delay(delay),
        Effect::Delay(Delay { ping_pong: true, ..delay }),
        Effect::Reverb(Reverb {
            decay: Seconds::of(60.0),
            mix: Amount::of(1.0),
            ..Reverb::default()
        }),
        Effect::Flanger(Flanger {
            depth: Amount::of(0.0),
            feedback: Feedback::of(1.0),
            mix: Amount::of(1.0),
            ..Flanger::default()
        }),
        Effect::Phaser(Phaser {
            centre: Hertz::of(1000.0),
            depth: Octaves::of(0.0),
            feedback: Amount::of(1.0),
            mix: Amount::of(1.0),
            ..Phaser::default()
        }),
    ];
    let rows = effects.clone().map(|effect| bench.effect(&effect));
    let sounds = bench.render(SECONDS * RATE as usize);
    for (row, effect) in rows.into_iter().zip(effects) {
        let seconds = (0..SECONDS)
            .map(|second| sounds[row].peak(second * RATE as usize..(second + 1) * RATE as usize));
        let peaks: Vec<_> = seconds.collect();
        // An echo is at most four times full scale.
        assert!(peaks.iter().all(|peak| *peak < 13.1), "{peaks:?}: {effect:?}");
        assert!(peaks[SECONDS - 1] < peaks[SECONDS - 2] + 0.5, "{peaks:?}: {effect:?}");
        assert!(peaks[SECONDS - 1] > -30.0, "{peaks:?}: {effect:?}");
    }
}

#[test]
fn echoes_come_on_their_sample() {
    let Some(mut bench) = Bench::new(click) else { return };
    let delay = Delay {
        time: Seconds::of(0.1),
        feedback: Amount::of(0.5),
        damping: Hertz::of(20_000.0),
        mix: Amount::of(1.0),
        ..Delay::default()
    };
    let plain = bench.effect(&Effect::Delay(delay));
    let alternating = bench.effect(&Effect::Delay(Delay { ping_pong: true, ..delay }));
    // An eighth of a beat of half a second.
    let synced =
        bench.effect(&Effect::Delay(Delay { sync: Some(NoteValue::ThirtySecond), ..delay }));
    let sounds = bench.render(20_000);
    let loudest = |row: usize, channel: usize, echo: usize| {
        let channel = &sounds[row].0[channel];
        let around = CLICK + echo - 2000..CLICK + echo + 2000;
        let found = around.max_by(|a, b| channel[*a].abs().total_cmp(&channel[*b].abs())).unwrap();
        (found - CLICK, channel[found])
    };
    let first = loudest(plain, 0, 4800);
    assert!(first.0 == 4800 && (first.1 - 1.0).abs() < 0.01, "{first:?}");
    assert!(loudest(plain, 0, 9600).0.abs_diff(9600) <= 1);
    assert_eq!(loudest(alternating, 0, 4800).0, 4800);
    assert_eq!(peak(&sounds[alternating].right()[..7200]), -200.0);
    assert!(loudest(alternating, 1, 9600).0.abs_diff(9600) <= 1);
    assert_eq!(loudest(synced, 0, 3000).0, 3000);
}

#[test]
fn reverb_decays_in_its_time() {
    let Some(mut bench) = Bench::new(click) else { return };
    let reverb = Reverb { damping: Amount::of(0.0), mix: Amount::of(1.0), ..Reverb::default() };
    let times = [0.5, 1.0, 2.0];
    let rows = times.map(|seconds| {
        bench.effect(&Effect::Reverb(Reverb { decay: Seconds::of(seconds), ..reverb }))
    });
    let sounds = bench.render(72_000);
    for (seconds, row) in times.into_iter().zip(rows) {
        let half = (seconds * RATE as f32 / 2.0) as usize;
        let [early, late] = [7200, 7200 + half].map(|start| sounds[row].rms(start..start + 4800));
        assert!((early - late - 30.0).abs() < 4.0, "{seconds} s: {early} dB, then {late}");
    }
}

#[test]
fn limiter_holds_its_ceiling_and_the_stereo_image() {
    let Some(mut bench) = Bench::new(tones) else { return };
    let dry = bench.row(None);
    let limiter = |release, look_ahead| {
        Effect::Limiter(Limiter {
            ceiling: Decibels::of(-6.0),
            drive: Gain::of(24.0),
            release: Seconds::of(release),
            look_ahead: Seconds::of(look_ahead),
        })
    };
    let rows = [(0.05, 0.005), (0.0, 0.0), (0.0, 60.0), (1.0, 0.001)]
        .map(|(release, look_ahead)| bench.effect(&limiter(release, look_ahead)));
    let sounds = bench.render(48_000);
    for row in rows {
        let peak = sounds[row].peak(0..48_000);
        assert!((-6.1..-5.99).contains(&peak), "{peak}");
    }
    let balance = |row: usize, range: std::ops::Range<usize>| {
        rms(&sounds[row].left()[range.clone()]) - rms(&sounds[row].right()[range])
    };
    let change = balance(rows[3], 4000..12_000) - balance(dry, 4000 - 98..12_000 - 98);
    assert!(change.abs() < 0.2, "{change} dB");
}

#[test]
fn compressor_divides_the_excess_on_both_channels() {
    let Some(mut bench) = Bench::new(sine) else { return };
    let compressor = Compressor::default();
    let own = bench.effect(&Effect::Compressor(compressor));
    let keyed = Effect::Compressor(Compressor { side_chain: Some(BusId(1)), ..compressor });
    let silent = bench.effect(&keyed);
    let sounds = bench.render(48_000);
    // 12 dB above the threshold, at 4:1.
    let gain =
        |row: usize, channel: usize, input: f32| peak(&sounds[row].0[channel][24_000..]) - input;
    for (channel, input) in [(0, -6.02), (1, -26.02)] {
        let own = gain(own, channel, input);
        assert!((own + 9.0).abs() < 0.3, "{own} dB on channel {channel}");
        assert_eq!(gain(silent, channel, input).round(), 0.0);
    }
}

#[test]
fn dynamics_turn_both_channels_down_alike() {
    let Some(mut bench) = Bench::new(loud_on_the_right) else { return };
    let limiter = Limiter { ceiling: Decibels::of(-20.0), ..Limiter::default() };
    let rows = [Effect::Compressor(Compressor::default()), Effect::Limiter(limiter)]
        .map(|effect| bench.effect(&effect));
    let sounds = bench.render(48_000);
    for (row, loudest) in rows.into_iter().zip([-15.0, -20.0]) {
        let [left, right] = [0, 1].map(|channel| peak(&sounds[row].0[channel][24_000..]));
        assert!(
            (right - loudest).abs() < 0.3 && (left - loudest + 20.0).abs() < 0.3,
            "{left}, {right}"
        );
    }
}

#[test]
fn effects_remove_the_constant_part_that_they_make() {
    let Some(mut bench) = Bench::new(sine_with_offset) else { return };
    let rectified = bench.effect(&Effect::Distortion(Distortion {
        curve: DistortionCurve::Rectify,
        ..Distortion::default()
    }));
    let echoes = bench.effect(&Effect::Delay(Delay {
        time: Seconds::of(0.01),
        feedback: Amount::of(1.0),
        mix: Amount::of(1.0),
        ..Delay::default()
    }));
    let sounds = bench.render(192_000);
    let mean = |row: usize| sounds[row].right()[144_000..].iter().sum::<f32>() / 48_000.0;
    assert!(mean(rectified).abs() < 0.01, "{}", mean(rectified));
    // What comes in goes out again once.
    assert!((mean(echoes) - 0.1).abs() < 0.05, "{}", mean(echoes));
}

#[test]
fn gate_does_not_flutter_at_its_threshold() {
    let Some(mut bench) = Bench::new(wavering_sine) else { return };
    let dry = bench.row(None);
    let gate = bench.effect(&Effect::Gate(Gate {
        threshold: Decibels::of(-6.1),
        hold: Seconds::of(0.0),
        release: Seconds::of(0.001),
        ..Gate::default()
    }));
    let sounds = bench.render(96_000);
    let [dry, gated] = [dry, gate].map(|row| sounds[row].rms(24_000..96_000));
    assert!((dry - gated).abs() < 0.01, "{dry} dB, {gated} dB");
}

#[test]
fn tail_is_half_a_minute_at_most() {
    let surroundings =
        Surroundings { beat: 0.5, files: &Responses::default(), buses: &Key, offline: true };
    let delay = Delay { feedback: Amount::of(1.0), ..Delay::default() };
    assert_eq!(tail_of(&Effect::Delay(delay), &surroundings), 30.0);
}

#[test]
fn limiter_delays_by_whole_samples_at_each_rate() {
    for rate in [22_050, 44_100, 48_000, 96_000] {
        let Some(mut bench) = Bench::at(rate, tones) else { return };
        let dry = bench.row(None);
        let times = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125];
        let rows = times.map(|seconds| {
            bench.effect(&Effect::Limiter(Limiter {
                look_ahead: Seconds::of(seconds),
                ..Limiter::default()
            }))
        });
        let sounds = bench.render(30_000);
        for (row, seconds) in rows.into_iter().zip(times) {
            let half = seconds.log2().ceil().exp2() / 2.0 * rate as f32;
            let expected = later(&sounds[dry], half.ceil() as usize * 2);
            let difference = difference(&sounds[row], &expected);
            assert_eq!(difference, -200.0, "{seconds} s at {rate} Hz");
        }
    }
}

#[test]
fn side_chain_of_a_bus_drives_the_compressor() {
    let Some(mut bench) = Bench::new(sine) else { return };
    let compressor = Compressor { side_chain: Some(BusId(1)), ..Compressor::default() };
    let ducked = bench.effect(&Effect::Compressor(compressor));
    let key = {
        let graph = Graph::new();
        let key = graph.sine(100.0, 0.0) * graph.sweep(0.0, 1.0).greater(0.5);
        graph.write_audio(graph.constant(KEY_BUS as f32), &[key, key]);
        graph.finish().unwrap()
    };
    bench.synth(&key, &[]);
    let sounds = bench.render(48_000);
    let [before, after] = [12_000..23_000, 36_000..48_000].map(|range| sounds[ducked].peak(range));
    // 18 dB above the threshold, at 4:1.
    assert!((before + 6.02).abs() < 0.1 && (after - before + 13.5).abs() < 0.5, "{before} {after}");
}

#[test]
fn gate_closes_to_its_floor_after_the_hold() {
    let Some(mut bench) = Bench::new(tones) else { return };
    let dry = bench.row(None);
    let gate = bench.effect(&Effect::Gate(Gate {
        threshold: Decibels::of(-15.0),
        floor: Decibels::of(-30.0),
        attack: Seconds::of(0.001),
        hold: Seconds::of(0.05),
        release: Seconds::of(0.05),
    }));
    let sounds = bench.render(STIMULUS);
    let gain =
        |range: std::ops::Range<usize>| sounds[gate].rms(range.clone()) - sounds[dry].rms(range);
    assert!(gain(2400..12_000).abs() < 0.01);
    // The detector follows within 25 ms.
    assert!(gain(12_000..14_000).abs() < 0.01);
    assert!((gain(20_000..STIMULUS) + 30.0).abs() < 0.2, "{}", gain(20_000..STIMULUS));
}

#[test]
fn convolution_applies_the_response_as_far_as_its_length() {
    let Some(mut bench) = Bench::new(click) else { return };
    let mut left = vec![0.0; 8000];
    let mut right = left.clone();
    (left[0], left[6000], right[1000]) = (1.0, -0.5, 0.24);
    let impulse = Some(bench.response(&[left, right]));
    let convolution = Convolution { impulse, mix: Amount::of(1.0), ..Convolution::default() };
    let whole = bench.effect(&Effect::Convolution(Arc::new(convolution.clone())));
    let half = Convolution { length: Amount::of(0.5), ..convolution.clone() };
    let half = bench.effect(&Effect::Convolution(Arc::new(half)));
    let absent = Convolution { impulse: None, ..convolution.clone() };
    let absent = bench.effect(&Effect::Convolution(Arc::new(absent)));
    let dry = bench.row(None);
    let late = Convolution { pre_delay: Seconds::of(0.1), ..convolution };
    let late = bench.effect(&Effect::Convolution(Arc::new(late)));
    let sounds = bench.render(16_000);
    let peaks = |channel: &[f32]| {
        let loud = |(index, value): (usize, &f32)| {
            (value.abs() > 0.01).then_some((index as i32 - CLICK as i32, (*value * 100.0).round()))
        };
        channel.iter().enumerate().filter_map(loud).collect::<Vec<_>>()
    };
    // A partition needs its time, and the shortest delay is a sample.
    let first = PARTITION as i32 / 2 - BLOCK as i32 + 1;
    assert_eq!(peaks(sounds[whole].left()), [(first, 100.0), (first + 6000, -50.0)]);
    assert_eq!(peaks(sounds[whole].right()), [(first + 1000, 12.0)]);
    assert_eq!(peaks(sounds[half].left()), [(first, 100.0)]);
    assert_eq!(peaks(sounds[late].left()), [(4800, 100.0), (10_800, -50.0)]);
    assert_eq!(sounds[absent], sounds[dry]);
}
