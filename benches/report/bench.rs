//! Runs contenders in turn, and collects rows and pictures.

use std::time::{Duration, Instant};

use crate::{
    figure::{Samples, Unit},
    machine,
    options::Options,
    page,
    picture::Picture,
    row::Row,
};

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Turns of each contender, without the warm-up.
    pub rounds: usize,
    /// Duration of a turn.
    pub turn: Duration,
}

impl Effort {
    const QUICK: Self = Self { rounds: 7, turn: Duration::from_millis(2) };
    const THOROUGH: Self = Self { rounds: 41, turn: Duration::from_millis(20) };
}

/// Repeats its work the given number of times, and returns the time of the work
/// without its preparation. All contenders of a row do the same work.
pub type Contender<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// A contender that needs no preparation.
pub fn calls<'a, R>(mut call: impl FnMut() -> R + 'a) -> Contender<'a> {
    Box::new(move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            std::hint::black_box(call());
        }
        begun.elapsed()
    })
}

/// Collects what is measured.
#[derive(Debug)]
pub struct Bench {
    pub effort: Effort,
    pub quick: bool,
    filters: Vec<String>,
    /// The machine, and its load at the start.
    pub machine: Vec<(&'static str, String)>,
    pub rows: Vec<Row>,
    pub pictures: Vec<Picture>,
}

impl Bench {
    pub fn new(options: &Options) -> Self {
        let effort = if options.quick { Effort::QUICK } else { Effort::THOROUGH };
        Self {
            effort,
            quick: options.quick,
            filters: options.filters.clone(),
            machine: machine::describe(),
            rows: Vec::new(),
            pictures: Vec::new(),
        }
    }

    /// Whether to measure the row `key`, or any row of a group such as `read/`.
    pub fn wants(&self, key: &str) -> bool {
        self.filters.is_empty()
            || self.filters.iter().any(|filter| {
                key.contains(filter.as_str()) || (key.ends_with('/') && filter.starts_with(key))
            })
    }

    /// Runs the contenders in turn, A B A B, so that other load on the machine affects
    /// all of them alike. A sample is the mean of `batch` calls in nanoseconds.
    pub fn in_turn(&self, batch: u32, contenders: &mut [Contender<'_>]) -> Vec<Samples> {
        let mut all = vec![Samples::new(Unit::Nanoseconds); contenders.len()];
        for round in 0..=self.effort.rounds {
            for (samples, contender) in all.iter_mut().zip(contenders.iter_mut()) {
                let turn = self.turn(batch, contender);
                // The first round warms up.
                if round > 0 {
                    samples.push(turn);
                }
            }
        }
        all
    }

    fn turn(&self, batch: u32, contender: &mut Contender<'_>) -> Vec<f64> {
        let mut samples = Vec::new();
        // Counting allocations takes time.
        allocation_counter::opt_out(|| {
            let begun = Instant::now();
            while samples.is_empty() || begun.elapsed() < self.effort.turn {
                samples.push(contender(batch).as_secs_f64() * 1e9 / f64::from(batch));
            }
        });
        samples
    }

    /// Prints and collects a row if its key matches the filters.
    pub fn row(&mut self, row: Row) {
        if self.wants(&row.key) {
            println!("{}", page::line(&row));
            self.rows.push(row);
        }
    }

    pub fn picture(&mut self, picture: Picture) {
        self.pictures.push(picture);
    }
}
