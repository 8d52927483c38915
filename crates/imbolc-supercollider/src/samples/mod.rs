//! Files of sound beside the project: looked up by their plain name, checked by their digest.
//!
//! The name comes from the session, perhaps from another computer: it must name a file
//! directly in the directory, not hidden, and nothing else. It must not know how files are played.

mod impulse_response;

use std::{
    fs::File,
    io::{self, BufReader},
    path::{Component, Path, PathBuf},
};

use imbolc_net::studio::{Content, ContentHash, Name};

pub use self::impulse_response::ImpulseResponse;

/// The most samples, counted over all channels, that a file may hold: 512 MiB in memory, or
/// 23 minutes in stereo at 48 kHz.
pub const MAX_SAMPLES: u32 = 1 << 27;

/// The most bytes of a file.
const MAX_BYTES: u64 = 1 << 30;

/// A file that can be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length in frames, at least 1.
    pub frames: u32,
    /// Its channels, at least 1.
    pub channels: u16,
    /// Its sample rate in Hz.
    pub rate: u32,
}

/// Why a file cannot be played. Each is shown in one line, after the name of the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSound {
    /// The project has not been saved, so it has no directory.
    #[error("there is no directory of samples")]
    NoDirectory,
    /// The name is a path, or hidden, or not kept by a [`Name`].
    #[error("not a plain file name")]
    NotPlain,
    /// The directory has no file of this name.
    #[error("not in samples/")]
    NotThere,
    /// The content of the file differs.
    #[error("samples/ has another file of this name")]
    Another,
    /// The file cannot be read as WAV.
    #[error("no WAV file that can be read: {0}")]
    NoWav(hound::Error),
    /// The file has no samples.
    #[error("empty")]
    Empty,
    /// The file has more than [`MAX_SAMPLES`].
    #[error("too long: {0} samples of at most {MAX_SAMPLES}")]
    TooLong(u64),
    /// The server cannot read the file.
    #[error("the server cannot read it")]
    Refused,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The path of the file with the name of `content`. Its content may differ.
///
/// # Errors
/// [`BadSound`].
pub fn place_of(directory: &Path, content: &Content) -> Result<PathBuf, BadSound> {
    let text = content.name.as_str();
    let name = Path::new(text);
    let mut parts = name.components();
    let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name.as_os_str());
    if !plain || text.contains('\\') || text.starts_with('.') {
        return Err(BadSound::NotPlain);
    }
    let path = directory.join(name);
    // To open a pipe would wait for a writer.
    if path.is_file() { Ok(path) } else { Err(BadSound::NotThere) }
}

/// Finds a file and checks its digest. Reads all of it, which takes about a second per GB.
///
/// # Errors
/// [`BadSound`].
pub fn find_sound(directory: Option<&Path>, content: &Content) -> Result<SoundFile, BadSound> {
    let path = place_of(directory.ok_or(BadSound::NoDirectory)?, content)?;
    if digest_of(&path)? != content.digest {
        return Err(BadSound::Another);
    }
    check_wav(path)
}

/// The name and digest of a file, by which the session refers to it. Others find it if they
/// have a copy in their directory.
///
/// # Errors
/// [`BadSound`].
pub fn content_of(path: &Path) -> Result<Content, BadSound> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(BadSound::NotPlain)?;
    let content_name = Name::new(name).map_err(|_| BadSound::NotPlain)?;
    // A name with two spaces in a row, for example, is not kept as it is.
    if content_name.as_str() != name {
        return Err(BadSound::NotPlain);
    }
    let digest = digest_of(path)?;
    check_wav(path.into())?;
    Ok(Content { name: content_name, digest })
}

fn digest_of(path: &Path) -> Result<ContentHash, BadSound> {
    let found = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BadSound::NotThere,
        _ => BadSound::Io(error),
    })?;
    // To open a pipe would wait for a writer.
    if !found.is_file() {
        return Err(BadSound::NotThere);
    }
    if found.len() > MAX_BYTES {
        return Err(BadSound::TooLong(found.len() / 2));
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    Ok(ContentHash(digest))
}

