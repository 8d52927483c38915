//! Where the files are that a piece refers to: beside the projects.
//!
//! What a guest names must lead nowhere else. It does not know what the files contain.

use std::path::{Path, PathBuf};

use crate::studio::{Content, ProjectName};

/// The directory with the samples, wavetables and impulse responses of the projects in
/// `projects`: its directory `samples`, which need not exist.
#[must_use]
pub fn samples_directory(projects: &Path) -> PathBuf {
    projects.join("samples")
}

/// The file in `samples` that has the name of `content`; its content may be another one. `None`
/// if it is not there, or if the name is no plain file name: it must follow the rules of a
/// [`ProjectName`], and so can neither lead to another directory nor be hidden.
#[must_use]
pub fn sample_file(samples: &Path, content: &Content) -> Option<PathBuf> {
    let name = content.name.as_str();
    ProjectName::new(name).ok().filter(|plain| plain.as_str() == name)?;
    // To open a FIFO would wait for a writer.
    Some(samples.join(name)).filter(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::studio::{ContentHash, Name};

    #[test]
    fn sample_is_found_beside_the_projects_and_nowhere_else() {
        let projects = tempfile::tempdir().unwrap();
        let samples = samples_directory(projects.path());
        fs::create_dir_all(samples.join("kit")).unwrap();
        let outside = projects.path().join("song.imbolc.json");
        let hidden = samples.join(".hidden.wav");
        for file in [&outside, &hidden, &samples.join("kit/kick.wav"), &samples.join("Kick 1.wav")]
        {
            fs::write(file, "RIFF").unwrap();
        }
        let find = |name: &str| {
            let name = Name::new(name).ok()?;
            sample_file(&samples, &Content { name, digest: ContentHash([0; 16]) })
        };
        assert_eq!(find("Kick 1.wav"), Some(samples.join("Kick 1.wav")));
        let outside = outside.to_str().unwrap();
        for hostile in [
            "../song.imbolc.json",
            "..",
            ".",
            "./Kick 1.wav",
            "kit/kick.wav",
            "kit\\kick.wav",
            "kit",
            "/etc/passwd",
            outside,
            ".hidden.wav",
            "C:Kick 1.wav",
            "Kick 1.wav:stream",
            "Kick 1.wav.",
            "CON",
            "NUL.wav",
            "Kick 2.wav",
        ] {
            assert_eq!(find(hostile), None, "{hostile}");
        }
    }
}
