//! The studio, with reducers and patches that panic now and then: always, only on
//! the host, or only on a client. Whether they do depends on the action and on the
//! state, so an action may panic when it is predicted again.

use std::cell::Cell;

use imbolc_net::{
    model::{
        Access, Digest, DirtyFlags, InstrumentId, Invalid, Model, PatchError, Reduction,
        ReversibleChange, UndoPolicy,
    },
    protocol::{
        self,
        framing::{self, Codec},
    },
    studio::{InstrumentAction, NetworkAction, Studio, StudioEffect, StudioPatch, StudioState},
    util::panics,
};
use serde::Serialize;

use super::participant::own;

pub type ClientMessage = protocol::ClientMessage<Rigged>;
pub type ServerMessage = protocol::ServerMessage<Rigged>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rigged;

/// Whose code runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Host,
    Client,
}

thread_local! {
    static SIDE: Cell<Side> = const { Cell::new(Side::Client) };
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Runs `call` as the host does. Everything else is a client's.
pub fn on_host<T>(call: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            SIDE.set(Side::Client);
        }
    }
    SIDE.set(Side::Host);
    let _back = Back;
    call()
}

/// How often a panic was caught in this thread.
pub fn panics() -> u64 {
    PANICS.get()
}

/// A number that depends on nothing but `value`.
fn hash(value: &impl Serialize) -> u64 {
    let mut bytes = Vec::new();
    framing::encode(Codec::Postcard, value, &mut bytes).unwrap();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Panics for one number in a hundred.
fn maybe_panic(number: u64) {
    let panics = match (number >> 20) % 300 {
        0 => true,
        1 => SIDE.get() == Side::Host,
        2 => SIDE.get() == Side::Client,
        _ => false,
    };
    if panics {
        assert!(panics::is_caught(), "no panic of a model leaves the session or the mirror");
        PANICS.set(PANICS.get() + 1);
        panic!("rigged");
    }
}

/// Whether `action` turns a knob that is checked for jumps, lets go of the keys or reports
/// where the music stopped, which is checked, too.
fn is_spared(action: &NetworkAction) -> bool {
    match action {
        NetworkAction::Instrument(_, InstrumentAction::ReleaseAll)
        | NetworkAction::TransportReport(_) => true,
        NetworkAction::Instrument(id, _) => *id >= own(0),
        _ => false,
    }
}

impl Model for Rigged {
    const NAME: &'static str = Studio::NAME;
    const VERSION: u32 = Studio::VERSION;

    type State = StudioState;
    type Action = NetworkAction;
    type Patch = StudioPatch;
    type Effect = StudioEffect;
    type Outcome = <Studio as Model>::Outcome;
    type Metering = <Studio as Model>::Metering;
    type Notice = <Studio as Model>::Notice;

    fn access(state: &StudioState, action: &NetworkAction) -> Access {
        Studio::access(state, action)
    }

    /// Panics when half of the work is done.
    fn reduce(
        state: &mut StudioState,
        action: &NetworkAction,
    ) -> Result<Reduction<StudioEffect, Self::Outcome>, Invalid> {
        let before = state.instruments.len() as u64;
        let reduction = Studio::reduce(state, action)?;
        if !is_spared(action) {
            maybe_panic(hash(action).wrapping_mul(before + 1));
        }
        Ok(reduction)
    }

    fn diff(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
        Studio::diff(from, to)
    }

    fn apply(state: &mut StudioState, patch: &StudioPatch) -> Result<(), PatchError> {
        Studio::apply(state, patch)?;
        maybe_panic(hash(patch));
        Ok(())
    }

    fn instruments(state: &StudioState) -> Vec<InstrumentId> {
        Studio::instruments(state)
    }

    fn exists(state: &StudioState, instrument: InstrumentId) -> bool {
        Studio::exists(state, instrument)
    }

    fn on_release(state: &StudioState, instrument: InstrumentId) -> Option<NetworkAction> {
        Studio::on_release(state, instrument)
    }

    fn undo_policy(action: &NetworkAction) -> UndoPolicy {
        Studio::undo_policy(action)
    }

    fn continues(previous: &NetworkAction, next: &NetworkAction) -> bool {
        Studio::continues(previous, next)
    }

    fn diff_reversible(from: &StudioState, to: &StudioState) -> Vec<ReversibleChange<StudioPatch>> {
        Studio::diff_reversible(from, to)
    }

    fn check_limits(state: &StudioState) -> Result<(), Invalid> {
        Studio::check_limits(state)
    }

    fn effects_between(from: &StudioState, to: &StudioState) -> Vec<StudioEffect> {
        Studio::effects_between(from, to)
    }

    fn is_stale(state: &StudioState, action: &NetworkAction) -> bool {
        Studio::is_stale(state, action)
    }

    fn dirty(from: &StudioState, to: &StudioState) -> DirtyFlags {
        Studio::dirty(from, to)
    }

    fn digest(state: &StudioState, known: Option<(&StudioState, Digest)>) -> Digest {
        Studio::digest(state, known)
    }
}
