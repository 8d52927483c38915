//! A model of the server: what it does with the messages, at their times.
//!
//! A message that names a node, a group or a definition that is not there at its time fails the
//! test, and so does a gate that closes too early and a block of parameters with two uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    studio::{Content, ContentHash},
    util::time::Timestamp,
};
use rosc::{OscMessage, OscType};

use super::super::allocation::CONTROL_BUSES;
use crate::{
    output::{Buffer, Output, Spectrum, When},
    synth_def::Definition,
};

pub const LATENCY: Duration = Duration::from_millis(30);

/// The longest period of the audio driver; messages at once wait for its end.
const PERIOD: Duration = Duration::from_millis(15);

/// A block of 64 samples at 44.1 kHz.
const BLOCK: Duration = Duration::from_micros(1_452);

/// How long a voice sounds after its gate is closed.
const RELEASE: Duration = Duration::from_millis(20);

pub const MASTER: i32 = 3;

#[derive(Debug)]
pub struct ServerModel {
    now: Timestamp,
    loading: Duration,
    /// The files that are there.
    pub files: BTreeSet<ContentHash>,
    pub nodes: BTreeMap<i32, Node>,
    /// The nodes of each group, in order.
    pub groups: BTreeMap<i32, Vec<i32>>,
    pub buses: Vec<f32>,
    /// The sizes of the blocks of parameters, by their first buses.
    pub sizes: BTreeMap<u32, usize>,
    /// What has taken effect.
    pub log: Vec<(Timestamp, OscMessage)>,
    asked: BTreeMap<Arc<str>, Timestamp>,
    pending: BTreeMap<(Timestamp, u64), OscMessage>,
    sent: u64,
    ends: BTreeSet<(Timestamp, i32)>,
    /// Voices that ended by themselves.
    ended: BTreeSet<i32>,
}

#[derive(Debug)]
pub struct Node {
    pub parent: i32,
    /// The definition; `None` for a group.
    pub name: Option<String>,
    pub controls: BTreeMap<String, f32>,
    pub born: Timestamp,
    pub runs: bool,
    at_once: bool,
}

impl Node {
    pub fn control(&self, name: &str) -> Option<u32> {
        self.controls.get(name).map(|value| *value as u32)
    }

    pub fn is_voice(&self) -> bool {
        self.controls.contains_key("level") && self.parent != MASTER
    }

    pub fn is_effect(&self) -> bool {
        let has = |name| self.controls.contains_key(name);
        self.control("params").is_some_and(|block| block > 0) && !has("level") && !has("to")
    }
}

impl ServerModel {
    /// A server whose definitions take so long to load.
    pub fn new(loading: Duration) -> Self {
        Self {
            now: Timestamp::ZERO,
            loading,
            files: BTreeSet::new(),
            nodes: BTreeMap::new(),
            groups: BTreeMap::from([(0, Vec::new())]),
            buses: vec![0.0; CONTROL_BUSES as usize],
            sizes: BTreeMap::new(),
            log: Vec::new(),
            asked: BTreeMap::new(),
            pending: BTreeMap::new(),
            sent: 0,
            ends: BTreeSet::new(),
            ended: BTreeSet::new(),
        }
    }

    /// Does what is due up to this time.
    pub fn run_to(&mut self, time: Timestamp) {
        loop {
            let message = self.pending.first_key_value().map(|((at, _), _)| *at);
            let end = self.ends.first().map(|(at, _)| *at);
            match (message, end) {
                (Some(at), end) if at <= time && end.is_none_or(|end| at <= end) => {
                    let Some((_, message)) = self.pending.pop_first() else { return };
                    self.now = self.now.max(at);
                    self.perform(message, at, false);
                }
                (_, Some(at)) if at <= time => {
                    let Some((_, node)) = self.ends.pop_first() else { return };
                    self.now = self.now.max(at);
                    if self.nodes.contains_key(&node) {
                        self.remove(node);
                        self.ended.insert(node);
                    }
                }
                _ => break,
            }
        }
        self.now = self.now.max(time);
    }

    /// How many messages of this kind have taken effect since `since`.
    pub fn count(&self, address: &str, since: usize) -> usize {
        self.log[since..].iter().filter(|(_, message)| message.addr == address).count()
    }

