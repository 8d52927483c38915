//! Definitions that were asked for, and whether the server has them.
//!
//! `scsynth` answers `/done` even to a definition that it refuses, and nothing at all to one
//! that it cannot read. So each is tried: a synth of it is created in a paused group, and the
//! server is asked which synths exist.

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use rosc::{OscMessage, OscType};

use crate::{
    commands::{self, NodeId, Place},
    synth_def::Definition,
};

/// Bytes of definitions between two answers. `scsynth` reads the socket in between.
const BATCH: usize = 32 * 1024;

/// A definition of more bytes does not fit into a datagram.
const LARGEST: usize = 60_000;

/// The group, which is paused, in which definitions are tried.
pub(super) const TRIALS: NodeId = NodeId(401);

/// The first node of the trials, of at most [`MOST`].
const FIRST_TRIAL: i32 = 410;
const MOST: usize = 512;

/// A batch that was not answered by then is sent again.
const ANSWER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Definitions {
    /// The definitions that were asked for, without refused ones.
    wanted: Vec<Definition>,
    /// The definitions that have not been sent to the present server.
    waiting: VecDeque<Definition>,
    batch: Option<SentDefinitions>,
    last_sync: i32,
    /// Why the server refused a definition of this batch.
    reason: Option<String>,
}

#[derive(Debug)]
struct SentDefinitions {
    definitions: Vec<Definition>,
    sync: i32,
    since: Instant,
}

/// Which definitions of a batch can be used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) defined: Vec<Arc<str>>,
    /// One line each.
    pub(super) refused: Vec<String>,
}

impl Definitions {
    /// Remembers a definition, which is sent with one of the next steps.
    pub(super) fn want(&mut self, definition: Definition) {
        if self.wanted.iter().any(|other| other.name == definition.name) {
            return;
        }
        self.wanted.push(definition.clone());
        self.waiting.push_back(definition);
    }

    /// The server is a new one, which has none.
    pub(super) fn begin_again(&mut self) {
        self.batch = None;
        self.waiting = self.wanted.iter().cloned().collect();
    }

    /// Whether the server has all of them.
    pub(super) fn is_done(&self) -> bool {
        self.batch.is_none() && self.waiting.is_empty()
    }

    /// Takes the reason that the server has printed for refusing a definition.
    pub(super) fn heard(&mut self, reason: String) {
        self.reason = Some(reason);
    }

    /// The messages that load the next definitions.
    pub(super) fn step(&mut self, now: Instant) -> Vec<OscMessage> {
        if let Some(batch) = self.batch.take_if(|batch| now.duration_since(batch.since) > ANSWER) {
            for definition in batch.definitions.into_iter().rev() {
                self.waiting.push_front(definition);
            }
        }
        if self.batch.is_some() || self.waiting.is_empty() {
            return Vec::new();
        }
        let (mut definitions, mut messages, mut bytes) = (Vec::new(), Vec::new(), 0);
        while let Some(next) = self.waiting.pop_front() {
            let encoded = next.bytes();
            if definitions.len() == MOST || (bytes > 0 && bytes + encoded.len() > BATCH) {
                self.waiting.push_front(next);
                break;
            }
            if encoded.len() <= LARGEST {
                bytes += encoded.len();
                messages.push(commands::receive_definition(encoded));
            }
            definitions.push(next);
        }
        self.last_sync = self.last_sync.wrapping_add(1);
        messages.push(commands::sync(self.last_sync));
        self.reason = None;
        self.batch = Some(SentDefinitions { definitions, sync: self.last_sync, since: now });
        messages
    }

