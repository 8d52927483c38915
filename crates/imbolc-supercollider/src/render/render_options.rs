//! The options of a rendering.

use std::path::PathBuf;

/// The bars that are rendered, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bars {
    /// The first one; without it, that is 1.
    pub first: Option<u32>,
    /// The last one, which is played to its end; without it, the song's own.
    pub last: Option<u32>,
}

/// Options of [`render`](fn@super::render).
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// The WAV file of the mix. An existing file is replaced.
    pub out: PathBuf,
    /// The bars to render; the whole song by default.
    pub bars: Bars,
    /// The sample rate in Hz, 44,100 to 192,000: filters take cutoffs up to 20 kHz.
    pub rate: u32,
    /// 32-bit floats instead of 16-bit integers.
    pub float: bool,
    /// The directory for a WAV file of each instrument that plays and of each bus: behind
    /// their faders, as long as the mix. It is created if it is missing.
    pub stems: Option<PathBuf>,
    /// The program; `None` looks for `scsynth` on `PATH`.
    pub scsynth: Option<PathBuf>,
    /// The directory of samples; `None` finds none.
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
