//! The files that a score has read: samples, and impulse responses as spectra.
//!
//! It must not know the sounds that use them.

use std::{collections::BTreeMap, path::PathBuf};

use imbolc_net::studio::{Content, ContentHash};
use rosc::OscMessage;

use crate::{
    commands,
    output::{Buffer, PARTITION, Spectrum},
    samples::{BadSound, ImpulseResponse, SoundFile, find_sound},
};

/// The files, each looked up once.
#[derive(Debug, Default)]
pub(super) struct ScoreFiles {
    pub(super) directory: Option<PathBuf>,
    /// The files that were looked up; `None` if one cannot be used.
    found: BTreeMap<ContentHash, Option<SoundFile>>,
    buffers: BTreeMap<ContentHash, Buffer>,
    spectra: BTreeMap<(ContentHash, u8), Spectrum>,
    /// How many buffers are in use.
    used: u32,
    /// Files that cannot be used, one line each.
    pub(super) troubles: Vec<String>,
}

impl ScoreFiles {
    /// A buffer, and the messages that read it if that is still to be done.
    pub(super) fn buffer(&mut self, content: &Content) -> Option<(Buffer, Vec<OscMessage>)> {
        if let Some(known) = self.buffers.get(&content.digest) {
            return Some((*known, Vec::new()));
        }
        let file = self.find(content)?;
        #[expect(clippy::cast_precision_loss, reason = "rates are below 2^24")]
        let rate = file.rate as f32;
        let [number] = self.numbers();
        let buffer = Buffer { number, frames: file.frames, channels: file.channels, rate };
        self.buffers.insert(content.digest, buffer);
        Some((buffer, vec![commands::read_buffer(number, &file.path.to_string_lossy())]))
    }

    /// A spectrum, and the messages that prepare it if that is still to be done.
    pub(super) fn spectrum(
        &mut self,
        content: &Content,
        sixteenths: u8,
    ) -> Option<(Spectrum, Vec<OscMessage>)> {
        let key = (content.digest, sixteenths);
        if let Some(known) = self.spectra.get(&key) {
            return Some((*known, Vec::new()));
        }
        let file = self.find(content)?;
        let response = match ImpulseResponse::of(&file, sixteenths) {
            Ok(response) => response,
            Err(why) => {
                self.miss(content, &why);
                return None;
            }
        };
        let mut messages = Vec::new();
        let path = file.path.to_string_lossy();
        let sides = [0, 1].map(|side| side.min(file.channels - 1));
        let channels = sides.map(|channel| {
            let [impulse, spectrum] = self.numbers();
            let frames = response.frames;
            let size = commands::spectrum_frames(frames, PARTITION);
            messages.extend([
                commands::read_channel(impulse, &path, frames, channel),
                commands::allocate_buffer(spectrum, size),
                commands::prepare_spectrum(spectrum, impulse, PARTITION),
                commands::free_buffer(impulse),
            ]);
            spectrum
        });
        let spectrum = response.spectrum(channels);
        self.spectra.insert(key, spectrum);
        Some((spectrum, messages))
    }

    /// Adds a buffer that is already loaded; `false` if the content has one.
    pub(super) fn put(&mut self, content: ContentHash, buffer: Buffer) -> bool {
        self.buffers.insert(content, buffer).is_none()
    }

    fn find(&mut self, content: &Content) -> Option<SoundFile> {
        if let Some(known) = self.found.get(&content.digest) {
            return known.clone();
        }
        match find_sound(self.directory.as_deref(), content) {
            Ok(file) => self.found.entry(content.digest).or_insert(Some(file)).clone(),
            Err(why) => {
                self.miss(content, &why);
                None
            }
        }
    }

    fn miss(&mut self, content: &Content, why: &BadSound) {
        self.found.insert(content.digest, None);
        self.troubles.push(format!("{}: {why}", content.name));
    }

    fn numbers<const N: usize>(&mut self) -> [u32; N] {
        [(); N].map(|()| {
            self.used += 1;
            self.used - 1
        })
    }
}