    pub fn voices(&self) -> impl Iterator<Item = (i32, &Node)> {
        self.nodes.iter().filter(|(_, node)| node.is_voice()).map(|(id, node)| (*id, node))
    }

    /// The value of a parameter of a synth.
    pub fn parameter(&self, node: &Node, index: usize) -> f32 {
        self.buses[node.control("params").unwrap() as usize + index]
    }

    fn perform(&mut self, message: OscMessage, at: Timestamp, at_once: bool) {
        self.log.push((at, message.clone()));
        let OscMessage { addr, args } = message;
        let int = |index: usize| args[index].clone().int().unwrap();
        match addr.as_str() {
            "/g_new" => {
                self.insert(int(0), int(1), int(2), (None, BTreeMap::new()), at_once);
                self.groups.insert(int(0), Vec::new());
            }
            "/s_new" => {
                let name = args[0].clone().string().unwrap();
                let asked = self.asked.get(name.as_str()).copied();
                let ready = asked.is_some_and(|asked| asked + self.loading <= self.now);
                assert!(ready, "{name} is not there");
                let pairs = args[4..].chunks(2).map(|pair| {
                    (pair[0].clone().string().unwrap(), pair[1].clone().float().unwrap())
                });
                let controls: BTreeMap<_, _> = pairs.collect();
                self.check_block(&name, &controls);
                self.insert(int(1), int(2), int(3), (Some(name), controls), at_once);
                let node = &self.nodes[&int(1)];
                let life = match (node.control("rate"), node.parent) {
                    (_, MASTER) if node.name.is_some() => Some(Duration::from_millis(30)),
                    (Some(_), _) => Some(Duration::from_secs_f32(1.0 / node.controls["rate"])),
                    _ => None,
                };
                self.ends.extend(life.map(|life| (self.now + life, int(1))));
            }
            "/n_set" => {
                let (id, control) = (int(0), args[1].clone().string().unwrap());
                let value = args[2].clone().float().unwrap();
                if control == "gate" {
                    self.set_gate(id, value);
                } else {
                    let node = self.nodes.get_mut(&id).unwrap_or_else(|| panic!("no node {id}"));
                    node.controls.insert(control, value);
                }
            }
            "/n_run" => {
                let id = int(0);
                let node = self.nodes.get_mut(&id).unwrap_or_else(|| panic!("no node {id} to run"));
                node.runs = int(1) == 1;
            }
            "/n_order" => {
                assert_eq!(int(0), 2);
                let target = int(1);
                let ids: Vec<_> = args[2..].iter().map(|id| id.clone().int().unwrap()).collect();
                let parent = self.nodes[&target].parent;
                for id in &ids {
                    assert_eq!(self.nodes[id].parent, parent, "{id} is moved between groups");
                }
                let group = self.groups.get_mut(&parent).unwrap();
                group.retain(|id| !ids.contains(id));
                let at = group.iter().position(|id| *id == target).unwrap();
                group.splice(at..at, ids);
            }
            "/n_free" => {
                assert!(self.nodes.contains_key(&int(0)), "no node {} to free", int(0));
                self.remove(int(0));
            }
            "/g_freeAll" => {
                self.groups[&int(0)].clone().into_iter().for_each(|id| self.remove(id));
            }
            "/clearSched" => {
                self.pending.clear();
                // Everything is freed, and all blocks are given out anew.
                self.sizes.clear();
            }
            "/c_setn" => {
                for (offset, value) in args[2..].iter().enumerate() {
                    self.buses[int(0) as usize + offset] = value.clone().float().unwrap();
                }
                assert_eq!(args.len() - 2, int(1) as usize);
                // Whole blocks are set before anything reads them.
                let first = int(0) as u32;
                if self.nodes.values().all(|node| node.control("params") != Some(first)) {
                    self.sizes.insert(first, (args.len() - 2).max(1).next_multiple_of(8));
                }
            }
            other => panic!("unknown message {other}"),
        }
    }

