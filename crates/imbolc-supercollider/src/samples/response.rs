//! Impulse responses: how loud a convolution with one is.

use std::{fs::File, io::BufReader};

use hound::{SampleFormat, WavReader};

use super::{BadSound, SoundFile};

/// The gain that makes the first `frames` frames of a response neither louder nor softer than
/// what is convolved with it: 1 divided by the root of the sum of its squared samples, of the
/// louder channel. 1 for silence.
///
/// # Errors
/// [`BadSound`].
pub fn response_gain(file: &SoundFile, frames: u32) -> Result<f32, BadSound> {
    let mut reader =
        WavReader::new(BufReader::new(File::open(&file.path)?)).map_err(BadSound::NoWav)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels.max(1));
    let full = 2_f64.powi(i32::from(spec.bits_per_sample) - 1);
    let mut sums = vec![0.0; channels];
    let count = usize::try_from(frames).unwrap_or(usize::MAX).saturating_mul(channels);
    let mut add = |index: usize, sample: f64| {
        if let Some(sum) = sums.get_mut(index % channels) {
            *sum += sample * sample;
        }
    };
    match spec.sample_format {
        SampleFormat::Float => {
            for (index, sample) in reader.samples::<f32>().take(count).enumerate() {
                add(index, sample.map_err(BadSound::NoWav)?.into());
            }
        }
        SampleFormat::Int => {
            for (index, sample) in reader.samples::<i32>().take(count).enumerate() {
                add(index, f64::from(sample.map_err(BadSound::NoWav)?) / full);
            }
        }
    }
    let loudest = sums.into_iter().fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "a gain")]
    Ok(if loudest > 0.0 { loudest.sqrt().recip() as f32 } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use hound::{WavSpec, WavWriter};

    use super::*;

    #[test]
    fn response_gain_is_that_of_the_louder_channel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("room.wav");
        for (sample_format, bits_per_sample) in [(SampleFormat::Int, 16), (SampleFormat::Float, 32)]
        {
            let spec = WavSpec { channels: 2, sample_rate: 48_000, bits_per_sample, sample_format };
            let mut writer = WavWriter::create(&path, spec).unwrap();
            // The last frame is not part of it.
            for (left, right) in [(0.25, 0.5), (0.0, 0.0), (0.25, 0.5), (0.9, 0.9)] {
                for sample in [left, right] {
                    match sample_format {
                        SampleFormat::Int => writer.write_sample((sample * 32_768.0) as i16),
                        SampleFormat::Float => writer.write_sample(sample as f32),
                    }
                    .unwrap();
                }
            }
            writer.finalize().unwrap();
            let file = SoundFile { path: path.clone(), frames: 4, channels: 2, rate: 48_000 };
            let gain = response_gain(&file, 3).unwrap();
            assert!((gain - 0.5_f32.sqrt().recip()).abs() < 1e-4, "{gain}");
        }
    }
}
