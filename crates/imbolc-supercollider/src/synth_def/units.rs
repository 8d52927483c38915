//! The units that graphs are made of, one method each.
//!
//! A row of the table is a class of SuperCollider 3.13 (its documentation says what the
//! inputs mean), the rate at which it runs, and its inputs in order. An input marked
//! `audio` gets an audio signal whatever is connected to it. It must not know any sound.

use super::{
    Graph, Stereo, narrow,
    signal::{Input, Rate, Signal, Wire},
};

macro_rules! units {
    ($(
        $(#[$doc:meta])*
        $method:ident: $class:literal $rate:ident ($($input:ident $(: $kind:ident)?),*);
    )+) => {
        impl Graph {
            $(
                $(#[$doc])*
                #[expect(clippy::too_many_arguments, clippy::elidable_lifetime_names, clippy::allow_attributes, reason = "as many as the unit has")]
                #[allow(unfulfilled_lint_expectations)]
                pub fn $method<'g>(&'g self, $($input: impl Input<'g>),*) -> Signal<'g> {
                    $( let $input = units!(@input self $input $rate $($kind)?); )*
                    self.unit($class, units!(@rate $rate), 0, &[$($input),*], 1)
                }
            )+
        }
    };
    (@rate audio) => { Rate::Audio };
    (@rate control) => { Rate::Control };
    (@rate once) => { Rate::Once };
    (@input $graph:ident $input:ident audio audio) => { $graph.audio($input.wire()) };
    (@input $graph:ident $input:ident audio) => { $input.wire() };
    (@input $graph:ident $input:ident once) => { $input.wire() };
    (@input $graph:ident $input:ident control) => { $graph.at_most_control($input.wire()) };
}

pub(super) use units;

units! {
    /// A sine of `frequency` in Hz; `phase` in radians.
    sine: "SinOsc" audio (frequency, phase);
    /// A sine at control rate.
    slow_sine: "SinOsc" control (frequency, phase);
    /// Steps between −1 and 1 at random, so many a second, at control rate.
    slow_steps: "LFNoise0" control (rate);
    /// A band-limited saw, half as loud as a full one.
    saw: "Saw" audio (frequency);
    /// A band-limited pulse of `width` 0 to 1.
    pulse: "Pulse" audio (frequency, width);
    /// White noise.
    white_noise: "WhiteNoise" audio ();
    /// Low-pass, 12 dB per octave.
    low_pass: "LPF" audio (input: audio, frequency);
    /// Low-pass, 12 dB per octave; `damping` from 1, no resonance, to 0.
    resonant_low_pass: "RLPF" audio (input: audio, frequency, damping);
    /// High-pass, 12 dB per octave.
    high_pass: "HPF" audio (input: audio, frequency);
    /// High-pass, 12 dB per octave; `damping` as above.
    resonant_high_pass: "RHPF" audio (input: audio, frequency, damping);
    /// Band-pass; `width` is the bandwidth divided by the frequency. It is not stable for a
    /// bandwidth above half of the sample rate.
    band_pass: "BPF" audio (input: audio, frequency, width);
    /// Removes the constant part.
    leak_dc: "LeakDC" audio (input: audio, coefficient);
    /// Not a number, infinite and denormal samples become `replacement`.
    sanitize: "Sanitize" audio (input: audio, replacement);
    /// Keeps below `level` and delays by twice `look_ahead` seconds.
    limiter: "Limiter" audio (input: audio, level, look_ahead);
    /// The peak, which falls by `decay` with each sample.
    peak_follower: "PeakFollower" audio (input: audio, decay);
    /// Delays by `time` of at most `longest` seconds, by whole samples.
    delay: "DelayN" audio (input: audio, longest, time);
    /// Delays by `time` of at most `longest` seconds; `time` may move.
    moving_delay: "DelayC" audio (input: audio, longest, time);
    /// A delay with feedback; `decay` is its seconds to -60 dB, negative for an inverted one.
    moving_comb: "CombC" audio (input: audio, longest, time, decay);
    /// An all-pass delay; `decay` as above.
    all_pass: "AllpassN" audio (input: audio, longest, time, decay);
    /// Low-pass, 6 dB per octave; `coefficient` 0 to 1 is the part of the last sample.
    one_pole: "OnePole" audio (input: audio, coefficient);
    /// The shelf below `frequency`; `slope` is 1 / S.
    low_shelf: "BLowShelf" audio (input: audio, frequency, slope, decibels);
    /// The bell around `frequency`; `width` is 1 / Q.
    bell: "BPeakEQ" audio (input: audio, frequency, width, decibels);
    /// The shelf above `frequency`; `slope` is 1 / S.
    high_shelf: "BHiShelf" audio (input: audio, frequency, slope, decibels);
    /// Two poles and two zeros: a0 x + a1 x' + a2 x'' + b1 y' + b2 y''.
    second_order: "SOS" audio (input: audio, a0, a1, a2, b1, b2);
    /// Approaches the input to -60 dB within `up` or `down` seconds.
    slew: "LagUD" audio (input: audio, up, down);
    /// How often there was a trigger.
    count: "PulseCount" audio (trigger: audio, reset);
    /// 1 from above `high` until below `low`, then 0.
    schmitt: "Schmidt" audio (input: audio, low, high);
    /// Keeps the input as it is at a trigger.
    hold: "Latch" audio (input: audio, trigger: audio);
    /// `rate` triggers per second, the first at once with `phase` 0; for a rate of 0 only that.
    impulses: "Impulse" audio (rate, phase);
    /// Seconds since the last trigger, or the start, times `rate`.
    sweep: "Sweep" audio (trigger: audio, rate);
    /// `rate` triggers per second, at control rate; for a rate of 0, only one at once.
    slow_impulses: "Impulse" control (rate, phase);
    /// The level of the input, with its seconds of rise and fall, at control rate.
    slow_level: "Amplitude" control (input, attack, release);
    /// Convolution with a spectrum made by `PreparePartConv` for the same `size`.
    convolution: "PartConv" audio (input: audio, size, spectrum);
    /// As the others, at control rate.
    slow_noise: "WhiteNoise" control ();
    /// As the others, at control rate.
    slow_hold: "Latch" control (input, trigger);
    /// Seconds of a block.
    block_seconds: "ControlDur" once ();
    /// Seconds of a sample.
    sample_seconds: "SampleDur" once ();
}

/// Units with a list of inputs, several outputs, or none.
impl Graph {
    /// The channels of consecutive audio buses.
    pub fn read_stereo<'g>(&'g self, first_bus: impl Input<'g>) -> Stereo<'g> {
        let left = self.unit("In", Rate::Audio, 0, &[first_bus.wire()], 2);
        [left, left.output(1)]
    }

    /// The channels of consecutive audio buses as they were written last: by later nodes, in
    /// the block before.
    pub fn read_feedback<'g>(&'g self, first_bus: impl Input<'g>) -> Stereo<'g> {
        let left = self.unit("InFeedback", Rate::Audio, 0, &[first_bus.wire()], 2);
        [left, left.output(1)]
    }

    /// What [`Self::feed_back`] was given a block before.
    pub fn fed_back<const N: usize>(&self) -> [Signal<'_>; N] {
        let first = self.unit("LocalIn", Rate::Audio, 0, &[Wire::Constant(0.0); N], N);
        std::array::from_fn(|index| first.output(narrow(index)))
    }

    /// Feeds signals back, once in a graph.
    pub fn feed_back<'g>(&'g self, channels: &[Signal<'g>]) {
        let inputs: Vec<_> = channels.iter().map(|channel| self.audio(channel.wire())).collect();
        self.unit("LocalOut", Rate::Audio, 0, &inputs, 0);
    }

    /// Adds to consecutive audio buses from the sample on at which the synth was to begin.
    pub fn write_on_time<'g>(&'g self, first_bus: impl Input<'g>, channels: &[Signal<'g>]) {
        self.write("OffsetOut", first_bus.wire(), channels);
    }

    /// Adds to consecutive audio buses.
    pub fn write_audio<'g>(&'g self, first_bus: impl Input<'g>, channels: &[Signal<'g>]) {
        self.write("Out", first_bus.wire(), channels);
    }

    /// Replaces what is on consecutive audio buses.
    pub fn replace_audio<'g>(&'g self, first_bus: impl Input<'g>, channels: &[Signal<'g>]) {
        self.write("ReplaceOut", first_bus.wire(), channels);
    }

    /// Sets consecutive control buses.
    pub fn write_control<'g>(&'g self, first_bus: impl Input<'g>, channels: &[Signal<'g>]) {
        let mut inputs = vec![first_bus.wire()];
        inputs.extend(channels.iter().map(|channel| self.at_most_control(channel.wire())));
        self.unit("Out", Rate::Control, 0, &inputs, 0);
    }

    /// A ramp from 0 to 1 at control rate, which begins at `phase`, 0 to 1.
    pub fn slow_ramp<'g>(&'g self, rate: Signal<'g>, phase: Signal<'g>) -> Signal<'g> {
        let saw = self.control_unit("LFSaw", &[rate.wire(), Wire::Constant(1.0)]);
        (saw * 0.5 + 0.5 + phase).fract()
    }

    fn write(&self, class: &'static str, bus: Wire, channels: &[Signal<'_>]) {
        let mut inputs = vec![bus];
        inputs.extend(channels.iter().map(|channel| self.audio(channel.wire())));
        self.unit(class, Rate::Audio, 0, &inputs, 0);
    }

    /// An envelope. Levels are in any unit, times in seconds; `release_at` is the number of
    /// the segment that waits for the end of the gate; `done` what happens then.
    pub fn envelope<'g>(&'g self, envelope: &Shape<'_, 'g>, gate: impl Input<'g>) -> Signal<'g> {
        let mut inputs = vec![gate.wire()];
        inputs.extend([1.0, 0.0, 1.0].map(Wire::Constant));
        inputs.push(Wire::Constant(match envelope.when_done {
            WhenDone::Stay => 0.0,
            WhenDone::Free => 2.0,
        }));
        inputs.push(envelope.start.wire());
        #[expect(clippy::cast_precision_loss, reason = "a handful of segments")]
        inputs.push(Wire::Constant(envelope.segments.len() as f32));
        #[expect(clippy::cast_precision_loss, reason = "a handful of segments")]
        inputs.push(Wire::Constant(envelope.release_at.map_or(-99.0, |at| at as f32)));
        // No loop.
        inputs.push(Wire::Constant(-99.0));
        for (level, seconds, curve) in envelope.segments {
            // A curve of a given strength.
            inputs.extend([level.wire(), seconds.wire()]);
            inputs.extend([5.0, *curve].map(Wire::Constant));
        }
        self.unit("EnvGen", Rate::Audio, 0, &inputs, 1)
    }
}

/// What happens when an envelope is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenDone {
    /// It keeps its last level.
    Stay,
    /// The synth is freed.
    Free,
}

/// The shape of an envelope.
#[derive(Clone, Debug)]
pub struct Shape<'a, 'g> {
    /// The level at which it starts.
    pub start: Signal<'g>,
    /// Each segment: the level to which it leads, its seconds, and its curve (0 is a line,
    /// −4 begins fast and ends slowly).
    pub segments: &'a [(Signal<'g>, Signal<'g>, f32)],
    /// How many segments lead to the level that waits for the end of the gate.
    pub release_at: Option<usize>,
    /// What happens at the end.
    pub when_done: WhenDone,
}
