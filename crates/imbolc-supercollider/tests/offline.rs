//! What `scsynth -N` does with a score.

#[path = "support/mod.rs"]
mod support;

use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    output::Output as _,
    render::Score,
    sounds::{BUS, METER, StripPart, TO, build_strip_part, output_delay},
    synth_def::{Built, Graph, PARAMETERS, Shape, WhenDone},
};
use support::{Stage, cents, peak, render_score, rms, scsynth};

/// A tone that begins with its full level, at the sample of its note.
fn beep() -> Built {
    let graph = Graph::new();
    let [level, end] = [1.0, 0.0].map(|level| graph.constant(level));
    let shape = Shape {
        start: level,
        segments: &[(level, graph.constant(0.1), 0.0), (end, graph.constant(0.0), 0.0)],
        release_at: None,
        when_done: WhenDone::Free,
    };
    let tone = graph.sine(graph.control("freq", 440.0), std::f32::consts::FRAC_PI_2);
    let tone = tone * graph.envelope(&shape, 1.0) * 0.5;
    graph.write_on_time(graph.control(BUS, 0.0), &[tone, tone]);
    graph.finish().unwrap()
}

#[test]
fn notes_begin_on_their_sample() {
    let Some(mut stage) = Stage::new() else { return };
    let beep = beep();
    let place = stage.place(&beep);
    let starts = [0, 1, 63, 64, 65, 100, 127, 128, 4321].map(|offset| offset * 5 + offset);
    let starts: Vec<u64> = starts.iter().enumerate().map(|(n, s)| n as u64 * 9600 + s).collect();
    for start in &starts {
        stage.note(&beep, place, *start..start + 9600, &[]);
    }
    let sound = stage.render(9600 * 16);
    assert_eq!(sound.left().len(), 9600 * 16);
    let mut from = 0;
    for start in starts {
        assert_eq!(sound.onset_after(from, -20.0), Some(usize::try_from(start).unwrap()));
        from = usize::try_from(start).unwrap() + 4900;
        assert_eq!(peak(&sound.left()[from..from + 100]), -200.0);
    }
}

#[test]
fn levels_and_pitches_are_measured() {
    let Some(mut stage) = Stage::new() else { return };
    let beep = beep();
    let place = stage.place(&beep);
    // Played, and asked for.
    let pitches = [(55.0, 55.0), (440.1, 440.0), (445.0, 440.0), (5000.0, 5000.0)];
    for (start, (played, _)) in (0..).step_by(9600).zip(pitches) {
        stage.note(&beep, place, start..start + 9600, &[("freq", played)]);
    }
    let sound = stage.render(9600 * 4);
    for (start, (played, asked)) in (0..).step_by(9600).zip(pitches) {
        let tone = &sound.left()[start..start + 4800];
        assert!((rms(tone) + 9.03).abs() < 0.1);
        assert!((peak(tone) + 6.02).abs() < 0.1);
        let apart = 1200.0 * (f64::from(played) / asked).log2();
        assert!((cents(tone, asked) - apart).abs() < 0.05, "{played} Hz");
    }
}

#[test]
fn notes_stay_on_their_sample_for_long() {
    // At this rate, the clock of the server falls a sample behind every 10 s: a day at 48 kHz.
    let rate = 192_000;
    let Some(scsynth) = scsynth() else { return };
    let beep = beep();
    let mut score = Score::new(rate);
    score.define(&beep.definition);
    let starts = [0_u64, 1_920_033, 3_840_064, 5_760_127];
    for (start, id) in starts.into_iter().zip(100..) {
        let place = Place::TailOf(NodeId(0));
        let note = commands::new_synth(&beep.definition.name, NodeId(id), place, &[]);
        score.send_at(start, vec![note]);
    }
    let sound = render_score(&scsynth, score, (rate, 1), starts[3] + 1000);
    let mut from = 0;
    for start in starts {
        let start = usize::try_from(start).unwrap();
        assert_eq!(sound.onset_after(from, -20.0), Some(start));
        from = start + 40_000;
    }
}

#[test]
fn limiter_of_the_output_is_as_late_as_it_says() {
    let Some(scsynth) = scsynth() else { return };
    let (beep, output) = (beep(), build_strip_part(StripPart::Output, [1.0; 2]).unwrap());
    for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000] {
        let mut score = Score::new(rate);
        for built in [&beep, &output] {
            score.define(&built.definition);
        }
        let [limiter, note] = [NodeId(100), NodeId(101)];
        let (bus, root) = ((BUS, 100.0), NodeId(0));
        let controls = [bus, (TO, 0.0), (METER, 50.0), (PARAMETERS, 0.0)];
        let messages = vec![
            commands::set_buses(0, &[1.0, 1.0]),
            commands::new_synth(&output.definition.name, limiter, Place::TailOf(root), &controls),
        ];
        score.send_at(0, messages);
        let beep = commands::new_synth(&beep.definition.name, note, Place::HeadOf(root), &[bus]);
        score.send_at(100, vec![beep]);
        let heard = render_score(&scsynth, score, (rate, 2), 1000).onset(-20.0).unwrap();
        assert_eq!(heard, 100 + output_delay(rate) as usize, "{rate} Hz");
    }
}
