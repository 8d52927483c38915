//! A change of a client's undo history, as the authority tells it.

use serde::{Deserialize, Serialize};

use super::ActionNumber;

/// A change of a client's undo history that is not due to a request of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryChange {
    /// 1, 2, 3, … for each client. One whose number is not higher than an earlier one
    /// is known already.
    pub number: u64,
    /// The last action that was decided before the change.
    pub after: ActionNumber,
    /// Whether the history was cleared, because the whole state was replaced. If not,
    /// a recorded take was added as a step.
    pub cleared: bool,
}
