//! The messages that `scsynth` understands, as functions.
//!
//! Reference: "Server Command Reference" of SuperCollider 3.13. `scsynth` takes 32-bit
//! integers, 32-bit floats, strings and blobs only. It must not know the music.

use rosc::{OscMessage, OscType};

/// A node of the server: a group or a synth. Ours are positive: `scsynth` announces no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i32);

/// Where a new node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the beginning of this group.
    HeadOf(NodeId),
    /// At the end of this group.
    TailOf(NodeId),
    /// Directly before this node.
    Before(NodeId),
    /// Directly after this node.
    After(NodeId),
    /// In the place of this node, which is freed.
    Replacing(NodeId),
}

impl Place {
    const fn action_and_target(self) -> (i32, NodeId) {
        match self {
            Self::HeadOf(group) => (0, group),
            Self::TailOf(group) => (1, group),
            Self::Before(node) => (2, node),
            Self::After(node) => (3, node),
            Self::Replacing(node) => (4, node),
        }
    }
}

/// Creates a synth of the definition `name` with the given controls.
#[must_use]
pub fn new_synth(name: &str, id: NodeId, place: Place, controls: &[(&str, f32)]) -> OscMessage {
    let (action, target) = place.action_and_target();
    let mut args = vec![text(name), int(id.0), int(action), int(target.0)];
    for (control, value) in controls {
        args.extend([text(control), float(*value)]);
    }
    message("/s_new", args)
}

/// Creates a group.
#[must_use]
pub fn new_group(id: NodeId, place: Place) -> OscMessage {
    let (action, target) = place.action_and_target();
    message("/g_new", vec![int(id.0), int(action), int(target.0)])
}

/// Sets a control of a node, or of all nodes of a group. A node that is gone is ignored, and
/// so is an unknown control.
#[must_use]
pub fn set(id: NodeId, control: &str, value: f32) -> OscMessage {
    message("/n_set", vec![int(id.0), text(control), float(value)])
}

/// Lets nodes run, or pauses them.
#[must_use]
pub fn run(id: NodeId, runs: bool) -> OscMessage {
    message("/n_run", vec![int(id.0), int(runs.into())])
}

/// Puts nodes directly before another one, in this order.
#[must_use]
pub fn order_before(node: NodeId, nodes: &[NodeId]) -> OscMessage {
    let mut args = vec![int(2), int(node.0)];
    args.extend(nodes.iter().map(|node| int(node.0)));
    message("/n_order", args)
}

/// Frees a node, and for a group all that is in it.
#[must_use]
pub fn free(id: NodeId) -> OscMessage {
    message("/n_free", vec![int(id.0)])
}

/// Frees everything in a group, and in its groups.
#[must_use]
pub fn free_all(group: NodeId) -> OscMessage {
    message("/g_freeAll", vec![int(group.0)])
}

/// Sets consecutive control buses.
#[must_use]
pub fn set_buses(first: u32, values: &[f32]) -> OscMessage {
    let mut args = vec![index(first), index(u32::try_from(values.len()).unwrap_or(u32::MAX))];
    args.extend(values.iter().copied().map(float));
    message("/c_setn", args)
}

/// Asks for the values of consecutive control buses; the answer is a `/c_setn`.
#[must_use]
pub fn get_buses(first: u32, count: u32) -> OscMessage {
    message("/c_getn", vec![index(first), index(count)])
}

/// Hands over an encoded definition.
#[must_use]
pub fn receive_definition(bytes: Vec<u8>) -> OscMessage {
    message("/d_recv", vec![OscType::Blob(bytes)])
}

/// Reads a file into a buffer.
#[must_use]
pub fn read_buffer(number: u32, path: &str) -> OscMessage {
    message("/b_allocRead", vec![index(number), text(path), int(0), int(0)])
}

/// Reads `frames` frames of a channel, counted from 0, of a file into a buffer.
#[must_use]
pub fn read_channel(number: u32, path: &str, frames: u32, channel: u16) -> OscMessage {
    let args = vec![index(number), text(path), int(0), index(frames), int(channel.into())];
    message("/b_allocReadChannel", args)
}

/// Allocates a buffer of one channel.
#[must_use]
pub fn allocate_buffer(number: u32, frames: u32) -> OscMessage {
    message("/b_alloc", vec![index(number), index(frames), int(1)])
}

/// Fills a buffer of [`spectrum_frames`] with the spectrum of an impulse response, which is
/// another buffer of one channel; it is not needed afterwards.
#[must_use]
pub fn prepare_spectrum(number: u32, impulse: u32, partition: u32) -> OscMessage {
    let args = vec![index(number), text("PreparePartConv"), index(impulse), index(partition)];
    message("/b_gen", args)
}

/// How many frames the spectrum of an impulse response of `frames` frames has.
#[must_use]
pub const fn spectrum_frames(frames: u32, partition: u32) -> u32 {
    frames.div_ceil(partition / 2).saturating_mul(partition)
}

/// Frees a buffer.
#[must_use]
pub fn free_buffer(number: u32) -> OscMessage {
    message("/b_free", vec![index(number)])
}

/// Asks for `/synced` when all that was sent before is done.
#[must_use]
pub fn sync(id: i32) -> OscMessage {
    message("/sync", vec![int(id)])
}

/// A message without arguments, such as `/status` or `/quit`.
#[must_use]
pub fn plain(address: &str) -> OscMessage {
    message(address, Vec::new())
}

/// A message.
#[must_use]
pub fn message(address: &str, args: Vec<OscType>) -> OscMessage {
    OscMessage { addr: address.into(), args }
}

/// An integer argument; what `scsynth` cannot hold becomes its largest.
#[must_use]
pub fn index(value: u32) -> OscType {
    int(i32::try_from(value).unwrap_or(i32::MAX))
}

const fn int(value: i32) -> OscType {
    OscType::Int(value)
}

const fn float(value: f32) -> OscType {
    OscType::Float(value)
}

fn text(value: &str) -> OscType {
    OscType::String(value.into())
}
