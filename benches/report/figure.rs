//! Measured quantities: samples by round, and the figures derived from them.

use std::fmt;

use crate::fixture::quantile;

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
    /// How many in a second.
    PerSecond,
    /// Share of a core: 1 is a whole core.
    Core,
    /// Multiple of another quantity.
    Times,
    /// Samples at 48 kHz.
    AudioSamples,
    /// Voices that sound at a time.
    Voices,
}

/// A number with its unit, as it is printed.
#[derive(Clone, Copy, Debug)]
pub struct Quantity(pub f64, pub Unit);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        match unit {
            Unit::Nanoseconds if value >= 1e6 => write!(f, "{:.2} ms", value / 1e6),
            Unit::Nanoseconds if value >= 1e3 => write!(f, "{:.2} µs", value / 1e3),
            Unit::Nanoseconds => write!(f, "{value:.1} ns"),
            Unit::Bytes if value >= 1e7 => write!(f, "{:.1} MiB", value / 1024.0 / 1024.0),
            Unit::Bytes if value >= 1e4 => write!(f, "{:.1} KiB", value / 1024.0),
            Unit::Bytes => write!(f, "{value:.0} B"),
            Unit::PerSecond => write!(f, "{value:.0} /s"),
            Unit::Core => write!(f, "{:.3} %", value * 100.0),
            Unit::Times => write!(f, "{value:.2} ×"),
            Unit::AudioSamples => write!(f, "{value:.2} samples"),
            Unit::Voices => write!(f, "{value:.0} voices"),
        }
    }
}

/// Samples of all rounds, in the order of measurement.
#[derive(Clone, Debug)]
pub struct Samples {
    unit: Unit,
    rounds: Vec<Vec<f64>>,
}

impl Samples {
    /// No rounds yet.
    pub const fn new(unit: Unit) -> Self {
        Self { unit, rounds: Vec::new() }
    }

    /// Adds a round. It must not be empty.
    pub fn push(&mut self, mut round: Vec<f64>) {
        assert!(!round.is_empty(), "a round without a sample");
        round.sort_by(f64::total_cmp);
        self.rounds.push(round);
    }

    /// The median of each round.
    pub fn median(&self) -> Figure {
        Figure { p99: Some(quantile(&self.sorted(), 0.99)), ..self.at(0.5) }
    }

    /// The `q` quantile of each round.
    pub fn at(&self, q: f64) -> Figure {
        let rounds = self.rounds.iter().map(|round| quantile(round, q)).collect();
        Figure { unit: self.unit, rounds, p99: None }
    }

    /// The `q` quantile over all samples, for quantiles with too few samples in
    /// a round.
    pub fn overall(&self, q: f64) -> Figure {
        Figure::once(quantile(&self.sorted(), q), self.unit)
    }

    /// All samples, sorted.
    pub fn sorted(&self) -> Vec<f64> {
        let mut all = self.rounds.concat();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// A cell of the table: one value per round.
#[derive(Clone, Debug)]
pub struct Figure {
    unit: Unit,
    rounds: Vec<f64>,
    p99: Option<f64>,
}

impl Figure {
    /// A value that is exact or was measured once.
    pub fn once(value: f64, unit: Unit) -> Self {
        Self { unit, rounds: vec![value], p99: None }
    }

    /// A number of bytes.
    #[expect(clippy::cast_precision_loss, reason = "no such number is near 2⁵²")]
    pub fn bytes(number: usize) -> Self {
        Self::once(number as f64, Unit::Bytes)
    }

    /// The median of the rounds.
    pub fn value(&self) -> f64 {
        median(self.rounds.clone())
    }

    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Rounds without the warm-up, or 1 if the value has no rounds.
    pub const fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The 99th percentile over all samples, if there are samples.
    pub const fn p99(&self) -> Option<f64> {
        self.p99
    }

    /// The interquartile range of the rounds relative to the median.
    pub fn spread(&self) -> Option<f64> {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        (rounds.len() >= 4)
            .then(|| (quantile(&rounds, 0.75) - quantile(&rounds, 0.25)) / quantile(&rounds, 0.5))
    }

    /// Our value divided by the other: by round if both ran in turn, because a
    /// disturbance of a round affects both.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        self.compared_to(other, |ours, its| ours / its)
    }

    /// Our value less the other, likewise.
    pub fn excess_over(&self, other: &Self) -> f64 {
        self.compared_to(other, |ours, its| ours - its)
    }

    fn compared_to(&self, other: &Self, compare: impl Fn(f64, f64) -> f64) -> f64 {
        if self.rounds.len() == other.rounds.len() {
            let rounds = self.rounds.iter().zip(&other.rounds);
            median(rounds.map(|(ours, its)| compare(*ours, *its)).collect())
        } else {
            compare(self.value(), other.value())
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quantity(self.value(), self.unit).fmt(f)
    }
}