    /// The messages that try the definitions of the batch, which belong into one bundle, once
    /// the server has answered with this number.
    pub(super) fn synced(&self, sync: i32) -> Vec<OscMessage> {
        let Some(batch) = self.batch.as_ref().filter(|batch| batch.sync == sync) else {
            return Vec::new();
        };
        let ids = FIRST_TRIAL..;
        let synths = batch.definitions.iter().zip(ids).map(|(definition, id)| {
            commands::new_synth(&definition.name, NodeId(id), Place::TailOf(TRIALS), &[])
        });
        let tree = commands::message("/g_queryTree", vec![OscType::Int(TRIALS.0), OscType::Int(0)]);
        synths.chain([tree, commands::free_all(TRIALS)]).collect()
    }

    /// Takes the answer to the trials: the tree of their group.
    pub(super) fn tried(&mut self, tree: &[OscType]) -> Tried {
        // Its arguments begin with 0, the group and the number of its nodes.
        if tree.get(1) != Some(&OscType::Int(TRIALS.0)) {
            return Tried::default();
        }
        let found: BTreeSet<&str> = tree
            .iter()
            .filter_map(|argument| match argument {
                OscType::String(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let Some(batch) = self.batch.take() else { return Tried::default() };
        let mut tried = Tried::default();
        let reason = mem::take(&mut self.reason).unwrap_or_else(|| "without a reason".into());
        for definition in batch.definitions {
            let (name, bytes) = (&definition.name, definition.bytes().len());
            if found.contains(&**name) {
                tried.defined.push(name.clone());
                continue;
            }
            self.wanted.retain(|other| *other != definition);
            tried.refused.push(if bytes > LARGEST {
                format!("the sound {name} is too large: {bytes} bytes")
            } else {
                format!("the server refuses the sound {name}: {reason}")
            });
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, bytes: usize) -> Definition {
        Definition::encoded(name, vec![0; bytes])
    }

    #[test]
    fn definitions_go_32_kb_between_two_answers() {
        let mut definitions = Definitions::default();
        for number in 0..100 {
            definitions.want(definition(&number.to_string(), 3000));
        }
        let mut sent = 0;
        while !definitions.is_done() {
            let messages = definitions.step(Instant::now());
            assert!(definitions.step(Instant::now()).is_empty(), "waits for the answer");
            let (sync, receive) = messages.split_last().unwrap();
            assert!(receive.len() <= 10 && sync.addr == "/sync", "{}", receive.len());
            sent += receive.len();
            let mut tree = vec![OscType::Int(0), OscType::Int(TRIALS.0), OscType::Int(0)];
            let names = (0..100).map(|number: i32| OscType::String(number.to_string()));
            tree.extend(names);
            let OscType::Int(sync) = sync.args[0] else { panic!("{sync:?}") };
            assert_eq!(definitions.synced(sync).len(), receive.len() + 2);
            assert!(definitions.tried(&tree).refused.is_empty());
        }
        assert_eq!(sent, 100);
    }

    #[test]
    fn a_definition_is_sent_once() {
        let mut definitions = Definitions::default();
        definitions.want(definition("a", 10));
        definitions.want(definition("a", 10));
        assert_eq!(definitions.step(Instant::now()).len(), 2, "one, and the question");
    }

    #[test]
    fn a_batch_without_answer_is_sent_again() {
        let mut definitions = Definitions::default();
        definitions.want(definition("a", 10));
        let now = Instant::now();
        let first = definitions.step(now);
        assert!(definitions.step(now + Duration::from_secs(1)).is_empty());
        assert_eq!(definitions.step(now + Duration::from_secs(3)).len(), first.len());
    }

    #[test]
    fn a_definition_too_large_for_a_datagram_is_refused() {
        let mut definitions = Definitions::default();
        definitions.want(definition("large", 70_000));
        assert_eq!(definitions.step(Instant::now()).len(), 1, "the question alone");
        let tree = [OscType::Int(0), OscType::Int(TRIALS.0), OscType::Int(0)];
        let refused = definitions.tried(&tree).refused;
        assert_eq!(refused, ["the sound large is too large: 70000 bytes"]);
        definitions.begin_again();
        assert!(definitions.is_done(), "it is not asked for again");
    }
}
