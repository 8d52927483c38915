//! Where the sequencer's messages go: a live server, or a score.
//!
//! Plain values and one trait; it must not know the implementations.

use std::{fmt, time::Duration};

use imbolc_net::{studio::Content, util::time::Timestamp};
use rosc::OscMessage;

use crate::synth_def::Definition;

/// When messages take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// As soon as possible.
    Now,
    /// At this session time, plus the latency of the output, on the sample.
    At(Timestamp),
}

/// A sample, wavetable or impulse response in the server's memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Buffer {
    /// Its number in the server.
    pub number: u32,
    /// Its length in frames, at least 1.
    pub frames: u32,
    /// Its channels, at least 1.
    pub channels: u16,
    /// Its sample rate in Hz.
    pub rate: f32,
}

/// How many samples `PartConv` takes at a time: the size of the transforms of a [`Spectrum`].
pub const PARTITION: u32 = 1024;

/// An impulse response in the server's memory, prepared for convolution by
/// [`prepare_spectrum`](crate::commands::prepare_spectrum) with partitions of [`PARTITION`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spectrum {
    /// The buffers of the left and the right channel; of a mono response, the same.
    pub channels: [u32; 2],
    /// Its length in seconds.
    pub seconds: f32,
    /// The gain that makes the response neither louder nor softer than its input: 1 divided
    /// by the root of the sum of its squared samples, of the louder channel.
    pub gain: f32,
}

/// A target of the sequencer's messages. No method blocks.
pub trait Output: fmt::Debug {
    /// Sends messages that take effect together. Those of one time keep their order.
    fn send(&mut self, when: When, messages: Vec<OscMessage>);

    /// How much later than its time a message that is sent [`At`](When::At) it takes effect.
    fn latency(&self) -> Duration;

    /// Asks for a definition and returns whether it can be used by now. It is sent only once.
    fn define(&mut self, definition: &Definition) -> bool;

    /// Asks for a file and returns it if it can be used by now.
    fn buffer(&mut self, content: &Content) -> Option<Buffer>;

    /// Asks for the first `sixteenths` (1 to 16) of an impulse response as a spectrum, and
    /// returns it if it can be used by now.
    fn spectrum(&mut self, content: &Content, sixteenths: u8) -> Option<Spectrum>;
}