fn check_wav(path: PathBuf) -> Result<SoundFile, BadSound> {
    let reader = open_wav(&path)?;
    let spec = reader.spec();
    let (frames, samples) = (reader.duration(), reader.len());
    if samples > MAX_SAMPLES {
        return Err(BadSound::TooLong(samples.into()));
    }
    if frames == 0 || spec.channels == 0 || spec.sample_rate == 0 {
        return Err(BadSound::Empty);
    }
    Ok(SoundFile { path, frames, channels: spec.channels, rate: spec.sample_rate })
}

fn open_wav(path: &Path) -> Result<hound::WavReader<BufReader<File>>, BadSound> {
    hound::WavReader::new(BufReader::new(File::open(path)?)).map_err(|error| match error {
        // For hound 3.5 the end of a file within its header is such an error too.
        hound::Error::IoError(error) if error.kind() != io::ErrorKind::Other => BadSound::Io(error),
        error => BadSound::NoWav(error),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn wav(path: &Path, frames: u32) {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        (0..frames * 2).for_each(|_| writer.write_sample(1_i16).unwrap());
        writer.finalize().unwrap();
    }

    fn content(name: &str, digest: ContentHash) -> Content {
        Content { name: Name::new(name).unwrap(), digest }
    }

    #[test]
    fn a_file_is_found_by_name_and_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kick.wav");
        wav(&path, 100);
        let chosen = content_of(&path).unwrap();
        let found = find_sound(Some(directory.path()), &chosen).unwrap();
        assert_eq!(found, SoundFile { path, frames: 100, channels: 2, rate: 44_100 });
    }

    #[test]
    fn another_file_of_the_same_name_is_not_played() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kick.wav");
        wav(&path, 100);
        let chosen = content_of(&path).unwrap();
        wav(&path, 101);
        let error = find_sound(Some(directory.path()), &chosen).unwrap_err();
        assert!(matches!(error, BadSound::Another), "{error}");
    }

    #[test]
    fn a_name_cannot_leave_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let samples = directory.path().join("samples");
        fs::create_dir(&samples).unwrap();
        let path = directory.path().join("kick.wav");
        wav(&path, 100);
        let digest = content_of(&path).unwrap().digest;
        let absolute = path.to_str().unwrap();
        for name in
            ["../kick.wav", "..", ".", "/", absolute, "./kick.wav", "a/../kick.wav", ".hidden.wav"]
        {
            let Ok(name) = Name::new(name) else { continue };
            let error = find_sound(Some(&samples), &Content { name, digest }).unwrap_err();
            assert!(matches!(error, BadSound::NotPlain), "{error}");
        }
    }

    #[test]
    fn file_that_is_no_wav_is_an_error_of_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kick.wav");
        for bytes in [&b"this is no WAV file at all"[..], b"", b"RIFF\xFF\xFF\xFF\xFFWAVE"] {
            fs::write(&path, bytes).unwrap();
            let digest = digest_of(&path).unwrap();
            let error = find_sound(Some(directory.path()), &content("kick.wav", digest));
            let text = error.unwrap_err().to_string();
            assert!(text.starts_with("no WAV file") && !text.contains('\n'), "{text}");
        }
        wav(&path, 0);
        assert!(matches!(content_of(&path), Err(BadSound::Empty)));
    }

    #[test]
    fn missing_files_and_directories_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let chosen = content("kick.wav", ContentHash([1; 16]));
        assert!(matches!(find_sound(None, &chosen), Err(BadSound::NoDirectory)));
        let inside = Some(directory.path());
        assert!(matches!(find_sound(inside, &chosen), Err(BadSound::NotThere)));
        fs::create_dir(directory.path().join("kick.wav")).unwrap();
        assert!(matches!(find_sound(inside, &chosen), Err(BadSound::NotThere)));
    }
}
