//! The messages of a whole piece, as the file that `scsynth -N` plays.
//!
//! It must not know what is played. Format: "Non-Realtime Synthesis" of SuperCollider 3.13.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    studio::{Content, ContentHash},
    util::time::Timestamp,
};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, encoder};

use super::score_files::ScoreFiles;
use crate::{
    commands,
    output::{Buffer, Output, Spectrum, When},
    synth_def::Definition,
};

/// The samples that `scsynth` computes at a time.
pub const BLOCK: u64 = 64;

/// An [`Output`] that collects the messages of a piece. Everything is ready at once.
#[derive(Debug)]
pub struct Score {
    rate: u32,
    /// The length of a block as `scsynth` 3.13 counts time: in units of 2^-32 s, truncated.
    block: u64,
    /// Encoded bundles with their samples, in the order in which they were sent.
    bundles: Vec<(u64, Vec<u8>)>,
    /// The present sample.
    now: u64,
    /// The sample up to which bundles were written and forgotten.
    written: u64,
    definitions: BTreeSet<Arc<str>>,
    files: ScoreFiles,
}

impl Score {
    /// An empty score for this sample rate in Hz, at least 1.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.max(1);
        Self {
            rate,
            block: (BLOCK << 32) / u64::from(rate),
            bundles: Vec::new(),
            now: 0,
            written: 0,
            definitions: BTreeSet::new(),
            files: ScoreFiles::default(),
        }
    }

    /// Looks for files in this directory; `None` finds none.
    #[must_use]
    pub fn with_files_of(mut self, directory: Option<PathBuf>) -> Self {
        self.files.directory = directory;
        self
    }

    /// Files that cannot be used, one line each, since the last call.
    pub fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.files.troubles)
    }

    /// The sample rate in Hz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// The sample at this time, counted from the beginning of the session.
    #[must_use]
    pub fn sample_at(&self, time: Timestamp) -> u64 {
        let samples = (u128::from(time.micros()) * u128::from(self.rate) + 500_000) / 1_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Moves the present, where what is sent [`Now`](When::Now) takes effect.
    pub fn move_to(&mut self, time: Timestamp) {
        self.now = self.sample_at(time);
    }

    /// Sends messages that take effect at this sample.
    pub fn send_at(&mut self, sample: u64, messages: Vec<OscMessage>) {
        let sample = sample.max(self.written);
        let content = messages.into_iter().map(OscPacket::Message).collect();
        let packet = OscPacket::Bundle(OscBundle { timetag: self.tag(sample), content });
        // Writing to memory cannot fail.
        if let Ok(bytes) = encoder::encode(&packet) {
            self.bundles.push((sample, bytes));
        }
    }

    /// Reads a file before anything else, for a content that is asked for later.
    pub fn load(&mut self, content: ContentHash, path: &Path, buffer: Buffer) {
        if self.files.put(content, buffer) {
            let read = commands::read_buffer(buffer.number, &path.to_string_lossy());
            self.send_at(0, vec![read]);
        }
    }

    /// Writes the bundles before this sample and forgets them. Messages that are sent later
    /// take effect at this sample at the earliest.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn write_until(&mut self, sample: u64, target: &mut impl Write) -> io::Result<()> {
        // Equal samples keep their order; `scsynth` 3.13 cuts an unsorted score short.
        self.bundles.sort_by_key(|(sample, _)| *sample);
        let count = self.bundles.partition_point(|(own, _)| *own < sample);
        self.written = sample;
        for (_, bytes) in self.bundles.drain(..count) {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            target.write_all(&length.to_be_bytes())?;
            target.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Writes the rest up to this sample, where the piece ends.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn finish(mut self, end: u64, target: &mut impl Write) -> io::Result<()> {
        self.write_until(end, target)?;
        self.bundles.clear();
        // The time of the last bundle is the length, whatever is in it.
        self.send_at(end, Vec::new());
        self.write_until(end + 1, target)
    }

    fn send_if_any(&mut self, messages: Vec<OscMessage>) {
        if !messages.is_empty() {
            self.send_at(self.now, messages);
        }
    }

    /// The time tag that `scsynth` 3.13 takes for exactly this sample: a quarter of a sample
    /// later, because it counts the very beginning of a block to the block before.
    fn tag(&self, sample: u64) -> OscTime {
        let within = (sample % BLOCK * self.block + self.block / 4) / BLOCK;
        let tag = sample / BLOCK * self.block + within;
        let [seconds, fractional] =
            [tag >> 32, tag & 0xFFFF_FFFF].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
        OscTime { seconds, fractional }
    }
}

impl Output for Score {
    fn latency(&self) -> Duration {
        Duration::ZERO
    }

    fn send(&mut self, when: When, messages: Vec<OscMessage>) {
        let sample = match when {
            When::Now => self.now,
            When::At(time) => self.sample_at(time),
        };
        self.send_at(sample, messages);
    }

    fn define(&mut self, definition: &Definition) -> bool {
        if self.definitions.insert(definition.name.clone()) {
            let receive = commands::receive_definition(definition.bytes());
            self.send_at(self.now, vec![receive]);
        }
        true
    }

    fn buffer(&mut self, content: &Content) -> Option<Buffer> {
        let (buffer, messages) = self.files.buffer(content)?;
        self.send_if_any(messages);
        Some(buffer)
    }

    fn spectrum(&mut self, content: &Content, sixteenths: u8) -> Option<Spectrum> {
        let (spectrum, messages) = self.files.spectrum(content, sixteenths)?;
        self.send_if_any(messages);
        Some(spectrum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_written_in_order_and_never_into_the_past() {
        let (mut score, mut file) = (Score::new(48_000), Vec::new());
        let send = |score: &mut Score, sample, name| {
            score.send_at(sample, vec![commands::plain(name)]);
        };
        send(&mut score, 6_400, "/c");
        send(&mut score, 640, "/a");
        send(&mut score, 640, "/b");
        score.write_until(5_000, &mut file).unwrap();
        send(&mut score, 64, "/late");
        score.finish(9_600, &mut file).unwrap();

        let (mut rest, mut written) = (&*file, Vec::new());
        while let Some((length, others)) = rest.split_first_chunk() {
            let (bundle, others) = others.split_at(u32::from_be_bytes(*length) as usize);
            let Ok((_, OscPacket::Bundle(bundle))) = rosc::decoder::decode_udp(bundle) else {
                panic!("no bundle")
            };
            let blocks = f64::from(bundle.timetag.fractional) / 2_f64.powi(32) * 750.0;
            let name = bundle.content.first().map(|packet| match packet {
                OscPacket::Message(message) => message.addr.clone(),
                OscPacket::Bundle(_) => panic!("a bundle in a bundle"),
            });
            written.push((blocks.floor(), name.unwrap_or_default()));
            rest = others;
        }
        let expected = [(10.0, "/a"), (10.0, "/b"), (78.0, "/late"), (100.0, "/c"), (150.0, "")];
        assert_eq!(written, expected.map(|(block, name)| (block, name.to_owned())));
    }
}
