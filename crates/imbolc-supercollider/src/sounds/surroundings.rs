//! What a graph depends on besides the studio's values: tempo, files and buses.
//!
//! It must not know where they come from.

use std::fmt;

use imbolc_net::studio::{BusId, Content};

use crate::output::{Buffer, Spectrum};

/// The tempo, files and buses for which a sound is built.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The length of a quarter note in seconds.
    pub beat: f32,
    /// The files in the server's memory.
    pub files: &'a dyn Files,
    /// The signals of the mixer's buses.
    pub buses: &'a dyn BusSignals,
    /// Whether it is rendered offline, without the inputs of a sound card.
    pub offline: bool,
}

/// Finds files that are in the server's memory.
pub trait Files: fmt::Debug {
    /// The file, if it can be used.
    fn find(&self, content: &Content) -> Option<Buffer>;

    /// The first `sixteenths` (1 to 16) of an impulse response as a spectrum, if it can be
    /// used.
    fn find_spectrum(&self, content: &Content, sixteenths: u8) -> Option<Spectrum>;
}

/// Finds the signals of buses.
pub trait BusSignals: fmt::Debug {
    /// The first of two audio buses with the signal of this bus after its effects, as of the
    /// block before; `None` if there is no such bus.
    fn signal_of(&self, bus: BusId) -> Option<u32>;
}
