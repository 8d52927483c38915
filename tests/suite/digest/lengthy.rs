//! A slow digest blocks no call: it is computed without a lock, and from the previous
//! digest.

use std::{
    cell::RefCell,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::Duration,
};

use imbolc_net::{
    Dispatcher,
    authority::{inline, threaded},
    client::{JoinOptions, RemoteDispatcher},
    model::{Access, Digest, InstrumentId, Invalid, Model, NoEngine, PatchError, Reduction},
    server::{HostDispatcher, HostOptions},
    sync::session::SessionConfig,
    transport::in_memory,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::SECOND;

/// A number whose digest waits for the test, on the host or on the client.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lengthy<const AT_HOST: bool>;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Number {
    value: u32,
    /// Lost on the wire, so it is false on a client.
    #[serde(skip)]
    at_host: bool,
}

/// Blocks the computation of digests.
struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(PartialEq)]
enum GateState {
    Open,
    Shut,
    /// A computation is waiting.
    Reached,
}

static GATES: [Gate; 2] =
    [const { Gate { state: Mutex::new(GateState::Open), moved: Condvar::new() } }; 2];

thread_local! {
    /// How often a digest was computed from scratch, on clients and on the host.
    static FROM_SCRATCH: RefCell<[usize; 2]> = const { RefCell::new([0; 2]) };
}

impl Gate {
    fn of(at_host: bool) -> &'static Self {
        &GATES[usize::from(at_host)]
    }

    fn set(&self, state: GateState) {
        *self.state.lock().unwrap() = state;
        self.moved.notify_all();
    }

    /// Waits until the state is not `old`; false after 30 seconds.
    fn leaves(&self, old: &GateState) -> bool {
        let state = self.state.lock().unwrap();
        let waited = self.moved.wait_timeout_while(state, 30 * SECOND, |state| state == old);
        !waited.unwrap().1.timed_out()
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        if *state == GateState::Shut {
            *state = GateState::Reached;
            drop(state);
            self.moved.notify_all();
            self.leaves(&GateState::Reached);
        }
    }
}

impl<const AT_HOST: bool> Model for Lengthy<AT_HOST> {
    const NAME: &'static str = "lengthy";
    const VERSION: u32 = 1;

    type State = Number;
    type Action = u32;
    type Patch = u32;
    type Effect = ();
    type Outcome = ();
    type Metering = ();
    type Notice = ();

    fn access(_: &Number, _: &u32) -> Access {
        Access::Anyone
    }

    fn reduce(number: &mut Number, action: &u32) -> Result<Reduction<()>, Invalid> {
        number.value = *action;
        Ok(Reduction::default())
    }

    fn diff(from: &Number, to: &Number) -> Option<u32> {
        (from.value != to.value).then_some(to.value)
    }

    fn apply(number: &mut Number, patch: &u32) -> Result<(), PatchError> {
        number.value = *patch;
        Ok(())
    }

    fn instruments(_: &Number) -> Vec<InstrumentId> {
        vec![]
    }

    fn digest(number: &Number, known: Option<(&Number, Digest)>) -> Digest {
        if known.is_none() {
            FROM_SCRATCH.with_borrow_mut(|counts| counts[usize::from(number.at_host)] += 1);
        }
        if number.at_host == AT_HOST {
            Gate::of(AT_HOST).pass();
        }
        Digest::of(&number.value)
    }
}

/// Whether calls of a dispatcher return while its side computes a digest.
async fn returns_during_digest<const AT_HOST: bool>() -> bool {
    let (listener, connector) = in_memory();
    let heartbeat = Duration::from_millis(10);
    let session = SessionConfig { heartbeat_interval: heartbeat, ..SessionConfig::default() };
    let options = HostOptions { session, ..HostOptions::default() };
    let zero = Number { value: 0, at_host: true };
    let host = HostDispatcher::<Lengthy<AT_HOST>>::open(
        "Mia",
        zero,
        threaded(|| NoEngine),
        listener,
        options,
    );
    let host = Arc::new(host.unwrap());
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = Arc::new(RemoteDispatcher::join(connector, options).await.unwrap());
    let dispatcher: Arc<dyn Dispatcher<Lengthy<AT_HOST>>> =
        if AT_HOST { Arc::clone(&host) as _ } else { Arc::clone(&ana) as _ };

    let gate = Gate::of(AT_HOST);
    gate.set(GateState::Shut);
    // A new state requires a new digest.
    host.dispatch(1).unwrap();
    assert!(gate.leaves(&GateState::Shut), "no digest is computed");
    let (returned, returns) = mpsc::channel();
    thread::spawn(move || {
        dispatcher.dispatch(2).unwrap();
        returned.send(dispatcher.state().model.value)
    });
    let value = returns.recv_timeout(10 * SECOND);
    gate.set(GateState::Open);
    value == Ok(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn host_is_not_blocked_by_its_digest() {
    assert!(returns_during_digest::<true>().await, "the call waits for the digest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_is_not_blocked_by_its_digest() {
    assert!(returns_during_digest::<false>().await, "the call waits for the digest");
}

#[tokio::test(start_paused = true)]
async fn digest_is_incremental_except_after_a_full_state() {
    let (listener, connector) = in_memory();
    let (zero, options) = (Number { value: 0, at_host: true }, HostOptions::default());
    let host =
        HostDispatcher::<Lengthy<true>>::open("Mia", zero, inline(|| NoEngine), listener, options);
    let host = host.unwrap();
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = RemoteDispatcher::<Lengthy<true>>::join(connector, options).await.unwrap();
    for value in 1..40 {
        host.dispatch(value).unwrap();
        sleep(SECOND).await;
        if value == 20 {
            ana.resynchronise().unwrap();
        }
    }
    assert_eq!(ana.confirmed().model.value, 39);
    // Ana got two full states: in the welcome, and on request.
    assert_eq!(FROM_SCRATCH.with_borrow(|counts| *counts), [2, 1]);
}
