//! A project as it is written: JSON that says what it is, and of which version.
//!
//! It knows bytes, never files.

use serde::{Deserialize, Serialize};

use crate::{
    model::Model as _,
    studio::{ProjectFailure, Studio, StudioState},
};

/// What a file must say of itself.
const FORMAT: &str = "imbolc-net project";

/// The document changes whenever what a studio is does.
const VERSION: u32 = Studio::VERSION;

/// Characters of a reader's complaint that are kept.
const DETAIL: usize = 200;

#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    version: u32,
    studio: &'a StudioState,
}

/// What is looked at before the rest is.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    studio: StudioState,
}

/// The piece in `state` as a document, without what is not part of it.
pub(super) fn write(state: &StudioState) -> Result<Vec<u8>, ProjectFailure> {
    let studio = &state.at_rest();
    let document = Written { format: FORMAT, version: VERSION, studio };
    serde_json::to_vec(&document).map_err(|error| damaged(&error))
}

/// The piece in a document.
pub(super) fn read(document: &[u8]) -> Result<StudioState, ProjectFailure> {
    let header: Header = serde_json::from_slice(document).map_err(|error| {
        if ends_early(document, &error) {
            ProjectFailure::Truncated
        } else {
            ProjectFailure::NotAProject
        }
    })?;
    if header.format != FORMAT {
        return Err(ProjectFailure::NotAProject);
    }
    if header.version != VERSION {
        return Err(ProjectFailure::OtherVersion { found: header.version, expected: VERSION });
    }
    let Read { studio } = serde_json::from_slice(document).map_err(|error| damaged(&error))?;
    Ok(studio.at_rest())
}

/// Whether a reader came as far as the end of something, and wanted more.
fn ends_early(document: &[u8], error: &serde_json::Error) -> bool {
    let mut lines = document.split(|byte| *byte == b'\n');
    let (count, last) = (lines.clone().count(), lines.next_back().unwrap_or_default());
    // A number that is cut off is wrong rather than missing.
    let at_end = error.line() == count && error.column() >= last.len();
    document.starts_with(b"{") && (error.is_eof() || error.is_syntax() && at_end)
}

fn damaged(error: &serde_json::Error) -> ProjectFailure {
    ProjectFailure::Damaged { detail: error.to_string().chars().take(DETAIL).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_says_what_it_is_and_is_read_exactly() {
        let document = write(&StudioState::starter()).unwrap();
        let beginning = format!(r#"{{"format":"imbolc-net project","version":{VERSION},"studio":"#);
        assert!(document.starts_with(beginning.as_bytes()));
        assert_eq!(read(&document), Ok(StudioState::starter()));
    }

    #[test]
    fn what_is_not_a_whole_project_is_told_apart() {
        let document = String::from_utf8(write(&StudioState::starter()).unwrap()).unwrap();
        let read = |text: &str| read(text.as_bytes()).unwrap_err();
        for length in [1, 30, 60, document.len() / 2, document.len() - 1] {
            assert_eq!(read(&document[..length]), ProjectFailure::Truncated, "{length} bytes");
        }
        for other in ["", "hello", "[]", "{}", "null", r#"{"format":"song","version":2}"#] {
            assert_eq!(read(other), ProjectFailure::NotAProject, "{other:?}");
        }
        let (found, expected) = (VERSION + 1, VERSION);
        let newer = document.replacen(
            &format!(r#""version":{expected}"#),
            &format!(r#""version":{found}"#),
            1,
        );
        assert_eq!(read(&newer), ProjectFailure::OtherVersion { found, expected });
        let dangling = document.replacen(r#""output":"Master""#, r#""output":{"Bus":7}"#, 1);
        assert!(matches!(read(&dangling), ProjectFailure::Damaged { .. }));
    }
}
