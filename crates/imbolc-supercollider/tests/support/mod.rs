//! For tests of sounds: plays voices through effects offline, and measures what comes out.
//!
//! ```ignore
//! let Some(mut stage) = Stage::new() else { return };
//! let place = stage.place(&voice.built);
//! stage.note(&voice.built, &place, 4800..24_000, &[("freq", 440.0)]);
//! let sound = stage.render(48_000);
//! assert_eq!(sound.onset(-60.0), Some(4800));
//! ```

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::{fs, ops::Range, path::PathBuf, thread, time::Duration};

use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    output::Output as _,
    render::{BLOCK, Score, ScoreRun},
    server::find_scsynth,
    sounds::BUS,
    synth_def::{Built, PARAMETERS},
};

/// The sample rate of the tests.
pub const RATE: u32 = 48_000;

/// The voices, in front of the effects.
pub const VOICES: NodeId = NodeId(1);
/// The effects.
const EFFECTS: NodeId = NodeId(2);

/// The program, if it is installed. If not, it says that the test is skipped.
pub fn scsynth() -> Option<PathBuf> {
    let found = find_scsynth(None).ok();
    if found.is_none() {
        let test = thread::current().name().unwrap_or_default().to_owned();
        eprintln!("skipped: {test}: scsynth is not on PATH (Debian: supercollider-server)");
    }
    found
}

/// Plays voices and effects on the first two channels of the output.
#[derive(Debug)]
pub struct Stage {
    scsynth: PathBuf,
    channels: u32,
    pub score: Score,
    next_node: i32,
    next_parameter: u32,
}

/// Where the parameters of something built are.
#[derive(Clone, Copy, Debug)]
pub struct Parameters(u32);

impl Stage {
    /// An empty one; `None`, and a line that says so, without `scsynth`.
    pub fn new() -> Option<Self> {
        let scsynth = scsynth()?;
        let mut score = Score::new(RATE);
        // Noise is the same in each run.
        let groups = [VOICES, EFFECTS];
        let messages =
            groups.map(|group| commands::new_group(group, Place::TailOf(NodeId(0)))).to_vec();
        score.send_at(0, messages);
        Some(Self { scsynth, channels: 2, score, next_node: 100, next_parameter: 0 })
    }

    /// Sends the definition and puts the values of its parameters in place.
    pub fn place(&mut self, built: &Built) -> Parameters {
        self.score.define(&built.definition);
        let parameters = Parameters(self.next_parameter);
        self.next_parameter += u32::try_from(built.values.len()).unwrap();
        self.set(0, parameters, &built.values);
        parameters
    }

    /// Changes the values of parameters at this sample.
    pub fn set(&mut self, sample: u64, parameters: Parameters, values: &[f32]) {
        if !values.is_empty() {
            self.score.send_at(sample, vec![commands::set_buses(parameters.0, values)]);
        }
    }

    /// Starts a voice at the first sample of `held`, and closes its gate at the end.
    pub fn note(
        &mut self,
        built: &Built,
        parameters: Parameters,
        held: Range<u64>,
        controls: &[(&str, f32)],
    ) -> NodeId {
        let voice = self.synth(built, parameters, held.start, VOICES, controls);
        self.score.send_at(held.end, vec![commands::set(voice, "gate", 0.0)]);
        voice
    }

    /// Adds an effect behind the others, from the beginning on. It processes the first two
    /// channels.
    pub fn effect(&mut self, built: &Built) -> Parameters {
        let parameters = self.place(built);
        self.synth(built, parameters, 0, EFFECTS, &[(BUS, 0.0)]);
        parameters
    }

    /// Starts a synth at the end of a group.
    pub fn synth(
        &mut self,
        built: &Built,
        Parameters(first): Parameters,
        sample: u64,
        group: NodeId,
        controls: &[(&str, f32)],
    ) -> NodeId {
        self.next_node += 1;
        let id = NodeId(self.next_node);
        let mut controls = controls.to_vec();
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        controls.push((PARAMETERS, first as f32));
        let place = Place::TailOf(group);
        let new = commands::new_synth(&built.definition.name, id, place, &controls);
        self.score.send_at(sample, vec![new]);
        id
    }

    /// Renders so many samples. What `scsynth` complains about fails the test.
    pub fn render(self, samples: u64) -> Sound {
        let Self { scsynth, channels, score, .. } = self;
        render_score(&scsynth, score, (RATE, channels), samples)
    }
}