    /// A block of parameters belongs to one effect or part, or to the voices of one patch.
    fn check_block(&self, name: &str, controls: &BTreeMap<String, f32>) {
        let block = controls.get("params").copied().unwrap_or_default();
        if block == 0.0 {
            return;
        }
        assert!(block >= 2_048.0);
        for (id, other) in &self.nodes {
            if other.controls.get("params") == Some(&block) {
                let is_patch = controls.contains_key("level") && other.is_voice();
                let same = other.name.as_deref() == Some(name)
                    && other.controls.get("bus") == controls.get("bus");
                assert!(is_patch && same, "block {block} has two uses: {name} and node {id}");
            }
        }
    }

    fn set_gate(&mut self, id: i32, value: f32) {
        let Some(node) = self.nodes.get(&id) else {
            assert!(self.ended.contains(&id), "no voice {id} to release");
            return;
        };
        let least = if node.at_once { PERIOD + BLOCK } else { BLOCK };
        let age = self.now.since(node.born);
        assert!(age >= least, "voice {id} is released after {age:?}, and never begins");
        let length = if value == 0.0 { RELEASE } else { Duration::from_millis(10) };
        self.ends.insert((self.now + length, id));
    }

    fn insert(
        &mut self,
        id: i32,
        action: i32,
        target: i32,
        (name, controls): (Option<String>, BTreeMap<String, f32>),
        at_once: bool,
    ) {
        assert!(!self.nodes.contains_key(&id), "node {id} is there already");
        let parent = if action < 2 {
            target
        } else {
            self.nodes.get(&target).unwrap_or_else(|| panic!("no node {target} beside {id}")).parent
        };
        let group =
            self.groups.get_mut(&parent).unwrap_or_else(|| panic!("no group {parent} for {id}"));
        let place = group.iter().position(|node| *node == target);
        match action {
            0 => group.insert(0, id),
            1 => group.push(id),
            2 | 4 => group.insert(place.unwrap(), id),
            _ => group.insert(place.unwrap() + 1, id),
        }
        if action == 4 {
            self.remove(target);
        }
        let born = self.now;
        self.nodes.insert(id, Node { parent, name, controls, born, runs: true, at_once });
    }

    fn remove(&mut self, id: i32) {
        for child in self.groups.remove(&id).unwrap_or_default() {
            self.remove(child);
        }
        if let Some(node) = self.nodes.remove(&id) {
            if node.is_voice() {
                self.ended.insert(id);
            }
            if let Some(group) = self.groups.get_mut(&node.parent) {
                group.retain(|other| *other != id);
            }
        }
    }
}

impl Output for ServerModel {
    fn send(&mut self, when: When, messages: Vec<OscMessage>) {
        for message in messages {
            match when {
                When::Now => self.perform(message, self.now, true),
                When::At(time) => {
                    assert!(time + LATENCY >= self.now, "{message:?} is late");
                    self.pending.insert((time + LATENCY, self.sent), message);
                    self.sent += 1;
                }
            }
        }
        assert!(self.pending.len() < 20_000);
    }

    fn latency(&self) -> Duration {
        LATENCY
    }

    fn define(&mut self, definition: &Definition) -> bool {
        let asked = *self.asked.entry(Arc::clone(&definition.name)).or_insert(self.now);
        asked + self.loading <= self.now
    }

    fn buffer(&mut self, content: &Content) -> Option<Buffer> {
        let buffer = Buffer { number: 1, frames: 48_000, channels: 2, rate: 48_000.0 };
        self.files.contains(&content.digest).then_some(buffer)
    }

    fn spectrum(&mut self, content: &Content, _: u8) -> Option<Spectrum> {
        let spectrum = Spectrum { channels: [1, 2], seconds: 1.0, gain: 1.0 };
        self.files.contains(&content.digest).then_some(spectrum)
    }
}

/// The arguments of a message as text.
pub fn text(message: &OscMessage) -> String {
    let args: Vec<_> = message
        .args
        .iter()
        .map(|arg| match arg {
            OscType::Int(value) => value.to_string(),
            OscType::Float(value) => value.to_string(),
            OscType::String(value) => value.clone(),
            other => format!("{other:?}"),
        })
        .collect();
    format!("{} {}", message.addr, args.join(" "))
}
