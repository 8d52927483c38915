//! What the tasks of a server share. Knows neither listener nor connection task,
//! so that both may depend on it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{ServerConfig, broadcast::Broadcast, connection_table::ConnectionTable};
use crate::{authority::Authority, model::Model};

/// What all connections of a server share.
pub(super) struct ServerInner<M: Model> {
    pub(super) authority: Arc<Authority<M>>,
    pub(super) config: ServerConfig,
    pub(super) connections: ConnectionTable,
    pub(super) broadcast: Broadcast,
    pub(super) shutdown: CancellationToken,
}
