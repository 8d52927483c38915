//! Sources that play samples.

use imbolc_net::studio::{SampleLoop, Sampler};

use super::source_voice::{SourceSound, SourceVoice};
use crate::{
    output::Buffer,
    sounds::surroundings::Surroundings,
    synth_def::{Graph, Signal},
};

/// The fastest and slowest a sample is played.
const SPEEDS: (f32, f32) = (1.0 / 1024.0, 1024.0);

pub(super) fn sampler<'g>(
    voice: &SourceVoice<'g>,
    own: &Sampler,
    surroundings: &Surroundings<'_>,
) -> SourceSound<'g> {
    let graph = voice.graph;
    let Some(file) = own.sample.as_ref().and_then(|sample| surroundings.files.find(sample)) else {
        return voice.silence();
    };
    let transposed = graph.setting(f32::from(own.transpose.get())).semitones();
    let speed = speed_of_key(voice, own.root.get()) * transposed;
    let [start, end] = [voice.moved_amount(own.start), voice.amount(own.end)];
    let channels = match own.looping {
        SampleLoop::Once => {
            let section = Section { file, start, end, reverse: own.reverse };
            sample_once(graph, section, speed).channels
        }
        looping => repeated(graph, file, [start, end], speed, (looping, own.reverse)),
    };
    let gain = graph.knob(own.gain.get()).amplitude();
    as_sound(graph, &channels, |channel| channel * gain)
}

/// The factor of the pitch of a note to that of the root, as at 440 Hz.
pub(super) fn speed_of_key<'g>(voice: &SourceVoice<'g>, root: u8) -> Signal<'g> {
    const A: f32 = 69.0;
    let root = (voice.graph.setting(f32::from(root) - A)).semitones() * 440.0;
    (voice.frequency / root).clamp(SPEEDS.0, SPEEDS.1)
}

/// A part of a sample; `start` and `end` are fractions of its length.
pub(in crate::sounds) struct Section<'g> {
    pub(in crate::sounds) file: Buffer,
    pub(in crate::sounds) start: Signal<'g>,
    pub(in crate::sounds) end: Signal<'g>,
    pub(in crate::sounds) reverse: bool,
}

/// A part of a sample that is played once.
pub(in crate::sounds) struct PlayedOnce<'g> {
    pub(in crate::sounds) channels: Vec<Signal<'g>>,
    /// How much of it was played, from 0; above 1 it is over.
    pub(in crate::sounds) progress: Signal<'g>,
}

/// Plays a part of a sample once at this speed. It ends with a fade of 2 ms, if the sample
/// does not end there.
pub(in crate::sounds) fn sample_once<'g>(
    graph: &'g Graph,
    Section { file, start, end, reverse }: Section<'g>,
    speed: Signal<'g>,
) -> PlayedOnce<'g> {
    const FADE: f32 = 0.002;

    let frames = length(file);
    let length = ((end - start) * frames).max(1.0);
    let first = if reverse { end * frames - 1.0 } else { start * frames };
    let step = speed * file.rate / graph.sample_rate();
    let step_of_sample = if reverse { -step } else { step };
    let played = graph.sweep(0.0, speed * file.rate);
    let channels = graph.play_sample(file.number, file.channels, step_of_sample, first.max(0.0));
    // From the fade on, seconds until the end.
    let left = (length - played) / (speed * file.rate);
    let fade = (left / FADE).clamp(0.0, 1.0);
    let channels = channels.into_iter().map(|channel| channel * fade).collect();
    PlayedOnce { channels, progress: played / length }
}

/// A part of a sample that is repeated for as long as the key is held.
fn repeated<'g>(
    graph: &'g Graph,
    file: Buffer,
    [start, end]: [Signal<'g>; 2],
    speed: Signal<'g>,
    (looping, reverse): (SampleLoop, bool),
) -> Vec<Signal<'g>> {
    let frames = length(file);
    let length = ((end - start) * frames).max(2.0);
    let start = start * frames;
    let step = speed * file.rate / graph.sample_rate();
    let cycle = if looping == SampleLoop::PingPong { length * 2.0 } else { length };
    let run = graph.phasor(0.0, step, 0.0, cycle, 0.0);
    // Up and down again, for there and back.
    let run = if looping == SampleLoop::PingPong { length - (run - length).abs() } else { run };
    let frame = if reverse { start + length - 1.0 - run } else { start + run };
    graph.read_sample(file.number, file.channels, frame.clamp(0.0, frames - 1.0), false)
}

#[expect(clippy::cast_precision_loss, reason = "a sample of 5 minutes is exact")]
pub(super) const fn length(file: Buffer) -> f32 {
    file.frames as f32
}

/// One channel, or the first two.
pub(in crate::sounds) fn as_sound<'g>(
    graph: &'g Graph,
    channels: &[Signal<'g>],
    mut shaped: impl FnMut(Signal<'g>) -> Signal<'g>,
) -> SourceSound<'g> {
    match channels {
        [] => SourceSound::Mono(graph.constant(0.0)),
        [one] => SourceSound::Mono(shaped(*one)),
        [left, right, ..] => SourceSound::Stereo([*left, *right].map(shaped)),
    }
}
