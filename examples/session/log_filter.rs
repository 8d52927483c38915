//! What `RUST_LOG` asks for. It knows no place that a log is written to.

use std::env::{self, VarError};

use tracing_subscriber::EnvFilter;

/// The filter in `RUST_LOG`, or `default` if that is empty or not set.
///
/// # Errors
/// If it is not understood, in one line.
pub fn log_filter(default: &str) -> Result<EnvFilter, String> {
    match env::var("RUST_LOG") {
        Ok(text) => parsed(&text, default),
        Err(VarError::NotPresent) => parsed("", default),
        Err(VarError::NotUnicode(_)) => Err("RUST_LOG is not a text".into()),
    }
}

fn parsed(text: &str, default: &str) -> Result<EnvFilter, String> {
    let parts: Vec<_> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let wrong = |why: &str| {
        Err(format!("RUST_LOG={text:?} is not understood: {why}; use e.g. `info,imbolc_net=debug`"))
    };
    if parts.is_empty() {
        return Ok(EnvFilter::new(default));
    }
    // The parser stops at a space and forgets the rest.
    if let Some(part) = parts.iter().find(|part| part.contains(char::is_whitespace)) {
        return wrong(&format!("there is a space in {part:?}"));
    }
    EnvFilter::builder().parse(parts.join(",")).or_else(|error| wrong(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<String, String> {
        parsed(text, "warn").map(|filter| filter.to_string())
    }

    #[test]
    fn spaces_after_commas_are_accepted() {
        let expected = filter("imbolc_net=debug,info");
        assert!(expected.as_ref().is_ok_and(|all| all.contains("info") && all.contains("debug")));
        assert_eq!(filter("info, imbolc_net=debug"), expected);
        assert_eq!(filter(" imbolc_net=debug ,\tinfo,"), expected);
    }

    #[test]
    fn empty_filter_means_the_default() {
        for empty in ["", " ", ",", " , "] {
            assert_eq!(filter(empty), Ok("warn".into()), "{empty:?}");
        }
    }

    #[test]
    fn filter_that_is_not_understood_is_an_error_of_one_line() {
        for wrong in ["imbolc_net=loud", "info debug", "foo=debug info", "=", "a=b=c", "[", "a[b"] {
            let error = filter(wrong).unwrap_err();
            assert!(
                error.starts_with(&format!("RUST_LOG={wrong:?} is not understood: ")),
                "{error}"
            );
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
