//! Measured quantities: samples by round, and the figures derived from them.

use std::fmt;

use crate::fixture::quantile;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
    /// How many in a second.
    PerSecond,
    /// Of a core, from 0 to 1 a core.
    Core,
    /// How many times something else.
    Times,
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
            Unit::Bytes if value >= 1e4 => write!(f, "{:.1} KiB", value / 1024.0),
            Unit::Bytes => write!(f, "{value:.0} B"),
            Unit::PerSecond => write!(f, "{value:.0} /s"),
            Unit::Core => write!(f, "{:.3} %", value * 100.0),
            Unit::Times => write!(f, "{value:.2} ×"),
        }
    }
}

/// What was measured, round by round, in the order in which it was measured.
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

    /// The value of each round below which the part `q` of it lies, e.g. 0.99.
    pub fn at(&self, q: f64) -> Figure {
        let rounds = self.rounds.iter().map(|round| quantile(round, q)).collect();
        Figure { unit: self.unit, rounds, p99: None }
    }

    /// The value below which the part `q` of all samples lies: for parts of which
    /// a round has too few.
    pub fn overall(&self, q: f64) -> Figure {
        Figure::once(quantile(&self.sorted(), q), self.unit)
    }

    /// All samples of all rounds, the smallest first.
    pub fn sorted(&self) -> Vec<f64> {
        let mut all = self.rounds.concat();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// One cell of the table: a value a round.
#[derive(Clone, Debug)]
pub struct Figure {
    unit: Unit,
    rounds: Vec<f64>,
    p99: Option<f64>,
}

impl Figure {
    /// What does not depend on the machine's mood, or was measured once.
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

    /// How many rounds there were, not counting the one that warmed up; 1 if it is
    /// no matter of rounds.
    pub const fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The value below which 99 % of all samples lie, where samples were taken.
    pub const fn p99(&self) -> Option<f64> {
        self.p99
    }

    /// How far apart the quartiles of the rounds are, as a share of the median.
    pub fn spread(&self) -> Option<f64> {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        (rounds.len() >= 4)
            .then(|| (quantile(&rounds, 0.75) - quantile(&rounds, 0.25)) / quantile(&rounds, 0.5))
    }

    /// How many times the other one it is: round by round if they took turns, for
    /// what disturbs a round disturbs both of them.
    pub fn ratio_to(&self, other: &Self) -> f64 {
        if self.rounds.len() == other.rounds.len() {
            median(self.rounds.iter().zip(&other.rounds).map(|(ours, its)| ours / its).collect())
        } else {
            self.value() / other.value()
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
