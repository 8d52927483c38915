//! Turns the raw output of `scsynth` into WAV files.
//!
//! It must not know where the samples come from.

use std::{
    fs::File,
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use hound::{SampleFormat, WavSpec, WavWriter};
use imbolc_net::util::{quantity::Decibels, time::Timestamp};

use super::{
    progress::{Watch, part},
    render_error::RenderError,
    score::Score,
};
use crate::sounds::output_delay;

/// How long a song rings at most, after its last bar.
const LONGEST_TAIL: Duration = Duration::from_secs(30);

/// The amplitude below which a song has faded away: −90 dB.
const FADED: f32 = 3.162_277_7e-5;

/// The bytes of a native 32-bit float.
const FLOAT: usize = 4;

/// The output channels of the server: those of the master, then two for each stem.
pub(super) fn channels(stems: usize) -> u32 {
    u32::try_from(2 + 2 * stems).unwrap_or(u32::MAX)
}

/// When a song has faded away that ends at `end`.
pub(super) fn end_of_tail(end: Timestamp) -> Timestamp {
    end + LONGEST_TAIL
}

/// How many samples a run makes: all of the song, as late as its output is.
pub(super) fn frames_of_run(end: Timestamp, rate: u32) -> u64 {
    Score::new(rate).sample_at(end_of_tail(end)) + u64::from(output_delay(rate))
}

/// The longest song that a stereo WAV file of 4 GiB holds, without its tail.
pub(super) fn longest(rate: u32, float: bool) -> Duration {
    let seconds = (u32::MAX / if float { 8 } else { 4 } - 1024) / rate;
    Duration::from_secs(seconds.into()).saturating_sub(LONGEST_TAIL)
}

/// Called with the number of each frame and its samples.
type EachFrame<'a> = dyn FnMut(u64, &[[u8; FLOAT]]) -> Result<(), RenderError> + 'a;

/// The output of a run: interleaved native floats.
#[derive(Debug)]
pub(super) struct Take {
    file: PathBuf,
    rate: u32,
    channels: usize,
    /// The sample at which the last bar ends.
    end: u64,
    /// The samples of each channel.
    frames: u64,
}

/// A WAV file that is made of two channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track<'a> {
    pub(super) file: &'a Path,
    /// The first of the channels.
    pub(super) channel: usize,
    /// How many samples late they are.
    pub(super) late: u64,
}

impl Take {
    pub(super) fn of(file: PathBuf, rate: u32, stems: usize, end: Timestamp) -> Self {
        let channels = 2 + 2 * stems;
        let frames = frames_of_run(end, rate);
        Self { file, rate, channels, end: Score::new(rate).sample_at(end), frames }
    }

    /// The fraction of it that is in its file by now, 0 to 1.
    pub(super) fn written(&self) -> f32 {
        let bytes = std::fs::metadata(&self.file).map_or(0, |data| data.len());
        let frames = bytes / self.frame();
        // Nearly everything is not everything.
        if frames >= self.frames { 1.0 } else { part(frames, self.frames).min(0.999) }
    }

    /// The bytes of a frame.
    fn frame(&self) -> u64 {
        (self.channels * FLOAT) as u64
    }

    /// The length of the mix: until it has faded away, and at least all bars. And its peak.
    pub(super) fn measure(&self, watch: &mut Watch<'_>) -> Result<(u64, Decibels), RenderError> {
        let late = u64::from(output_delay(self.rate));
        let (mut length, mut peak) = (self.end, 0.0_f32);
        self.read(self.frames, watch, &mut |at, frame| {
            let loudest = stereo(frame, 0).fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            peak = peak.max(loudest);
            if loudest >= FADED {
                length = length.max((at + 1).saturating_sub(late));
            }
            Ok(())
        })?;
        let peak = (20.0 * peak.log10()).clamp(Decibels::MIN.get(), Decibels::MAX.get());
        Ok((length, Decibels::new(peak).unwrap_or(Decibels::MIN)))
    }

    /// Writes tracks of so many samples.
    pub(super) fn write(
        &self,
        tracks: &[Track<'_>],
        frames: u64,
        float: bool,
        watch: &mut Watch<'_>,
    ) -> Result<(), RenderError> {
        let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
        let bits_per_sample = if float { 32 } else { 16 };
        let spec = WavSpec { channels: 2, sample_rate: self.rate, bits_per_sample, sample_format };
        let mut files = Vec::new();
        for track in tracks {
            let writer = WavWriter::create(track.file, spec).map_err(failed(track.file))?;
            files.push((track, writer));
        }
        let last = tracks.iter().map(|track| track.late + frames).max().unwrap_or_default();
        self.read(last, watch, &mut |at, frame| {
            for (track, writer) in &mut files {
                if (track.late..track.late + frames).contains(&at) {
                    for sample in stereo(frame, track.channel) {
                        let written = if float {
                            writer.write_sample(sample)
                        } else {
                            writer.write_sample(to_16_bits(sample))
                        };
                        written.map_err(failed(track.file))?;
                    }
                }
            }
            Ok(())
        })?;
        for (track, writer) in files {
            writer.finalize().map_err(failed(track.file))?;
            // Some file systems find out only now that they are full.
            let synced = File::open(track.file).and_then(|file| file.sync_all());
            synced.map_err(RenderError::file(track.file))?;
        }
        Ok(())
    }

    /// Reads the first `frames` samples of all channels.
    fn read(
        &self,
        frames: u64,
        watch: &mut Watch<'_>,
        each: &mut EachFrame<'_>,
    ) -> Result<(), RenderError> {
        let failed = || RenderError::file(&self.file);
        let file = File::open(&self.file).map_err(failed())?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut bytes = vec![0; self.channels * FLOAT];
        for at in 0..frames {
            file.read_exact(&mut bytes).map_err(failed())?;
            each(at, bytes.as_chunks().0)?;
            if at.is_multiple_of(1 << 16) {
                watch.at(part(at, frames))?;
            }
        }
        Ok(())
    }
}

/// Two channels of a frame.
fn stereo(frame: &[[u8; FLOAT]], first: usize) -> impl Iterator<Item = f32> {
    frame.iter().skip(first).take(2).map(|bytes| f32::from_ne_bytes(*bytes))
}

/// Rounds and clips, without dither.
#[expect(clippy::cast_possible_truncation, reason = "it is within 16 bits")]
fn to_16_bits(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(f32::from(i16::MIN), f32::from(i16::MAX)) as i16
}

fn failed(file: &Path) -> impl FnOnce(hound::Error) -> RenderError {
    let failed = RenderError::file(file);
    |error| match error {
        hound::Error::IoError(error) => failed(error),
        other => failed(io::Error::other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_and_clipped() {
        for (sample, written) in [
            (0.0, 0),
            (0.4 / 32_768.0, 0),
            (0.6 / 32_768.0, 1),
            (-0.6 / 32_768.0, -1),
            (0.5, 16_384),
            (1.0, i16::MAX),
            (7.0, i16::MAX),
            (-1.0, i16::MIN),
            (-7.0, i16::MIN),
            (f32::NAN, 0),
        ] {
            assert_eq!(to_16_bits(sample), written, "{sample}");
        }
    }
}
