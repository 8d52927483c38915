//! The project document: a JSON object with a format name, a version and the state.
//!
//! It converts between state and bytes, and never touches a file.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    model::Model as _,
    studio::{
        MAX_NAME, Name, ProjectFailure, Projects, SessionState, Studio, StudioState, Transport,
    },
    util::text::{cleaned, shortened},
};

/// The value of the field `format`.
const DOCUMENT_FORMAT: &str = "imbolc-net project";

/// The value of the field `version`: the document changes with the model's state.
const DOCUMENT_VERSION: u32 = Studio::VERSION;

/// The oldest version that is read.
const OLDEST_VERSION: u32 = 3;

/// What makes the state of each version, from the oldest on, one of the next. Older
/// projects must still open, so a new version does not compile without its step, which may
/// have nothing to do.
const STEPS: [fn(&mut Value); 1] = [lift_from_3];

const _: () = assert!(OLDEST_VERSION as usize + STEPS.len() == DOCUMENT_VERSION as usize);

/// Version 4 knows more of the projects on disk and of the transport, which a project does
/// not keep, and chases notes.
fn lift_from_3(studio: &mut Value) {
    let mut put = |part: &str, field: &str, value| {
        // A damaged project may have anything in its place.
        if let Some(Value::Object(part)) = studio.get_mut(part) {
            part.insert(field.into(), value);
        }
    };
    put("session", "chase_notes", json!(SessionState::default().chase_notes));
    put("transport", "generation", json!(Transport::default().generation));
    studio["projects"] = json!(Projects::default());
}

/// Characters of a parser's error text that are kept.
const MAX_DETAIL: usize = 200;

#[derive(Serialize)]
struct DocumentOut<'a> {
    format: &'static str,
    version: u32,
    studio: &'a StudioState,
}

/// The fields that are checked before the state is parsed.
#[derive(Deserialize)]
struct DocumentHeader {
    format: String,
    version: u32,
}

#[derive(Deserialize)]
struct DocumentBody {
    studio: StudioState,
}

/// Encodes `state` as a document, without what a project does not keep, such as
/// sounding notes.
///
/// # Errors
/// If the state cannot be serialized.
pub(super) fn encode_project(state: &StudioState) -> Result<Vec<u8>, ProjectFailure> {
    let studio = &state.at_rest();
    let document = DocumentOut { format: DOCUMENT_FORMAT, version: DOCUMENT_VERSION, studio };
    serde_json::to_vec(&document).map_err(|error| damaged(&error))
}

/// Decodes a document.
///
/// # Errors
/// If it is not a project, has a newer version or one before the first that was released,
/// ends early, or is damaged.
pub(super) fn decode_project(document: &[u8]) -> Result<StudioState, ProjectFailure> {
    let header: DocumentHeader = serde_json::from_slice(document).map_err(|error| {
        if ends_early(document, &error) {
            ProjectFailure::Truncated
        } else {
            ProjectFailure::NotAProject
        }
    })?;
    if header.format != DOCUMENT_FORMAT {
        return Err(ProjectFailure::NotAProject);
    }
    let DocumentBody { studio } = match header.version {
        DOCUMENT_VERSION => serde_json::from_slice(document).or_else(|error| {
            // The error of the file as it is helps more.
            lift(document, DOCUMENT_VERSION).map_err(|_| error)
        }),
        OLDEST_VERSION..DOCUMENT_VERSION => lift(document, header.version),
        found => {
            return Err(ProjectFailure::OtherVersion { found, expected: DOCUMENT_VERSION });
        }
    }
    .map_err(|error| damaged(&error))?;
    Ok(studio.at_rest())
}

/// Reads a document of an older version, or one with names that are not allowed.
fn lift(document: &[u8], version: u32) -> serde_json::Result<DocumentBody> {
    let mut document: Value = serde_json::from_slice(document)?;
    if let Some(studio @ Value::Object(_)) = document.get_mut("studio") {
        clean_texts(studio);
        STEPS.iter().skip((version - OLDEST_VERSION) as usize).for_each(|step| step(studio));
    }
    serde_json::from_value(document)
}

/// Makes every text one that a [`Name`] may have. Other texts, such as those of choices, are
/// so already.
fn clean_texts(value: &mut Value) {
    match value {
        Value::String(text) if Name::new(text).is_err() => {
            *text = cleaned(text, MAX_NAME);
            if text.is_empty() {
                *text = Name::default().to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(clean_texts),
        Value::Object(fields) => fields.values_mut().for_each(clean_texts),
        _ => {}
    }
}

/// Whether the parser failed because `document` is truncated.
fn ends_early(document: &[u8], error: &serde_json::Error) -> bool {
    let mut lines = document.split(|byte| *byte == b'\n');
    let (count, last) = (lines.clone().count(), lines.next_back().unwrap_or_default());
    // A truncated number is a syntax error, not an unexpected end.
    let at_end = error.line() == count && error.column() >= last.len();
    document.starts_with(b"{") && (error.is_eof() || error.is_syntax() && at_end)
}

fn damaged(error: &serde_json::Error) -> ProjectFailure {
    ProjectFailure::Damaged { detail: shortened(&error.to_string(), MAX_DETAIL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_round_trips_with_its_header() {
        let document = encode_project(&StudioState::starter()).unwrap();
        let beginning =
            format!(r#"{{"format":"imbolc-net project","version":{DOCUMENT_VERSION},"studio":"#);
        assert!(document.starts_with(beginning.as_bytes()));
        assert_eq!(decode_project(&document), Ok(StudioState::starter().at_rest()));
    }

    #[test]
    fn each_kind_of_bad_document_has_its_failure() {
        let document = String::from_utf8(encode_project(&StudioState::starter()).unwrap()).unwrap();
        let failure = |text: &str| decode_project(text.as_bytes()).unwrap_err();
        for length in [1, 30, 60, document.len() / 2, document.len() - 1] {
            assert_eq!(failure(&document[..length]), ProjectFailure::Truncated, "{length} bytes");
        }
        for other in ["", "hello", "[]", "{}", "null", r#"{"format":"song","version":2}"#] {
            assert_eq!(failure(other), ProjectFailure::NotAProject, "{other:?}");
        }
        let (found, expected) = (DOCUMENT_VERSION + 1, DOCUMENT_VERSION);
        let newer = document.replacen(
            &format!(r#""version":{expected}"#),
            &format!(r#""version":{found}"#),
            1,
        );
        assert_eq!(failure(&newer), ProjectFailure::OtherVersion { found, expected });
        let dangling = document.replacen(r#""output":"Master""#, r#""output":{"Bus":7}"#, 1);
        assert!(matches!(failure(&dangling), ProjectFailure::Damaged { .. }));
    }
}
