//! What `scsynth` makes of graphs: operators, wire buffers, and how cheap they are.

#[path = "support/mod.rs"]
mod support;

use imbolc_net::studio::{Instrument, Source, SourceKind};
use imbolc_supercollider::{
    sounds::{BUS, BusSignals, Files, Surroundings, build_voice},
    synth_def::{Built, Graph, Signal, TooManyWires, WIRE_BUFFERS},
};
use support::{Sound, Stage};

type Operation = for<'g> fn(Signal<'g>, Signal<'g>) -> Signal<'g>;

/// Each operator with two operands and its result.
const OPERATORS: &[(Operation, [f32; 2], f32)] = &[
    (|a, b| a + b, [1.5, 0.25], 1.75),
    (|a, b| a - b, [1.5, 0.25], 1.25),
    (|a, b| a * b, [1.5, 0.25], 0.375),
    (|a, b| a / b, [1.5, 0.25], 6.0),
    (|a, b| a.modulo(b), [-0.5, 2.0], 1.5),
    (|a, b| a.less(b), [1.0, 2.0], 1.0),
    (|a, b| a.less(b), [2.0, 2.0], 0.0),
    (|a, b| a.greater(b), [3.0, 2.0], 1.0),
    (|a, b| a.greater(b), [2.0, 2.0], 0.0),
    (|a, b| a.min(b), [3.0, 2.0], 2.0),
    (|a, b| a.max(b), [3.0, 2.0], 3.0),
    (|a, b| a.round(b), [2.6, 0.5], 2.5),
    (|a, b| a.pow(b), [3.0, 2.0], 9.0),
    (|a, b| a.pow(b), [-3.0, 2.0], -9.0),
    (|a, b| a.clip(b), [-3.0, 2.0], -2.0),
    (|a, b| a.fold(b), [2.5, 2.0], 1.5),
    (|a, b| a.wrap(b), [2.5, 2.0], -1.5),
    (|a, b| a.times_plus(b, 0.5), [2.0, 3.0], 6.5),
    (|a, b| a.blend(b, 0.25), [1.0, 3.0], 1.5),
    (|a, _| -a, [1.5, 0.0], -1.5),
    (|a, _| a.abs(), [-1.5, 0.0], 1.5),
    (|a, _| a.floor(), [-1.5, 0.0], -2.0),
    (|a, _| a.fract(), [1.75, 0.0], 0.75),
    (|a, _| a.sign(), [-1.5, 0.0], -1.0),
    (|a, _| a.squared(), [-1.5, 0.0], 2.25),
    (|a, _| a.sqrt(), [2.25, 0.0], 1.5),
    (|a, _| a.sqrt(), [-2.25, 0.0], -1.5),
    (|a, _| a.exp(), [1.0, 0.0], std::f32::consts::E),
    (|a, _| a.reciprocal(), [4.0, 0.0], 0.25),
    (|a, _| a.semitones(), [7.0, 0.0], 1.498_307),
    (|a, _| a.octaves(), [-2.0, 0.0], 0.25),
    (|a, _| a.cents(), [1200.0, 0.0], 2.0),
    (|a, _| a.amplitude(), [-20.0, 0.0], 0.1),
    (|a, _| a.decibels(), [0.1, 0.0], -20.0),
    (|a, _| a.sin(), [0.5, 0.0], 0.479_425_5),
    (|a, _| a.cos(), [0.5, 0.0], 0.877_582_6),
    (|a, _| a.tan(), [0.5, 0.0], 0.546_302_5),
    (|a, _| a.arc_tan(), [0.5, 0.0], 0.463_647_6),
    (|a, _| a.tanh(), [0.5, 0.0], 0.462_117_2),
    (|a, _| a.distort(), [-3.0, 0.0], -0.75),
    (|a, _| a.soft_clip(), [0.4, 0.0], 0.4),
    (|a, _| a.soft_clip(), [2.0, 0.0], 0.875),
];

/// The result of an operation on audio signals, and on signals at control rate.
fn rendered(operation: Operation, audio: bool) -> Built {
    let graph = Graph::new();
    let operands = ["a", "b"].map(|name| {
        let operand = graph.control(name, 0.0);
        if audio { graph.fast(operand) } else { operand }
    });
    let result = operation(operands[0], operands[1]);
    // What is above 1 is not clipped in a file of floats.
    graph.write_audio(graph.control(BUS, 0.0), &[result, result]);
    graph.finish().unwrap()
}

fn samples_of(sound: &Sound, number: usize) -> &[f32] {
    &sound.left()[number * 256 + 64..(number + 1) * 256 - 128]
}

#[test]
fn operators_have_the_numbers_of_the_server() {
    let Some(mut stage) = Stage::new() else { return };
    let all = || OPERATORS.iter().flat_map(|row| [false, true].map(|audio| (row, audio)));
    for (index, ((operation, [a, b], _), audio)) in (0_u64..).zip(all()) {
        let built = rendered(*operation, audio);
        let place = stage.place(&built);
        let node =
            stage.synth(&built, place, index * 256, support::VOICES, &[("a", *a), ("b", *b)]);
        stage.score.send_at(index * 256 + 192, vec![imbolc_supercollider::commands::free(node)]);
    }
    let sound = stage.render(all().count() as u64 * 256);
    for (number, ((_, operands, expected), audio)) in all().enumerate() {
        for sample in samples_of(&sound, number) {
            let off = (sample - expected).abs();
            assert!(
                off < 2e-3 * expected.abs().max(1.0),
                "row {}, {operands:?}, audio {audio}: {sample}, not {expected}",
                number / 2
            );
        }
    }
}

type Reader = for<'g> fn(Signal<'g>) -> Signal<'g>;

