//! The messages between this process and its children: one line of JSON each.

use std::time::Duration;

use imbolc_net::protocol::framing::Codec;
use serde::{Deserialize, Serialize};

/// The program that a child runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum ChildRole {
    /// Our host, with this minimum interval between patches.
    Host { instruments: u32, pace: Duration },
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
}

/// The answer of a child to every order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ChildAnswer {
    /// CPU time used so far.
    pub cpu: Duration,
    /// Patches and full states written so far.
    pub written: u64,
    /// How many of them it has encoded.
    pub encoded: u64,
}
