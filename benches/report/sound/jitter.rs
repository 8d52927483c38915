//! How evenly written notes sound live, beside notes that `scsynth` was given directly.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::studio::TransportAction;
use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    sounds::{FREQUENCY, GATE},
};

use super::{
    bare_voice::bare_voice,
    recorder::Recorder,
    room::{Room, dry, note, wait, with},
};
use crate::{
    bench::Bench,
    figure::{Figure, Unit},
    row::{Row, Target},
};

/// Distance of two notes: a sixteenth at 120 bpm.
const DISTANCE: Duration = Duration::from_millis(125);

/// How long before it sounds a note is sent directly.
const AHEAD: Duration = Duration::from_millis(30);

pub fn measure(bench: &mut Bench) {
    let notes = if bench.quick { 16 } else { 64 };
    let Some(room) = Room::open(with(dry(), (0..notes).map(|n| note(120 * n, 60, 60)))) else {
        return;
    };
    let bare = bare_voice();
    room.bench.send(&[commands::receive_definition(bare.definition.bytes())]);
    wait(200);
    let lasts = DISTANCE * notes;

    let recorder = room.record(10);
    room.transport(TransportAction::Play);
    thread::sleep(lasts + DISTANCE * 2);
    room.transport(TransportAction::Stop);
    let ours = deviation(&recorder.stop().onsets(20), notes);

    let recorder = room.record(10);
    strike(&recorder, &bare.definition.name, notes);
    let direct = deviation(&recorder.stop().onsets(20), notes);

    let real_time = if real_time() { "" } else { "; real-time scheduling is refused here" };
    let what = format!(
        "{notes} sixteenths at 120 bpm, live, recorded by `scsynth`: standard deviation of the \
         distances of their onsets{real_time}"
    );
    let [ours, direct] = [ours, direct].map(|samples| Figure::once(samples, Unit::AudioSamples));
    bench.row(
        Row::new("sound/jitter", what, ours)
            .peer("notes sent directly", direct)
            .target(Target::AtMost(1.0)),
    );
}

/// Strikes notes by hand.
fn strike(recorder: &Recorder, name: &str, notes: u32) {
    let start = Instant::now() + AHEAD;
    for n in 0..notes {
        let time = start + DISTANCE * n;
        thread::sleep((time - AHEAD).saturating_duration_since(Instant::now()));
        let node = NodeId(1_900_000_000 + i32::try_from(n).unwrap());
        let place = Place::HeadOf(NodeId(0));
        recorder.send_at(time, commands::new_synth(name, node, place, &[(FREQUENCY, 261.6)]));
        recorder.send_at(time + DISTANCE / 2, commands::set(node, GATE, 0.0));
    }
    thread::sleep(DISTANCE * 2);
}

fn deviation(onsets: &[usize], notes: u32) -> f64 {
    assert_eq!(onsets.len(), notes as usize, "{onsets:?}");
    let distances: Vec<f64> = onsets.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
    let count = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / count;
    (distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// Whether this process may ask for real-time scheduling.
fn real_time() -> bool {
    let mut command = Command::new("chrt");
    command.args(["-f", "10", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
