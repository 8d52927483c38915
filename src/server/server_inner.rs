//! What the tasks of a server share. Knows neither listener nor connection task,
//! so that both may depend on it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{
    ServerConfig, admissions::Admissions, broadcast::Broadcast, connection_table::ConnectionTable,
};
use crate::{
    authority::Authority, installation::Installation, model::Model, util::log_limit::LogLimit,
};

/// What all connections of a server share.
pub(super) struct ServerInner<M: Model> {
    pub(super) authority: Arc<Authority<M>>,
    pub(super) config: ServerConfig,
    pub(super) installation: Installation,
    pub(super) admissions: Arc<Admissions<M>>,
    pub(super) connections: ConnectionTable,
    pub(super) broadcast: Broadcast,
    pub(super) shutdown: CancellationToken,
    pub(super) logs: LogLimits,
}

/// The limits on what clients can write to the log.
#[derive(Default)]
pub(super) struct LogLimits {
    /// Connections that begin, end or fail.
    pub(super) connections: Mutex<LogLimit>,
    /// Connections of strangers that end.
    pub(super) strangers: Mutex<LogLimit>,
    /// Refused actions.
    pub(super) refusals: Mutex<LogLimit>,
}

impl<M: Model> ServerInner<M> {
    /// How many lines were left out before this line; `None` if this line is to be left
    /// out, too.
    pub(super) fn may_log(&self, limit: &Mutex<LogLimit>) -> Option<u64> {
        limit.lock().unwrap_or_else(PoisonError::into_inner).allow(self.authority.clock())
    }
}
