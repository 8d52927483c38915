//! The error of an option whose value makes no sense, and the check that returns it.
//!
//! It knows no option: the configurations of the layers name theirs.

use std::{fmt::Debug, ops::RangeInclusive, time::Duration};

/// An option has a value that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the option {name} {problem}")]
pub struct OptionError {
    /// The field of the configuration.
    pub name: &'static str,
    /// What is wrong with its value, e.g. "must be from 1 to 65536, not 0".
    pub problem: String,
}

/// The longest duration of an option. 30 days: no arithmetic with it overflows, and it
/// fits into the milliseconds of the protocol.
pub(crate) const LONGEST: Duration = Duration::from_hours(30 * 24);

/// The shortest duration after which something is done again. 1 ms: with a shorter one
/// a program would do nothing else.
pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

/// Refuses a `value` outside of `range`.
pub(crate) fn check_range<T: PartialOrd + Debug + Copy>(
    name: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), OptionError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(OptionError { name, problem: format!("must be from {least:?} to {most:?}, not {value:?}") })
}

/// Refuses a `value` that is not below that of the option `other`.
pub(crate) fn check_below(
    name: &'static str,
    value: Duration,
    (other, limit): (&str, Duration),
) -> Result<(), OptionError> {
    if value < limit {
        return Ok(());
    }
    Err(OptionError { name, problem: format!("must be below {other}, {limit:?}, not {value:?}") })
}
