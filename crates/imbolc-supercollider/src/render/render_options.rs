//! What is rendered, and where to.

use std::path::PathBuf;

/// The bars that are rendered, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bars {
    /// The first one; without it, that is 1.
    pub first: Option<u32>,
    /// The last one, which is played to its end; without it, the song's own.
    pub last: Option<u32>,
}

/// What to render, and where to.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// The WAV file of the mix. An existing file is replaced.
    pub out: PathBuf,
    /// The bars.
    pub bars: Bars,
    /// The sample rate in Hz, 8,000 to 192,000.
    pub rate: u32,
    /// 32-bit floats instead of 16-bit integers.
    pub float: bool,
    /// The directory for a WAV file of each instrument that plays and of each bus: behind
    /// their faders, as long as the mix. It is created if it is missing.
    pub stems: Option<PathBuf>,
    /// The program `scsynth`, if it is not the one on PATH.
    pub scsynth: Option<PathBuf>,
    /// The directory in which the files of the project are.
    pub samples: Option<PathBuf>,
}

impl RenderOptions {
    /// The whole song as 16-bit integers at 48 kHz, without stems.
    #[must_use]
    pub const fn new(out: PathBuf) -> Self {
        let bars = Bars { first: None, last: None };
        let (stems, scsynth, samples) = (None, None, None);
        Self { out, bars, rate: 48_000, float: false, stems, scsynth, samples }
    }
}
