//! A small model, and a worker that does what a test says.

use std::{
    collections::BTreeSet,
    fmt::Debug,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use imbolc_net::{
    authority::{Engine, LocalDispatcher, inline, threaded},
    model::{
        Access, EngineOutput, EngineWorker, InstrumentId, Invalid, Model, PatchError, Reduction,
        UndoPolicy,
    },
    util::time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// A bell with keys and a knob.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bell;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tower {
    pub held: BTreeSet<u8>,
    pub knob: u32,
    pub count: u32,
    pub piece: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pull {
    Press(u8),
    /// Has no effect.
    Turn(u32),
    Count,
    /// Replaces everything.
    Load(u32),
    Impossible,
    /// As [`Impossible`](Self::Impossible), as something that is recorded.
    Unrecorded,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ring {
    On(u8),
    Counted(u32),
    Loaded,
}

impl Model for Bell {
    const NAME: &'static str = "bell";
    const VERSION: u32 = 1;

    type State = Tower;
    type Action = Pull;
    type Patch = Tower;
    type Effect = Ring;
    type Outcome = ();
    type Metering = Vec<f64>;
    type Notice = String;

    fn access(_: &Tower, _: &Pull) -> Access {
        Access::Anyone
    }

    fn reduce(tower: &mut Tower, pull: &Pull) -> Result<Reduction<Ring>, Invalid> {
        let effects = match pull {
            Pull::Press(key) => {
                tower.held.insert(*key);
                vec![Ring::On(*key)]
            }
            Pull::Turn(knob) => {
                tower.knob = *knob;
                vec![]
            }
            Pull::Count => {
                tower.count += 1;
                vec![Ring::Counted(tower.count)]
            }
            Pull::Load(piece) => {
                *tower = Tower { piece: *piece, ..Tower::default() };
                vec![Ring::Loaded]
            }
            Pull::Impossible | Pull::Unrecorded => return Err(Invalid::unfit("no such rope")),
        };
        Ok(effects.into())
    }

    fn diff(from: &Tower, to: &Tower) -> Option<Tower> {
        (from != to).then(|| to.clone())
    }

    fn apply(tower: &mut Tower, patch: &Tower) -> Result<(), PatchError> {
        tower.clone_from(patch);
        Ok(())
    }

    fn instruments(_: &Tower) -> Vec<InstrumentId> {
        vec![]
    }

    fn undo_policy(pull: &Pull) -> UndoPolicy {
        match pull {
            Pull::Load(_) => UndoPolicy::Barrier,
            Pull::Unrecorded => UndoPolicy::Step,
            _ => UndoPolicy::Nothing,
        }
    }
}

/// A call of the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Reset(Tower),
    Perform(Ring, Tower),
    Advance(Tower),
}

pub type Output = EngineOutput<Bell>;

/// Hands each call to a function, which says what `advance` returns.
pub struct Scripted<F>(pub F);

impl<F: FnMut(Call) -> Output + 'static> EngineWorker<Bell> for Scripted<F> {
    fn reset(&mut self, _: Timestamp, tower: &Tower) {
        drop((self.0)(Call::Reset(tower.clone())));
    }

    fn perform(&mut self, _: Timestamp, tower: &Tower, ring: Ring) {
        drop((self.0)(Call::Perform(ring, tower.clone())));
    }

    fn advance(&mut self, _: Timestamp, tower: &Tower) -> Output {
        (self.0)(Call::Advance(tower.clone()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Driver {
    Inline,
    Threaded,
}

pub const BOTH: [Driver; 2] = [Driver::Inline, Driver::Threaded];

impl Driver {
    pub fn of<W: EngineWorker<Bell> + Send>(
        self,
        make: impl FnMut() -> W + Send + 'static,
    ) -> Engine<Bell> {
        match self {
            Self::Inline => inline(make),
            Self::Threaded => threaded(make),
        }
    }

    /// A worker for which `call` answers.
    pub fn scripted(
        self,
        call: impl FnMut(Call) -> Output + Clone + Send + 'static,
    ) -> Engine<Bell> {
        self.of(move || Scripted(call.clone()))
    }

    pub fn open(self, call: impl FnMut(Call) -> Output + Clone + Send + 'static) -> Local {
        local(self.scripted(call))
    }
}

pub type Local = LocalDispatcher<Bell>;

pub fn local(engine: Engine<Bell>) -> Local {
    Local::open("Ana", Tower::default(), engine).unwrap()
}

/// The calls of a worker.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// Writes `call` down.
    pub fn add(&self, call: &Call) {
        self.0.lock().unwrap().push(call.clone());
    }

    pub fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }

    /// All but those of `advance`.
    pub fn handed(&self) -> Vec<Call> {
        self.all().into_iter().filter(|call| !matches!(call, Call::Advance(_))).collect()
    }

    pub fn performed(&self) -> Vec<Ring> {
        let performed = |call| match call {
            Call::Perform(ring, _) => Some(ring),
            _ => None,
        };
        self.all().into_iter().filter_map(performed).collect()
    }

    /// Waits for a call of `advance` with the knob at `knob`.
    pub fn until_turned(&self, knob: u32) {
        until(
            "the worker has the newest state",
            || matches!(self.all().last(), Some(Call::Advance(tower)) if tower.knob == knob),
        );
    }

    /// A worker that only writes its calls down.
    pub fn recorder(&self) -> impl FnMut(Call) -> Output + Clone + Send + 'static {
        let calls = self.clone();
        move |call| {
            calls.add(&call);
            Output::default()
        }
    }
}

/// Blocks a worker while a test holds it.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    closed: Arc<Mutex<()>>,
    /// How often a worker has come here.
    reached: Arc<Mutex<u32>>,
}

impl Gate {
    pub fn pass(&self) {
        *self.reached.lock().unwrap() += 1;
        drop(self.closed.lock());
    }

    pub fn close(&self) -> MutexGuard<'_, ()> {
        self.closed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until a worker is here for the `count`th time.
    pub fn until_reached(&self, count: u32) {
        until("the worker is in the call", || *self.reached.lock().unwrap() >= count);
    }
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds`.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `act` on a thread, and fails if it does not return.
pub fn returns<T: Debug + Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(act()));
    result.recv_timeout(PATIENCE).expect("it returns")
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread, without a runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park_timeout(PATIENCE);
    }
}
