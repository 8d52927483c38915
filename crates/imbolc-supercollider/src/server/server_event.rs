//! The events of the server.

use std::sync::Arc;

use imbolc_net::studio::Content;

use crate::output::{Buffer, Spectrum};

/// An event of the server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// It runs, audio is computed, and all definitions that were asked for are loaded. It has
    /// no nodes, and all control buses are 0.
    Up(Audio),
    /// It does not run, for this reason. It is started again, after a pause of 0.25 s that
    /// doubles up to 10 s. A reason is reported once until the server is up again.
    Down(String),
    /// A definition can be used until [`Down`](Self::Down).
    Defined(Arc<str>),
    /// A file can be used, until the server is down.
    Loaded(Content, Buffer),
    /// The first sixteenths (1 to 16) of an impulse response can be used as a spectrum, until
    /// the server is down.
    Prepared(Content, u8, Spectrum),
    /// A file cannot be used, for this reason.
    Missing(Content, String),
    /// The values of the control buses from the first on that were asked for.
    Peaks {
        /// The first control bus.
        first: u32,
        /// Its value, and those of the next ones.
        values: Vec<f32>,
    },
    /// The load of the server, twice a second.
    Status(Load),
    /// A problem, in one line.
    Trouble(String),
}

/// How the server is connected to the sound card.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// `JACK` or `PipeWire`.
    pub system: &'static str,
    /// The sample rate in Hz.
    pub rate: f64,
    /// Frames in a period of the sound card, at least 64.
    pub period: u32,
    /// The UDP port on 127.0.0.1.
    pub port: u16,
}

/// The load of the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The mean use of a core, in percent.
    pub cpu: f32,
    /// The highest use of a core within a period of the last second, in percent.
    pub peak_cpu: f32,
    /// Bundles that came too late since the link was started.
    pub late: u64,
    /// The measured sample rate in Hz.
    pub sample_rate: f64,
}
