//! The pads of a drum kit: samples and slices.

use imbolc_net::{
    studio::{Channels, DrumKit, DrumMachine, Instrument, Pad, PadSound},
    util::quantity::PadNumber,
};

use super::voice::{MovedBy, VoiceLife, VoiceSound, open_until_cut, write_voice};
use crate::{
    output::Buffer,
    sounds::{
        controls::{GATE, LEVEL, RATE},
        source::{Section, SourceSound, as_sound, sample_once},
        surroundings::Surroundings,
    },
    synth_def::{Graph, Shape, TooManyWires, WhenDone},
};

/// Seconds in which a pad fades out at its end.
const FADE: f32 = 0.005;

/// Builds the voices of a pad; `None` if it plays no sample, or one that is missing.
///
/// Its level, its place and the settings of the kit are parameters; the transposition of the
/// pad is in the control [`RATE`]. It plays its sample once, whatever its gate does, until it
/// is cut. Its life is that at a rate of 1. Filter and LFO are those of the instrument.
#[must_use]
pub fn build_pad(
    machine: &DrumMachine,
    pad: PadNumber,
    kit: &DrumKit,
    instrument: &Instrument,
    surroundings: &Surroundings<'_>,
) -> Option<Result<VoiceSound, TooManyWires>> {
    let pad = machine.pad(pad);
    let (content, start, end) = match &pad.sound {
        PadSound::Sample(content) => (Some(content), 0.0, 1.0),
        PadSound::Slice(id) => {
            let slice = machine.chopper().slice(*id)?;
            (machine.chopper().sample.as_ref(), slice.start().get(), slice.end().get())
        }
        PadSound::Nothing | PadSound::Instrument(..) => return None,
    };
    let file = surroundings.files.find(content?)?;
    Some(build(&pad, (file, start, end), kit, instrument, surroundings))
}

fn build(
    pad: &Pad,
    (file, start, end): (Buffer, f32, f32),
    kit: &DrumKit,
    instrument: &Instrument,
    surroundings: &Surroundings<'_>,
) -> Result<VoiceSound, TooManyWires> {
    let graph = Graph::new();
    let gate = graph.control(GATE, 1.0);
    let lfo = MovedBy::of(&graph, &instrument.lfo, surroundings);
    let tune = graph.setting(f32::from(kit.tune.get())).semitones();
    let speed = (graph.control(RATE, 1.0) * tune * lfo.bend(&graph)).clamp(1e-3, 1e3);
    let section = Section {
        file,
        start: graph.setting(start),
        end: graph.setting(end),
        reverse: pad.reverse,
    };
    let played = sample_once(&graph, section, speed);

    let [none, full] = [0.0, 1.0].map(|level| graph.constant(level));
    let fade = graph.constant(FADE);
    let segments = [(full, none, 0.0), (none, fade, 0.0)];
    let shape =
        Shape { start: full, segments: &segments, release_at: Some(1), when_done: WhenDone::Free };
    let is_over = graph.slow(played.progress).greater(1.0);
    let held = graph.envelope(&shape, open_until_cut(gate) * (1.0 - is_over));
    // At half of the decay, 60 dB less at the end of the sample.
    let decay = graph.knob(kit.decay.get()).max(0.02);
    let faded = played.progress * ((1.0 - decay.reciprocal()) * 6.9);
    let velocity =
        (graph.control(LEVEL, 1.0) - 1.0).times_plus(graph.knob(kit.sensitivity.get()), 1.0);
    let level = graph.knob(pad.level.get()).amplitude() * velocity;
    let gain = held * faded.exp() * level;

    let pan = graph.knob(pad.pan.get());
    let sides = [1.0 - pan, 1.0 + pan].map(|side| side.min(1.0));
    let sound = match as_sound(&graph, &played.channels, |channel| channel) {
        sound if instrument.channels == Channels::Mono => sound,
        SourceSound::Mono(channel) => SourceSound::Stereo(sides.map(|side| channel * side)),
        SourceSound::Stereo([left, right]) => {
            SourceSound::Stereo([left * sides[0], right * sides[1]])
        }
    };
    let middle_c = graph.constant(261.6256);
    write_voice(sound, instrument, gain, graph.slow(held), middle_c, lfo);
    let frames = f64::from(file.frames) * f64::from(end - start);
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a sample")]
    let seconds =
        (frames / f64::from(file.rate)) as f32 / (f32::from(kit.tune.get()) / 12.0).exp2();
    Ok(VoiceSound { built: graph.finish()?, life: VoiceLife::Own(seconds + FADE) })
}
