//! A digest that takes long holds up nobody: it is worked out beside the locks,
//! and from the one before.

use std::{
    cell::RefCell,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::Duration,
};

use imbolc_net::{
    Dispatcher,
    client::{JoinOptions, RemoteDispatcher},
    model::{Access, Digest, InstrumentId, Invalid, Model, NoEngine, PatchError},
    server::{HostDispatcher, HostOptions},
    sync::session::SessionConfig,
    transport::in_memory,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::SECOND;

/// A number whose digest takes as long as the test wants it to, at the host or
/// at the client.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lengthy<const AT_HOST: bool>;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Number {
    value: u32,
    /// What is read from the wire is not there.
    #[serde(skip)]
    at_host: bool,
}

/// Where a digest is held up.
struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(PartialEq)]
enum State {
    Open,
    Shut,
    /// Somebody waits before it.
    Reached,
}

static GATES: [Gate; 2] =
    [const { Gate { state: Mutex::new(State::Open), moved: Condvar::new() } }; 2];

thread_local! {
    /// How often a digest was worked out from nothing, at clients and at the host.
    static FROM_NOTHING: RefCell<[usize; 2]> = const { RefCell::new([0; 2]) };
}

impl Gate {
    fn of(at_host: bool) -> &'static Self {
        &GATES[usize::from(at_host)]
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap() = state;
        self.moved.notify_all();
    }

    /// Whether the gate comes to where it is not in this state any more.
    fn leaves(&self, old: &State) -> bool {
        let state = self.state.lock().unwrap();
        let waited = self.moved.wait_timeout_while(state, 30 * SECOND, |state| state == old);
        !waited.unwrap().1.timed_out()
    }

    fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        if *state == State::Shut {
            *state = State::Reached;
            drop(state);
            self.moved.notify_all();
            self.leaves(&State::Reached);
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

    fn access(_: &Number, _: &u32) -> Access {
        Access::Anyone
    }

    fn reduce(number: &mut Number, action: &u32) -> Result<Vec<()>, Invalid> {
        number.value = *action;
        Ok(vec![])
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
            FROM_NOTHING.with_borrow_mut(|counts| counts[usize::from(number.at_host)] += 1);
        }
        if number.at_host == AT_HOST {
            Gate::of(AT_HOST).pass();
        }
        Digest::of(&number.value)
    }
}

/// Whether one's calls return while a digest is being worked out where one is.
async fn is_free_meanwhile<const AT_HOST: bool>() -> bool {
    let (listener, connector) = in_memory();
    let heartbeat = Duration::from_millis(10);
    let session = SessionConfig { heartbeat_interval: heartbeat, ..SessionConfig::default() };
    let options = HostOptions { session, ..HostOptions::default() };
    let zero = Number { value: 0, at_host: true };
    let host = HostDispatcher::<Lengthy<AT_HOST>>::open("Mia", zero, NoEngine, listener, options);
    let host = Arc::new(host.unwrap());
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = Arc::new(RemoteDispatcher::join(connector, options).await.unwrap());
    let one: Arc<dyn Dispatcher<Lengthy<AT_HOST>>> =
        if AT_HOST { Arc::clone(&host) as _ } else { Arc::clone(&ana) as _ };

    let gate = Gate::of(AT_HOST);
    gate.set(State::Shut);
    // Something new is to be digested.
    host.dispatch(1).unwrap();
    assert!(gate.leaves(&State::Shut), "nothing is digested");
    let (returned, returns) = mpsc::channel();
    thread::spawn(move || {
        one.dispatch(2).unwrap();
        returned.send(one.state().model.value)
    });
    let value = returns.recv_timeout(10 * SECOND);
    gate.set(State::Open);
    value == Ok(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_goes_on_while_a_digest_is_worked_out() {
    assert!(is_free_meanwhile::<true>().await, "it waits for the digest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_goes_on_while_a_digest_is_worked_out() {
    assert!(is_free_meanwhile::<false>().await, "it waits for the digest");
}

#[tokio::test(start_paused = true)]
async fn a_digest_is_worked_out_from_the_one_before_but_for_that_of_a_full_state() {
    let (listener, connector) = in_memory();
    let (zero, options) = (Number { value: 0, at_host: true }, HostOptions::default());
    let host = HostDispatcher::<Lengthy<true>>::open("Mia", zero, NoEngine, listener, options);
    let host = host.unwrap();
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let ana = RemoteDispatcher::<Lengthy<true>>::join(connector, options).await.unwrap();
    for value in 1..40 {
        host.dispatch(value).unwrap();
        sleep(SECOND).await;
    }
    assert_eq!(ana.confirmed().model.value, 39);
    // She was sent everything twice: as she came, and after half a minute.
    assert_eq!(FROM_NOTHING.with_borrow(|counts| *counts), [2, 1]);
}
