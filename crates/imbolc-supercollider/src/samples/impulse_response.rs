//! Impulse responses: how much of a file is used, and how loud it is.

use super::{BadSound, SoundFile, open_wav};
use crate::output::Spectrum;

/// The beginning of an impulse response, as it is prepared for convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImpulseResponse {
    /// How many frames of the file are taken, at least 1.
    pub frames: u32,
    /// The sample rate of the file in Hz.
    rate: u32,
    /// See [`Spectrum::gain`].
    gain: f32,
}

impl ImpulseResponse {
    /// Measures the first `sixteenths` (1 to 16) of a file. Reads them, which takes as long as
    /// the disk takes.
    ///
    /// # Errors
    /// [`BadSound`].
    pub fn of(file: &SoundFile, sixteenths: u8) -> Result<Self, BadSound> {
        let frames = u64::from(file.frames) * u64::from(sixteenths.min(16)) / 16;
        let frames = u32::try_from(frames).unwrap_or(u32::MAX).max(1);
        Ok(Self { frames, rate: file.rate, gain: gain_of(file, frames)? })
    }

    /// The spectrum that it becomes in these buffers: left and right.
    #[must_use]
    pub fn spectrum(self, channels: [u32; 2]) -> Spectrum {
        #[expect(clippy::cast_possible_truncation, reason = "a time")]
        let seconds = (f64::from(self.frames) / f64::from(self.rate)) as f32;
        Spectrum { channels, seconds, gain: self.gain }
    }
}

/// 1 divided by the root of the sum of the squared samples, of the louder channel; 1 for
/// silence.
fn gain_of(file: &SoundFile, frames: u32) -> Result<f32, BadSound> {
    let mut reader = open_wav(&file.path)?;
    let channels = usize::from(file.channels.max(1));
    let samples = channels.saturating_mul(usize::try_from(frames).unwrap_or(usize::MAX));
    let spec = reader.spec();
    let mut energies = vec![0.0_f64; channels];
    let mut add = |(nth, sample): (usize, f64)| {
        if let Some(energy) = energies.get_mut(nth % channels) {
            *energy += sample * sample;
        }
    };
    match spec.sample_format {
        hound::SampleFormat::Float => {
            for sample in reader.samples::<f32>().take(samples).enumerate() {
                add((sample.0, sample.1.map_err(BadSound::NoWav)?.into()));
            }
        }
        hound::SampleFormat::Int => {
            let full = f64::from(2_u32.pow(u32::from(spec.bits_per_sample.clamp(1, 32)) - 1));
            for sample in reader.samples::<i32>().take(samples).enumerate() {
                add((sample.0, f64::from(sample.1.map_err(BadSound::NoWav)?) / full));
            }
        }
    }
    let loudest = energies.into_iter().fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "a gain")]
    let gain = (1.0 / loudest.sqrt()) as f32;
    Ok(if gain.is_finite() { gain } else { 1.0 })
}
