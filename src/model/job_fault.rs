//! What goes wrong with reading and writing files, as the machinery around it finds out.

/// Why an effect that reads or writes files is not carried out. The session goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobFault {
    /// The session has no jobs: none were attached to its engine.
    #[error("the session reads and writes no files")]
    NoJobs,
    /// 64 others are waiting already.
    #[error("too many files are waiting to be read or written")]
    TooMany,
    /// The job panicked with this message, or reported an action that is refused for this
    /// reason. The next job is done all the same.
    #[error("{0}")]
    Failed(String),
}
