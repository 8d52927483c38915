//! A model whose effects, meterings and notices panic: the engine plays on, and nothing
//! else happens.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, inline, threaded},
    model::{
        Access, EngineFault, EngineOutput, EngineWorker, InstrumentId, Invalid, Model, PatchError,
        Reduction,
    },
    util::time::Timestamp,
};
use serde::{Deserialize, Serialize, Serializer};

use super::bell::{BOTH, Driver, block_on, returns, until};
use crate::faulty_model::silence_caught_panics;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Moment {
    Encode,
    Compare,
    Clone,
    Drop,
}

/// Panics once, at its moment.
#[derive(Debug, Default, Deserialize)]
struct Glass {
    number: u32,
    breaks: Option<Moment>,
    #[serde(skip)]
    is_broken: Arc<AtomicBool>,
}

impl Glass {
    fn new(number: u32, breaks: Option<Moment>) -> Self {
        Self { number, breaks, is_broken: Arc::default() }
    }

    fn enter(&self, moment: Moment) {
        if self.breaks == Some(moment) && !self.is_broken.swap(true, Relaxed) {
            panic!("on purpose");
        }
    }
}

impl Clone for Glass {
    fn clone(&self) -> Self {
        self.enter(Moment::Clone);
        let is_broken = Arc::clone(&self.is_broken);
        Self { number: self.number, breaks: self.breaks, is_broken }
    }
}

impl PartialEq for Glass {
    fn eq(&self, other: &Self) -> bool {
        self.enter(Moment::Compare);
        other.enter(Moment::Compare);
        self.number == other.number
    }
}

impl Serialize for Glass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.enter(Moment::Encode);
        self.number.serialize(serializer)
    }
}

impl Drop for Glass {
    fn drop(&mut self) {
        // Nothing can catch a second panic of one thread.
        if !std::thread::panicking() {
            self.enter(Moment::Drop);
        }
    }
}

impl From<EngineFault> for Glass {
    fn from(_: EngineFault) -> Self {
        Self::default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Glasses;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Toast {
    Clink,
    /// With an effect that panics.
    Break(Moment),
}

impl Model for Glasses {
    const NAME: &'static str = "glasses";
    const VERSION: u32 = 1;

    type State = u32;
    type Action = Toast;
    type Patch = u32;
    type Effect = Glass;
    type Outcome = ();
    type Metering = Glass;
    type Notice = Glass;

    fn access(_: &u32, _: &Toast) -> Access {
        Access::Anyone
    }

    fn reduce(count: &mut u32, toast: &Toast) -> Result<Reduction<Glass>, Invalid> {
        *count += 1;
        let breaks = match toast {
            Toast::Clink => None,
            Toast::Break(moment) => Some(*moment),
        };
        Ok(vec![Glass::new(*count, breaks)].into())
    }

    fn diff(from: &u32, to: &u32) -> Option<u32> {
        (from != to).then_some(*to)
    }

    fn apply(count: &mut u32, patch: &u32) -> Result<(), PatchError> {
        *count = *patch;
        Ok(())
    }

    fn instruments(_: &u32) -> Vec<InstrumentId> {
        vec![]
    }
}

/// What of a worker's report breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Metering,
    Notice,
}

/// Breaks one part of its report after its first effect, at this moment.
struct Waiter {
    part: Part,
    moment: Moment,
    is_played: bool,
    has_broken: Arc<AtomicBool>,
}

impl EngineWorker<Glasses> for Waiter {
    fn reset(&mut self, _: Timestamp, _: &u32) {}

    fn perform(&mut self, _: Timestamp, _: &u32, _: Glass) {
        self.is_played = true;
    }

    fn advance(&mut self, _: Timestamp, count: &u32) -> EngineOutput<Glasses> {
        let is_first = self.is_played && !self.has_broken.swap(self.is_played, Relaxed);
        let breaks = |part| Some(self.moment).filter(|_| is_first && part == self.part);
        let glass = |part| Glass::new(*count, breaks(part));
        let (metering, notices) = (glass(Part::Metering), vec![glass(Part::Notice)]);
        EngineOutput { metering, notices, ..EngineOutput::default() }
    }
}

fn open(driver: Driver, part: Part, moment: Moment) -> (LocalDispatcher<Glasses>, Arc<AtomicBool>) {
    silence_caught_panics();
    let has_broken = Arc::<AtomicBool>::default();
    let breaks = Arc::clone(&has_broken);
    let make = move || {
        let has_broken = Arc::clone(&breaks);
        Waiter { part, moment, is_played: false, has_broken }
    };
    let engine = match driver {
        Driver::Inline => inline(make),
        Driver::Threaded => threaded(make),
    };
    (LocalDispatcher::open("Ana", 0, engine).unwrap(), has_broken)
}

/// Plays until the worker reports what is played now.
fn plays(dispatcher: &LocalDispatcher<Glasses>, what: &str) {
    let count = dispatcher.state().model;
    until(what, || {
        dispatcher.dispatch(Toast::Clink).unwrap();
        dispatcher.metering().number > count
    });
}

#[test]
fn report_that_panics_does_not_end_the_engine() {
    use Moment::{Clone, Compare, Encode};
    for driver in BOTH {
        for part in [Part::Metering, Part::Notice] {
            for moment in [Encode, Compare, Clone] {
                let case = format!("{driver:?}, {part:?}, {moment:?}");
                let (dispatcher, has_broken) = open(driver, part, moment);
                until(&case, || {
                    plays(&dispatcher, &case);
                    has_broken.load(Relaxed)
                });
                plays(&dispatcher, &case);
                returns(move || block_on(dispatcher.close()).unwrap());
            }
        }
    }
}

#[test]
fn effect_that_panics_does_not_end_the_engine() {
    for driver in BOTH {
        let (dispatcher, _) = open(driver, Part::Notice, Moment::Encode);
        for _ in 0..3 {
            plays(&dispatcher, "it plays");
            dispatcher.dispatch(Toast::Break(Moment::Drop)).unwrap();
            // This one may be dropped because the worker begins anew.
            dispatcher.dispatch(Toast::Break(Moment::Drop)).unwrap();
        }
        plays(&dispatcher, "it plays on");
        returns(move || block_on(dispatcher.close()).unwrap());
    }
}
