//! What a module measures with, and hands its rows and pictures to.

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
    /// How many times each contender has its turn, not counting the one that
    /// warms up.
    pub rounds: usize,
    /// How long a turn lasts.
    pub turn: Duration,
}

impl Effort {
    const QUICK: Self = Self { rounds: 7, turn: Duration::from_millis(2) };
    const THOROUGH: Self = Self { rounds: 41, turn: Duration::from_millis(20) };
}

/// Somebody who does the same work as the others: it does so as many times as it
/// is told, and says how long that took. What it must prepare it leaves out.
pub type Contender<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// A contender of whose calls everything counts.
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
    filter: Option<String>,
    /// What it runs on, and what else that did when it began.
    pub machine: Vec<(&'static str, String)>,
    pub rows: Vec<Row>,
    pub pictures: Vec<Picture>,
}

impl Bench {
    pub fn new(options: &Options) -> Self {
        let effort = if options.quick { Effort::QUICK } else { Effort::THOROUGH };
        let filter = options.filter.clone();
        Self {
            effort,
            quick: options.quick,
            filter,
            machine: machine::describe(),
            rows: Vec::new(),
            pictures: Vec::new(),
        }
    }

    /// Whether the row of this key is wanted, or, of a group such as `read/`,
    /// whether any of its rows may be.
    pub fn wants(&self, key: &str) -> bool {
        self.filter.as_deref().is_none_or(|filter| {
            key.contains(filter) || (key.ends_with('/') && filter.starts_with(key))
        })
    }

    /// Has the contenders take turns, A B A B, so that whatever else the machine
    /// does disturbs all of them alike. A sample is the mean of `batch` calls, in
    /// nanoseconds.
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
        // To count memory takes time.
        allocation_counter::opt_out(|| {
            let begun = Instant::now();
            while samples.is_empty() || begun.elapsed() < self.effort.turn {
                samples.push(contender(batch).as_secs_f64() * 1e9 / f64::from(batch));
            }
        });
        samples
    }

    /// Takes a row, and prints it, if it is wanted.
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
