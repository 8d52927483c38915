//! What this process and its children say to each other: a line of JSON each.

use std::time::Duration;

use imbolc_net::protocol::framing::Codec;
use serde::{Deserialize, Serialize};

/// What a child is to be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Role {
    /// Our host. It sends patches no more often than at this pace.
    Host { instruments: u32, pace: Duration },
    /// Reads frames of `action` bytes of any of its clients, and writes as many
    /// frames of `patch` bytes to each of the others.
    Relay { clients: usize, action: usize, patch: usize },
    /// Writes `patch` bytes to each of its clients when it is told to.
    Writer { clients: usize, patch: usize },
    /// Writes the whole state to each client, once that has written `hello` bytes.
    Giver { codec: Written, instruments: u32, hello: usize },
}

/// The name of a codec.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Written {
    Json,
    Postcard,
}

impl From<Codec> for Written {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Json => Self::Json,
            Codec::Postcard => Self::Postcard,
        }
    }
}

impl From<Written> for Codec {
    fn from(written: Written) -> Self {
        match written {
            Written::Json => Self::Json,
            Written::Postcard => Self::Postcard,
        }
    }
}

/// What a child is told.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Order {
    /// To say how much CPU time it has used.
    Cpu,
    /// To tell all clients of so many edits, at this distance.
    Burst { edits: u32, gap: Duration },
}

/// What a child answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The CPU time that it has used.
    pub cpu: Duration,
    /// How many patches and full states it has written so far.
    pub written: u64,
    /// How many of these it has encoded for it.
    pub encoded: u64,
}