/// Units that read their input sample by sample, and what a constant of 0.5 becomes.
const READERS: &[(Reader, f32)] = &[
    (|input| input.graph().low_pass(input, 5000.0), 0.5),
    (|input| input.graph().resonant_low_pass(input, 5000.0, 0.9), 0.5),
    (|input| input.graph().high_pass(input, 5000.0), 0.0),
    (|input| input.graph().resonant_high_pass(input, 5000.0, 0.9), 0.0),
    (|input| input.graph().band_pass(input, 5000.0, 0.9), 0.0),
    (|input| input.graph().one_pole(input, 0.1), 0.5),
    (|input| input.graph().delay(input, 0.01, 0.001), 0.5),
    (|input| input.graph().moving_delay(input, 0.01, 0.001), 0.5),
    (|input| input.graph().sanitize(input, 0.0), 0.5),
    (|input| input.graph().limiter(input, 0.9, 0.0005), 0.5),
    (|input| input.graph().peak_follower(input, 0.9), 0.5),
    (|input| input.graph().slew(input, 0.0, 0.0), 0.5),
    (|input| input.graph().hold(input, input.graph().impulses(1000.0, 0.0)), 0.5),
    (|input| input.graph().difference(input), 0.0),
    (|input| input.graph().slow_level(input, 0.0001, 0.0001), 0.5),
];

#[test]
fn units_that_need_audio_get_it_from_any_input() {
    let Some(mut stage) = Stage::new() else { return };
    let graphs = READERS.iter().flat_map(|(reader, expected)| {
        [false, true].map(|constant| {
            let graph = Graph::new();
            let input = if constant { graph.constant(0.5) } else { graph.control("input", 0.5) };
            graph.write_audio(graph.control(BUS, 0.0), &[reader(input)]);
            (graph.finish().unwrap(), *expected)
        })
    });
    let graphs: Vec<_> = graphs.collect();
    for (start, (built, _)) in (0_u64..).step_by(640).zip(&graphs) {
        let place = stage.place(built);
        let node = stage.synth(built, place, start, support::VOICES, &[]);
        stage.score.send_at(start + 576, vec![imbolc_supercollider::commands::free(node)]);
    }
    let sound = stage.render(graphs.len() as u64 * 640);
    for (number, (_, expected)) in graphs.iter().enumerate() {
        for sample in &sound.left()[number * 640 + 400..number * 640 + 560] {
            let row = number / 2;
            assert!((sample - expected).abs() < 0.01, "row {row}: {sample}, not {expected}");
        }
    }
}

/// A sum of so many signals that exist at the same time.
fn wide(count: usize) -> Result<Built, TooManyWires> {
    let graph = Graph::new();
    let own = graph.control("level", 1.0);
    let all: Vec<_> = (0..count).map(|_| graph.fast(own)).collect();
    let sum = all.into_iter().reduce(|sum, signal| sum + signal).unwrap();
    graph.write_audio(graph.control(BUS, 0.0), &[sum]);
    graph.finish()
}

#[test]
fn graph_at_the_limit_of_wires_loads_and_no_wider_one() {
    // The first sum needs a wire while its operands have theirs.
    let widest = (1..400).take_while(|count| wide(*count).is_ok()).last().unwrap();
    assert!(widest + 2 >= WIRE_BUFFERS);
    assert!(wide(widest + 1).is_err());
    let Some(mut stage) = Stage::new() else { return };
    let built = wide(widest).unwrap();
    let place = stage.place(&built);
    stage.synth(&built, place, 64, support::VOICES, &[]);
    let sound = stage.render(640);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let expected = widest as f32;
    assert!((sound.left()[320] - expected).abs() < 0.01, "{}", sound.left()[320]);
}

#[derive(Debug)]
struct Nothing;

impl Files for Nothing {
    fn find(
        &self,
        _: &imbolc_net::studio::Content,
    ) -> Option<imbolc_supercollider::output::Buffer> {
        None
    }

    fn find_spectrum(
        &self,
        _: &imbolc_net::studio::Content,
        _: u8,
    ) -> Option<imbolc_supercollider::output::Spectrum> {
        None
    }
}

impl BusSignals for Nothing {
    fn signal_of(&self, _: imbolc_net::studio::BusId) -> Option<u32> {
        None
    }
}

/// How many units a definition has. In the file, the number of constants follows the name,
/// the constants, and the same for controls and their names; then come the units.
fn units(built: &Built) -> usize {
    let bytes = &built.definition.bytes();
    let mut at = 4 + 4 + 2;
    at += 1 + usize::from(bytes[at]);
    let mut int = |more: &mut dyn FnMut(usize) -> usize| {
        let value = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        at += 4;
        at += more(value);
        (value, at)
    };
    int(&mut |constants| constants * 4);
    int(&mut |controls| controls * 4);
    let (names, mut at) = int(&mut |_| 0);
    for _ in 0..names {
        at += 1 + usize::from(bytes[at]) + 4;
    }
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

#[test]
fn voices_are_cheap() {
    let of = |kind| {
        let instrument = Instrument { source: Source::of(kind), ..Instrument::default() };
        let surroundings =
            Surroundings { beat: 0.5, files: &Nothing, buses: &Nothing, offline: false };
        let built = build_voice(&instrument, &surroundings).unwrap().built;
        (units(&built), built.definition.bytes().len())
    };
    let (saw, _) = of(SourceKind::Oscillator);
    assert!(saw <= SAW, "{saw}");
    for kind in SourceKind::ALL {
        let (units, bytes) = of(*kind);
        assert!(units <= 300 && bytes <= 16_000, "{kind:?}: {units} units, {bytes} bytes");
    }
}

/// The units of a voice with a saw, its sub-oscillator, a filter and an envelope. Nine of them
/// run at audio rate, which is what costs time.
const SAW: usize = 40;
