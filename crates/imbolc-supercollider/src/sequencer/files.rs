//! Files that sounds need: samples and spectra in the server's memory.
//!
//! Building a graph asks for its files; a missing one is requested from the output again and
//! again until it is there.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use imbolc_net::studio::{Content, ContentHash};

use crate::{
    output::{Buffer, Output, Spectrum},
    sounds::Files,
};

/// A request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileRequest {
    /// A sample or a wavetable.
    Sample(Content),
    /// So many sixteenths of an impulse response.
    Spectrum(Content, u8),
}

impl FileRequest {
    pub(super) const fn content(&self) -> &Content {
        match self {
            Self::Sample(content) | Self::Spectrum(content, _) => content,
        }
    }

    const fn key(&self) -> FileKey {
        match self {
            Self::Sample(content) => (content.digest, 0),
            Self::Spectrum(content, sixteenths) => (content.digest, *sixteenths),
        }
    }
}

/// The content, and how many sixteenths of its spectrum; 0 for a sample.
pub(super) type FileKey = (ContentHash, u8);

/// The files that the server has.
#[derive(Debug, Default)]
pub(super) struct KnownFiles {
    samples: BTreeMap<ContentHash, Buffer>,
    spectra: BTreeMap<FileKey, Spectrum>,
    missing: BTreeMap<FileKey, FileRequest>,
}

/// Records the requests of a graph.
#[derive(Debug)]
pub(super) struct AskingFiles<'a> {
    known: &'a KnownFiles,
    asked: RefCell<Vec<FileRequest>>,
}

impl Files for AskingFiles<'_> {
    fn find(&self, content: &Content) -> Option<Buffer> {
        self.asked.borrow_mut().push(FileRequest::Sample(content.clone()));
        self.known.samples.get(&content.digest).copied()
    }

    fn find_spectrum(&self, content: &Content, sixteenths: u8) -> Option<Spectrum> {
        self.asked.borrow_mut().push(FileRequest::Spectrum(content.clone(), sixteenths));
        self.known.spectra.get(&(content.digest, sixteenths)).copied()
    }
}

impl KnownFiles {
    /// Builds something, again if files that it asks for are there at once, and returns it
    /// with the files that it asked for.
    pub(super) fn build<T>(
        &mut self,
        output: &mut dyn Output,
        mut make: impl FnMut(&AskingFiles<'_>) -> T,
    ) -> (T, Vec<FileKey>) {
        let (built, asked) = self.build_once(&mut make);
        let found = asked.iter().filter(|request| self.ask(request, output)).count();
        let built = if found > 0 { self.build_once(&mut make).0 } else { built };
        (built, asked.iter().map(FileRequest::key).collect())
    }

    fn build_once<T>(&self, make: &mut impl FnMut(&AskingFiles<'_>) -> T) -> (T, Vec<FileRequest>) {
        let files = AskingFiles { known: self, asked: RefCell::default() };
        let built = make(&files);
        (built, files.asked.into_inner())
    }

    /// Asks for a file and returns whether it is there, and was not before.
    fn ask(&mut self, request: &FileRequest, output: &mut dyn Output) -> bool {
        let key = request.key();
        if self.samples.contains_key(&key.0) && key.1 == 0 || self.spectra.contains_key(&key) {
            return false;
        }
        let found = match request {
            FileRequest::Sample(content) => output
                .buffer(content)
                .is_some_and(|buffer| self.samples.insert(key.0, buffer).is_none()),
            FileRequest::Spectrum(content, sixteenths) => output
                .spectrum(content, *sixteenths)
                .is_some_and(|spectrum| self.spectra.insert(key, spectrum).is_none()),
        };
        if found {
            self.missing.remove(&key);
        } else {
            self.missing.insert(key, request.clone());
        }
        found
    }

    /// Requests missing files again, and returns those that are there by now.
    pub(super) fn look_for_missing(&mut self, output: &mut dyn Output) -> BTreeSet<FileKey> {
        let missing: Vec<_> = self.missing.values().cloned().collect();
        let found = missing.iter().filter(|request| self.ask(request, output));
        found.map(FileRequest::key).collect()
    }

    /// Forgets missing files that are not needed any more.
    pub(super) fn keep_missing(&mut self, is_needed: impl Fn(FileKey) -> bool) {
        self.missing.retain(|key, _| is_needed(*key));
    }

    /// The requests that have not been met.
    pub(super) fn missing(&self) -> impl Iterator<Item = &FileRequest> {
        self.missing.values()
    }
}
