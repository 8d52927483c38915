//! Every kind of source, rendered: onset, pitch, level, silence, and what each parameter does.

#[path = "support/notes.rs"]
mod notes;
#[path = "support/mod.rs"]
mod support;

use std::{collections::BTreeSet, sync::Arc};

use imbolc_net::{
    studio::{
        AdditiveParameter, AudioInputParameter, Automated as _, BowParameter, BusId,
        BusInputParameter, FmAlgorithm, FmParameter, FourOperatorParameter, Kick, Lfo, LfoShape,
        LfoTarget, MalletParameter, Membrane, MembraneParameter, NoiseColour, PipeParameter,
        PluckParameter, RingModulationParameter, SampleLoop, SamplerParameter, Settings as _,
        Source, SourceKind, SourceParameter, SuperSawParameter, Tom, Wave, WavetableParameter,
    },
    util::quantity::{Amount, ModulationRate, Octaves, Seconds, VoiceCount},
};
use imbolc_supercollider::sounds::{VoiceLife, build_voice, sounds_without_key};
use notes::{
    HELD, MIDDLE_C, Notes, SINE, STEREO, WAVES, content, difference, largest, plain, surroundings,
};
use support::{cents, decibels};

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
            } else if !is_gain(parameter)
                && largest(note).max(largest(played.right(number))) > TOO_LOUD
            {
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

/// What a gain in dB does is its own affair.
fn is_gain(parameter: SourceParameter) -> bool {
    use SourceParameter::{AudioInput, BusInput, Sampler};
    matches!(
        parameter,
        AudioInput(AudioInputParameter::Gain)
            | BusInput(BusInputParameter::Gain)
            | Sampler(SamplerParameter::Gain)
    )
}

/// 2 dB above full scale, as an amplitude.
const TOO_LOUD: f32 = 1.26;

#[test]
fn notes_begin_on_their_sample() {
    const LATE: u64 = 37;

    let Some(mut notes) = Notes::new() else { return };
    let numbers: Vec<_> = variants()
        .iter()
        .filter(|source| !sounds_without_key(source))
        .map(|source| {
            let instrument = plain(source.clone());
            let each = [0, LATE].map(|late| notes.play(&instrument, late, MIDDLE_C));
            (source.kind(), each)
        })
        .collect();
    let played = notes.render();
    for (kind, [on_block, late]) in numbers {
        let (on_block, late) = (played.note(on_block, 0), played.note(late, 37));
        let change = difference(on_block, late);
        assert!(change < 1e-4, "{kind:?}: {change}");
        let start = on_block.iter().position(|sample| sample.abs() > 0.001).unwrap();
        assert!(start < 480, "{kind:?} begins {start} samples late");
    }
}

/// The pitches of sources that have one: at these keys, within so many cents. `None` is the
/// frequency of the key.
fn pitched() -> Vec<(Source, Option<f64>, f64)> {
    let mut table = Vec::new();
    let mut add = |source: Source, own: Option<f64>, within: f64| table.push((source, own, within));
    for wave in [Wave::Sine, Wave::Triangle, Wave::Saw, Wave::Square] {
        add(at_wave(wave), None, 1.0);
    }
    let still = |source: &Source, parameter| at(source, parameter, 0.0);
    for kind in [
        SourceKind::SyncSaw,
        SourceKind::Wavetable,
        SourceKind::Fm,
        SourceKind::FourOperator,
        SourceKind::Additive,
        SourceKind::Sampler,
    ] {
        add(with_file(Source::of(kind)), None, 1.0);
    }
    let super_saw = Source::of(SourceKind::SuperSaw);
    add(at(&super_saw, SourceParameter::SuperSaw(SuperSawParameter::Detune), 0.5), None, 1.0);
    let ring = Source::of(SourceKind::RingModulation);
    let plain = SourceParameter::RingModulation(RingModulationParameter::Mix);
    add(still(&ring, plain), None, 1.0);
    let file = changed(SourceKind::Wavetable, |source| {
        if let Source::Wavetable(own) = source {
            Arc::make_mut(own).table = Some(content(WAVES));
        }
    });
    add(file, None, 1.0);
    let bow = Source::of(SourceKind::Bow);
    add(still(&bow, SourceParameter::Bow(BowParameter::Vibrato)), None, 10.0);
    let pipe = Source::of(SourceKind::Pipe);
    let pipe = still(&pipe, SourceParameter::Pipe(PipeParameter::Noise));
    add(still(&pipe, SourceParameter::Pipe(PipeParameter::Vibrato)), None, 10.0);
    add(Source::of(SourceKind::Pluck), None, 10.0);
    let damped = SourceParameter::Pluck(PluckParameter::Damping);
    add(still(&Source::of(SourceKind::Pluck), damped), None, 10.0);
    let mallet = Source::of(SourceKind::Mallet);
    let harmonic = SourceParameter::Mallet(MalletParameter::Inharmonicity);
    add(still(&mallet, harmonic), None, 10.0);
    let membrane = Source::Membrane(Membrane { decay: Seconds::of(4.0), ..Membrane::default() });
    add(at(&membrane, SourceParameter::Membrane(MembraneParameter::Place), 0.0), None, 10.0);
    add(Source::Kick(Kick { decay: Seconds::of(4.0), ..Kick::default() }), Some(50.0), 1.0);
    let straight = Tom { decay: Seconds::of(4.0), sweep: Octaves::of(0.0), ..Tom::default() };
    add(Source::Tom(straight), Some(110.0), 1.0);
    table
}

fn at_wave(wave: Wave) -> Source {
    changed(SourceKind::Oscillator, |source| {
        if let Source::Oscillator(own) = source {
            own.wave = wave;
        }
    })
}

#[test]
fn sources_are_in_tune() {
    let Some(mut notes) = Notes::new() else { return };
    let mut numbers = Vec::new();
    for (source, own, within) in pitched() {
        for octaves in [-2, 0, 2] {
            let frequency = MIDDLE_C * 2_f64.powi(octaves);
            let note = notes.play(&plain(source.clone()), 0, frequency);
            numbers.push((source.kind(), note, own.unwrap_or(frequency), within));
        }
    }
    let played = notes.render();
    let mut faults = Vec::new();
    for (kind, note, frequency, within) in numbers {
        let off = cents(&played.note(note, 0)[2400..9600], frequency);
        if off.abs() > within {
            faults.push(format!("{kind:?} at {frequency:.1} Hz: {off:.2} cents"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The mean level of each kind in dBFS, over the time that a key is held.
const LEVELS: &[(SourceKind, f32)] = &[
    (SourceKind::Oscillator, -8.4),
    (SourceKind::SuperSaw, -14.9),
    (SourceKind::SyncSaw, -9.2),
    (SourceKind::Wavetable, -6.1),
    (SourceKind::Noise, -10.8),
    (SourceKind::Fm, -6.4),
    (SourceKind::FourOperator, -7.5),
    (SourceKind::RingModulation, -9.1),
    (SourceKind::Pluck, -11.6),
    (SourceKind::Bow, -14.1),
    (SourceKind::Pipe, -11.3),
    (SourceKind::Mallet, -12.2),
    (SourceKind::Membrane, -17.4),
    (SourceKind::Kick, -13.4),
    (SourceKind::Snare, -24.8),
    (SourceKind::HiHat, -32.9),
    (SourceKind::Clap, -24.1),
    (SourceKind::Tom, -13.0),
    (SourceKind::Cowbell, -21.2),
    (SourceKind::Sampler, -6.1),
    (SourceKind::Granular, -11.7),
    (SourceKind::Additive, -9.0),
    (SourceKind::AudioInput, -9.0),
    (SourceKind::BusInput, -9.0),
];

#[test]
fn levels_are_those_of_the_table() {
    let Some(mut notes) = Notes::new() else { return };
    let sources = all();
    for source in &sources {
        notes.play(&plain(source.clone()), 0, MIDDLE_C);
    }
    let played = notes.render();
    let mut faults = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let note = played.note(number, 0);
        let (level, peak) = (support::rms(&note[..9600]), decibels(largest(note)));
        let expected = LEVELS.iter().find(|(kind, _)| *kind == source.kind());
        if expected.is_none_or(|(_, expected)| (level - expected).abs() > 0.5) {
            faults.push(format!("(SourceKind::{:?}, {level:.1}),", source.kind()));
        }
        if !(-8.0..=0.5).contains(&peak) {
            faults.push(format!("{:?} has a peak of {peak:.1} dBFS", source.kind()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn silent_after_release() {
    let Some(mut notes) = Notes::new() else { return };
    let sources: Vec<_> = variants().into_iter().filter(is_held).collect();
    for source in &sources {
        notes.play(&plain(source.clone()), 0, MIDDLE_C);
    }
    let played = notes.render();
    for (number, source) in sources.iter().enumerate() {
        // A release of 50 ms.
        let rest = &played.note(number, 0)[9600 + 2400 + 128..];
        assert!(largest(rest) == 0.0, "{:?} sounds on", source.kind());
    }
}

fn is_held(source: &Source) -> bool {
    let voice = build_voice(&plain(source.clone()), &surroundings(false)).unwrap();
    matches!(voice.life, VoiceLife::Held(_))
}

#[test]
fn drums_ring_as_long_as_they_decay() {
    let Some(mut notes) = Notes::new() else { return };
    let drums: Vec<_> = all().into_iter().filter(|source| !is_held(source)).collect();
    assert_eq!(drums.len(), 6);
    let mut lives = Vec::new();
    for drum in &drums {
        let voice = build_voice(&plain(drum.clone()), &surroundings(false)).unwrap();
        let VoiceLife::Own(seconds) = voice.life else { panic!("held") };
        lives.push(seconds);
        // Let go at once, and held.
        notes.play_held(&voice.built, 64);
        notes.play_held(&voice.built, HELD);
    }
    let played = notes.render();
    for ((index, drum), seconds) in drums.iter().enumerate().zip(lives) {
        let [short, long] = [index * 2, index * 2 + 1].map(|number| played.note(number, 0));
        assert_eq!(short, long, "{:?}", drum.kind());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples")]
        let end = ((seconds * 48_000.0) as usize).min(15_000);
        let close = decibels(largest(&long[end * 9 / 10..end]) / largest(long));
        assert!(end == 15_000 || close < -50.0, "{:?} is cut off at {close:.1} dB", drum.kind());
    }
}

#[test]
fn cut_ends_a_drum() {
    let Some(mut notes) = Notes::new() else { return };
    let tom = Source::Tom(Tom { decay: Seconds::of(4.0), ..Tom::default() });
    let voice = build_voice(&plain(tom), &surroundings(false)).unwrap();
    let number = notes.play_cut(&voice.built, 4800);
    let played = notes.render();
    let note = played.note(number, 0);
    assert!(largest(&note[4000..4800]) > 0.1);
    assert!(largest(&note[4800 + 64 + 480 + 64..]) == 0.0);
}

#[test]
fn lfo_moves_the_timbre_of_every_source() {
    /// What has no timbre of its own.
    const FIXED: [SourceKind; 2] = [SourceKind::AudioInput, SourceKind::BusInput];

    let Some(mut notes) = Notes::new() else { return };
    let sources: Vec<_> =
        all().into_iter().filter(|source| !FIXED.contains(&source.kind())).collect();
    for source in &sources {
        let mut instrument = plain(source.clone());
        notes.play(&instrument, 0, MIDDLE_C);
        instrument.lfo = Arc::new(Lfo {
            on: true,
            shape: LfoShape::Square,
            rate: ModulationRate::of(20.0),
            depth: Amount::MAX,
            target: LfoTarget::Timbre,
            ..Lfo::default()
        });
        notes.play(&instrument, 0, MIDDLE_C);
    }
    let played = notes.render();
    for (index, source) in sources.iter().enumerate() {
        let [still, moved] = [index * 2, index * 2 + 1].map(|number| played.note(number, 0));
        let (change, level) = (difference(still, moved), decibels(largest(moved)));
        assert!(change > 0.01, "{:?} does not change", source.kind());
        assert!(level < 2.0, "{:?}: {level:.1} dBFS", source.kind());
    }
}

#[test]
fn no_combination_of_values_is_too_loud_at_any_key() {
    let Some(mut notes) = Notes::new() else { return };
    let mut numbers = Vec::new();
    // A simple generator: the same values in each run.
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "24 bits")]
        let part = (state >> 8) as f32 / 16_777_215.0;
        part
    };
    for source in variants() {
        for frequency in [8.175_798, 65.4, 1046.5, 12_543.85] {
            let mut source = source.clone();
            if frequency > 10.0 && frequency < 12_000.0 {
                for parameter in parameters(&source).into_iter().filter(|own| !is_gain(*own)) {
                    source = at(&source, parameter, random());
                }
            }
            numbers.push((
                format!("{frequency} Hz {source:?}"),
                notes.play(&plain(source), 0, frequency),
            ));
        }
    }
    let played = notes.render();
    let mut faults = Vec::new();
    for (name, number) in numbers {
        let note = played.note(number, 0);
        let loudest = largest(note).max(largest(played.right(number)));
        if !note.iter().all(|sample| sample.is_finite()) || loudest > 1.5 {
            faults.push(format!("{:.1} dBFS: {name}", decibels(loudest)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The power at odd multiples of half of a frequency, relative to all, in dB. For a period of
/// 15.5 samples that is where what is beyond half of the sample rate folds back to.
fn folded(samples: &[f32]) -> f64 {
    let samples = &samples[..samples.len() / 31 * 31];
    let power = |bin: u32| {
        let step = std::f64::consts::TAU * f64::from(bin) / 31.0;
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (at, sample) in (0_u32..).zip(samples) {
            let (sin, cos) = (step * f64::from(at)).sin_cos();
            real += f64::from(*sample) * cos;
            imaginary += f64::from(*sample) * sin;
        }
        real * real + imaginary * imaginary
    };
    let [odd, all] = [2, 1].map(|step| (1..16).step_by(step).map(power).sum::<f64>());
    10.0 * (odd / all).log10()
}

#[test]
fn overtones_do_not_fold_back() {
    let Some(mut notes) = Notes::new() else { return };
    let mut sources = vec![at_wave(Wave::Saw), at_wave(Wave::Square)];
    let top = |kind, parameters: &[SourceParameter]| {
        parameters.iter().fold(Source::of(kind), |source, own| at(&source, *own, 1.0))
    };
    sources.push(top(SourceKind::Fm, &[SourceParameter::Fm(FmParameter::Index)]));
    let index = SourceParameter::FourOperator(FourOperatorParameter::Index2);
    sources.push(top(SourceKind::FourOperator, &[index]));
    let harmonics = SourceParameter::Additive(AdditiveParameter::Harmonics);
    let flat = top(SourceKind::Additive, &[harmonics]);
    sources.push(at(&flat, SourceParameter::Additive(AdditiveParameter::Slope), 0.0));
    for position in [0.5, 1.0] {
        let place = SourceParameter::Wavetable(WavetableParameter::Position);
        sources.push(at(&Source::of(SourceKind::Wavetable), place, position));
    }
    for source in &sources {
        notes.play(&plain(source.clone()), 0, f64::from(support::RATE) / 15.5);
    }
    let played = notes.render();
    for (number, source) in sources.iter().enumerate() {
        let level = folded(&played.note(number, 0)[2400..9600]);
        assert!(level < -30.0, "{level:.1} dB of {source:?}");
    }
}