/// Renders a score at this sample rate, with so many output channels.
pub fn render_score(
    scsynth: &std::path::Path,
    score: Score,
    (rate, channels): (u32, u32),
    samples: u64,
) -> Sound {
    let folder = tempfile::tempdir().unwrap();
    let [score_file, output] = ["score.osc", "sound.raw"].map(|name| folder.path().join(name));
    let mut file = fs::File::create(&score_file).map(std::io::BufWriter::new).unwrap();
    score.finish(samples, &mut file).unwrap();
    file.into_inner().unwrap();
    let mut run = ScoreRun::start(scsynth, &score_file, &output, (rate, channels)).unwrap();
    while !run.is_over().unwrap() {
        thread::sleep(Duration::from_millis(2));
    }
    let samples = usize::try_from(samples).unwrap();
    let bytes = fs::read(&output).unwrap();
    let frame = usize::try_from(channels).unwrap() * 4;
    let mut sound = Sound(vec![Vec::with_capacity(samples); frame / 4]);
    for frame in bytes.chunks_exact(frame).take(samples) {
        for (channel, bytes) in sound.0.iter_mut().zip(frame.chunks_exact(4)) {
            channel.push(f32::from_ne_bytes(bytes.try_into().unwrap()));
        }
    }
    sound
}

/// What came out: the samples of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound(pub Vec<Vec<f32>>);

/// An amplitude in decibels; −200 for silence.
pub fn decibels(amplitude: f32) -> f32 {
    20.0 * amplitude.max(1e-10).log10()
}

impl Sound {
    /// The left channel.
    pub fn left(&self) -> &[f32] {
        &self.0[0]
    }

    /// The right channel.
    pub fn right(&self) -> &[f32] {
        &self.0[1]
    }

    /// The first sample of any channel that is louder than so many dBFS.
    pub fn onset(&self, threshold: f32) -> Option<usize> {
        self.onset_after(0, threshold)
    }

    /// The same, from this sample on.
    pub fn onset_after(&self, start: usize, threshold: f32) -> Option<usize> {
        let loud = |sample: &f32| decibels(sample.abs()) > threshold;
        let each = self.0.iter().filter_map(|channel| channel[start..].iter().position(loud));
        each.min().map(|first| start + first)
    }

    /// The last sample of any channel that is louder than so many dBFS.
    pub fn last(&self, threshold: f32) -> Option<usize> {
        let loud = |sample: &f32| decibels(sample.abs()) > threshold;
        self.0.iter().filter_map(|channel| channel.iter().rposition(loud)).max()
    }

    /// The highest level of any channel, in dBFS.
    pub fn peak(&self, range: Range<usize>) -> f32 {
        self.0.iter().map(|channel| peak(&channel[range.clone()])).fold(-200.0, f32::max)
    }

    /// The mean level of all channels, in dBFS.
    pub fn rms(&self, range: Range<usize>) -> f32 {
        let each = self.0.iter().map(|channel| power(&channel[range.clone()]));
        #[expect(clippy::cast_precision_loss, reason = "a few channels")]
        decibels((each.sum::<f32>() / self.0.len() as f32).sqrt())
    }
}

/// The highest level in dBFS.
pub fn peak(samples: &[f32]) -> f32 {
    decibels(samples.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs())))
}

/// The mean level in dBFS; a full sine has −3.
pub fn rms(samples: &[f32]) -> f32 {
    decibels(power(samples).sqrt())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean")]
fn power(samples: &[f32]) -> f32 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64) as f32
}

/// How far the pitch of a steady tone is from `expected` Hz, in cents; beyond ±100 it is not
/// searched. It takes the period, so that it does not matter how loud the fundamental is.
/// Precise to 0.1 cents for tones that last 20 periods and more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "lengths of a few thousand samples"
)]
pub fn cents(samples: &[f32], expected: f64) -> f64 {
    let ideal = f64::from(RATE) / expected;
    // Half of it is compared with what is `lag` samples later.
    let window = samples.len() / 2;
    let alike = |lag: usize| {
        let (now, later) = (&samples[..window], &samples[lag..lag + window]);
        let mut sums = [0.0_f64; 3];
        for (a, b) in now.iter().zip(later).map(|(a, b)| (f64::from(*a), f64::from(*b))) {
            sums[0] += a * b;
            sums[1] += a * a;
            sums[2] += b * b;
        }
        sums[0] / (sums[1] * sums[2]).sqrt().max(1e-30)
    };
    let best = |from: f64, to: f64| {
        let (from, to) = ((from.floor() as usize).max(1), (to.ceil() as usize).min(window - 1));
        let found = (from..=to).map(|lag| (lag, alike(lag)));
        let (lag, here) = found.max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap();
        let [before, after] = [alike(lag - 1), alike(lag + 1)];
        let bend = before - 2.0 * here + after;
        let shift = if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 };
        lag as f64 + shift.clamp(-1.0, 1.0)
    };
    // Over more and more periods the same error of a lag matters less.
    let semitone = 2_f64.powf(1.0 / 12.0);
    let mut period = best(ideal / semitone, ideal * semitone);
    let mut periods = 1.0;
    while period * periods * 2.0 + 3.0 < window as f64 {
        periods *= 2.0;
        let reach = (ideal / 4.0).min(2.0);
        period = best(period * periods - reach, period * periods + reach) / periods;
    }
    1200.0 * (ideal / period).log2()
}

/// The end of the block of this sample: what acts at block starts acts here at the latest.
pub fn end_of_block(sample: u64) -> u64 {
    sample.div_ceil(BLOCK) * BLOCK
}
