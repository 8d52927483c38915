//! The messages between this process and its children: one line of JSON each.

use std::{net::SocketAddr, time::Duration};

use imbolc_net::protocol::framing::Codec;
use serde::{Deserialize, Serialize};

use super::probe::Wait;

/// The program that a child runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum ChildRole {
    /// Our host, with this minimum interval between patches.
    Host { instruments: u32, pace: Duration },
    /// The same, which admits no key that it does not know without the code, not even on
    /// this machine.
    GuardedHost { instruments: u32, pace: Duration },
    /// So many clients of the host at `host`, from so many addresses of this machine: they
    /// send a byte a second, and are back 1 s after they are dropped.
    Strangers { host: SocketAddr, clients: u32, addresses: u8 },
    /// Our host without an engine. Each instrument has `pages` pages of notes, and the
    /// last one is the host's own.
    LargeHost { instruments: u32, pages: u32 },
    /// Reads frames of `action` bytes from each client, and writes a frame of
    /// `patch` bytes to each of the others.
    Relay { clients: usize, action: usize, patch: usize },
    /// Writes `patch` bytes to each client on request.
    Writer { clients: usize, patch: usize },
    /// Writes a `Welcome` to each client that has sent `hello` bytes.
    WelcomeServer { codec: CodecName, instruments: u32, hello: usize },
}

/// The name of a codec.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum CodecName {
    Json,
    Postcard,
}

impl From<Codec> for CodecName {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Json => Self::Json,
            Codec::Postcard => Self::Postcard,
        }
    }
}

impl From<CodecName> for Codec {
    fn from(written: CodecName) -> Self {
        match written {
            CodecName::Json => Self::Json,
            CodecName::Postcard => Self::Postcard,
        }
    }
}

/// An order to a child.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum ChildOrder {
    /// Report the CPU time.
    Cpu,
    /// Send this many edits to all clients, `gap` apart.
    Burst { edits: u32, gap: Duration },
    /// Play all notes of a band again and again.
    Play,
    /// Make edits for this long, and report how long each one takes.
    Probe { lasts: Duration },
}

/// The answer of a child to every order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChildAnswer {
    /// CPU time used so far.
    pub cpu: Duration,
    /// The code of a host.
    pub code: Option<String>,
    /// Connections that strangers have made so far.
    pub connected: u64,
    /// Patches and full states written so far.
    pub written: u64,
    /// How many of them it has encoded.
    pub encoded: u64,
    /// Bytes of memory that are resident.
    pub resident: u64,
    /// The edits of a probe.
    pub waits: Vec<Wait>,
}
