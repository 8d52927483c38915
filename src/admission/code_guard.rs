//! The code of the session, and how often it was guessed wrong.

use std::collections::BTreeMap;

use super::{
    PeerAddress,
    admission_config::{MAX_GUESSES, MAX_GUESSES_OF_ADDRESS},
};
use crate::{protocol::EntryRefusal, security::JoinCode};

/// For which addresses codes are paused, until the host has a new code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodePause {
    /// For all: there were 30 wrong guesses in all.
    Everybody,
    /// For these addresses: there were 5 wrong guesses of each.
    Addresses(Vec<PeerAddress>),
}

pub(super) struct CodeGuard {
    code: JoinCode,
    generation: u64,
    guesses: BTreeMap<PeerAddress, usize>,
}

impl CodeGuard {
    pub(super) const fn new(code: JoinCode) -> Self {
        Self { code, generation: 0, guesses: BTreeMap::new() }
    }

    pub(super) const fn code(&self) -> &JoinCode {
        &self.code
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn replace(&mut self, code: JoinCode) {
        self.code = code;
        self.generation += 1;
        self.guesses.clear();
    }

    pub(super) fn check_pause(&self, address: PeerAddress) -> Result<(), EntryRefusal> {
        let of_address = self.guesses.get(&address).is_some_and(|count| is_too_many(*count));
        if of_address || self.is_paused() { Err(EntryRefusal::CodesPaused) } else { Ok(()) }
    }

    /// Verifies a proof for the code of `generation`, and counts it if it is wrong.
    ///
    /// # Errors
    /// If it is wrong, or not verified because that code was replaced or is paused.
    pub(super) fn verify(
        &mut self,
        address: PeerAddress,
        generation: u64,
        is_right: impl FnOnce() -> bool,
    ) -> Result<(), EntryRefusal> {
        if generation != self.generation {
            return Err(EntryRefusal::CodeReplaced);
        }
        self.check_pause(address)?;
        if is_right() {
            return Ok(());
        }
        *self.guesses.entry(address).or_default() += 1;
        Err(EntryRefusal::WrongCode)
    }

    pub(super) fn pause(&self) -> Option<CodePause> {
        if self.is_paused() {
            return Some(CodePause::Everybody);
        }
        let paused = self.guesses.iter().filter(|(_, count)| is_too_many(**count));
        let paused: Vec<_> = paused.map(|(address, _)| *address).collect();
        (!paused.is_empty()).then_some(CodePause::Addresses(paused))
    }

    fn is_paused(&self) -> bool {
        self.guesses.values().sum::<usize>() >= MAX_GUESSES
    }
}

const fn is_too_many(guesses: usize) -> bool {
    guesses >= MAX_GUESSES_OF_ADDRESS
}
