//! The units that sources are made of: oscillators, noise, samples, strings.
//!
//! Rows as in `units`. It must not know any sound.

use super::{
    Graph, Shape, WhenDone, narrow,
    signal::{Input, Rate, Signal, Wire},
    units::units,
};

units! {
    /// A sine that modulates its own phase by `feedback` radians.
    feedback_sine: "SinOscFB" audio (frequency, feedback);
    /// A saw that begins anew with each period of `master`; it is not band-limited.
    sync_saw: "SyncSaw" audio (master, frequency);
    /// Pink noise: 3 dB less per octave.
    pink_noise: "PinkNoise" audio ();
    /// Brown noise: 6 dB less per octave.
    brown_noise: "BrownNoise" audio ();
    /// Single samples from −1 to 1 at random times, so many a second.
    dust: "Dust2" audio (density);
    /// A random number, equally likely from `low` to `high`, chosen anew at each trigger.
    random: "TRand" audio (low, high, trigger: audio);
    /// A random number from `low` to `high`, both above 0, as likely in each octave.
    random_ratio: "TExpRand" audio (low, high, trigger: audio);
    /// A random number, chosen when the synth is created.
    random_once: "Rand" once (low, high);
    /// Rises by `step` each sample from `start`, and begins anew at `end`.
    phasor: "Phasor" audio (trigger, step, start, end, reset);
    /// Differences of neighbouring samples, halved.
    difference: "HPZ1" audio (input: audio);
    /// A triangle, which is not band-limited: its overtones fall by 12 dB per octave.
    triangle: "LFTri" audio (frequency, phase);
    /// An input of `seconds` after each impulse, which falls by 60 dB.
    decay: "Decay" audio (input: audio, seconds);
    /// A string: a delay of `time`, at most `longest`, into which one period of the input is
    /// let at a trigger; it falls by 60 dB in `decay` seconds and passes a low-pass of one
    /// pole at `coefficient`.
    string: "Pluck" audio (input: audio, trigger, longest, time, decay, coefficient);
    /// Approaches the input to −60 dB within `seconds`, at control rate.
    slow_lag: "Lag" control (input, seconds);
    /// The sample rate in Hz.
    sample_rate: "SampleRate" once ();
    /// The blocks of a second.
    block_rate: "ControlRate" once ();
    /// The number of the first audio bus that is an input of the sound card.
    input_bus: "NumOutputBuses" once ();
    /// Seeds the random numbers of all units, when `trigger` rises above 0.
    seed: "RandSeed" control (trigger, seed);
}

/// Samples, and shapes that are used often.
impl Graph {
    /// A sample in memory, read at `frame` by cubic interpolation.
    pub fn read_sample<'g>(
        &'g self,
        buffer: u32,
        channels: u16,
        frame: Signal<'g>,
        wraps: bool,
    ) -> Vec<Signal<'g>> {
        let inputs =
            [buffer_number(buffer), self.audio(frame.wire()), flag(wraps), Wire::Constant(4.0)];
        self.channels("BufRd", &inputs, channels)
    }

    /// A sample in memory, played once from the frame `start` on, as it is when the synth is
    /// created. `rate` is in frames of the sample per sample of the output; negative is
    /// backwards.
    pub fn play_sample<'g>(
        &'g self,
        buffer: u32,
        channels: u16,
        rate: Signal<'g>,
        start: Signal<'g>,
    ) -> Vec<Signal<'g>> {
        let inputs = [
            buffer_number(buffer),
            rate.wire(),
            Wire::Constant(1.0),
            start.wire(),
            flag(false),
            flag(false),
        ];
        self.channels("PlayBuf", &inputs, channels)
    }

    /// A line from 0 to 1 within `seconds`, at control rate.
    pub fn slow_rise<'g>(&'g self, seconds: impl Input<'g>) -> Signal<'g> {
        let [none, full] = [0.0, 1.0].map(Wire::Constant);
        self.control_unit("Line", &[none, full, seconds.wire(), none])
    }

    /// An envelope that falls from 1 to 0 within `seconds`, evenly in decibels; at −60 dB
    /// shortly before its end.
    pub fn fall<'g>(&'g self, seconds: impl Input<'g>) -> Signal<'g> {
        let segments = [(self.constant(0.0), self.signal(seconds.wire()), -7.0)];
        let start = self.constant(1.0);
        let shape =
            Shape { start, segments: &segments, release_at: None, when_done: WhenDone::Stay };
        self.envelope(&shape, 1.0)
    }

    /// An envelope that rises to 1 and falls to 0 along a sine within `seconds`, at each
    /// trigger.
    pub fn grain_window<'g>(&'g self, trigger: Signal<'g>, seconds: Signal<'g>) -> Signal<'g> {
        const NONE: f32 = -99.0;
        const SINE: f32 = 3.0;
        let half = (seconds * 0.5).wire();
        let mut inputs = vec![self.audio(trigger.wire())];
        inputs.extend([1.0, 0.0, 1.0, 0.0, 0.0, 2.0, NONE, NONE].map(Wire::Constant));
        for level in [1.0, 0.0] {
            inputs.extend([Wire::Constant(level), half, Wire::Constant(SINE), Wire::Constant(0.0)]);
        }
        self.unit("EnvGen", Rate::Audio, 0, &inputs, 1)
    }

    fn channels<'g>(&'g self, class: &'static str, inputs: &[Wire], count: u16) -> Vec<Signal<'g>> {
        let count = usize::from(count.max(1));
        let first = self.unit(class, Rate::Audio, 0, inputs, count);
        (0..count).map(|index| first.output(narrow(index))).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand buffers")]
const fn buffer_number(buffer: u32) -> Wire {
    Wire::Constant(buffer as f32)
}

const fn flag(on: bool) -> Wire {
    Wire::Constant(if on { 1.0 } else { 0.0 })
}
