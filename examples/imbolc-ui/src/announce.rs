//! Announces the hosted session on the LAN (mDNS) and keeps the advert current.
//!
//! It knows the dispatcher and the discovery layer, never the terminal or a pane.

use std::{fmt, sync::Arc};

use imbolc_net::{
    Dispatcher, Event,
    admission::AdmissionPolicy,
    discovery::{Advert, DiscoveryConfig, DiscoveryError, DiscoveryServer},
    dispatcher::Status,
    model::DirtyFlags,
};
use tokio::task::JoinHandle;
use tracing::warn;

/// An announced session. Call [`end`](Self::end) to withdraw it.
pub struct Announcement {
    server: Arc<DiscoveryServer>,
    tasks: [JoinHandle<()>; 2],
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement").finish_non_exhaustive()
    }
}

impl Announcement {
    /// Announces the session that `studio` hosts, under its name; `None` if it does not
    /// host over the network.
    ///
    /// # Errors
    /// If mDNS is not available. The session can still be joined by address.
    pub fn begin(
        studio: &Arc<dyn Dispatcher>,
        config: &DiscoveryConfig,
    ) -> Result<Option<Self>, DiscoveryError> {
        let Status::Hosting { address: Some(address) } = studio.status() else { return Ok(None) };
        let mut advert = Advert::new(studio.state().model.session.name.as_str())
            .map_err(DiscoveryError::Name)?;
        advert.session_id = Some(studio.identity().session);
        let admission = studio.admission();
        advert.secret =
            admission.is_some_and(|admission| admission.policy != AdmissionPolicy::Open);
        let server = Arc::new(DiscoveryServer::announce(advert, address, config)?);
        let people = tokio::spawn({
            let (server, studio, events) =
                (Arc::clone(&server), Arc::clone(studio), studio.events());
            async move { server.follow(&*studio, events).await }
        });
        let name = tokio::spawn(follow_name(Arc::clone(&server), Arc::clone(studio)));
        Ok(Some(Self { server, tasks: [people, name] }))
    }

    /// Withdraws the announcement.
    pub async fn end(self) {
        for task in self.tasks {
            task.abort();
            // The task is aborted or has ended already: there is no result to handle.
            let _ = task.await;
        }
        if let Some(server) = Arc::into_inner(self.server) {
            server.shut_down().await;
        }
    }
}

/// Keeps the announced name equal to the name of the session.
async fn follow_name(server: Arc<DiscoveryServer>, studio: Arc<dyn Dispatcher>) {
    let mut events = studio.events();
    while let Some(event) = events.next().await {
        let named = match event {
            Event::Changed(dirty) => dirty.intersects(DirtyFlags::SESSION),
            Event::Missed(_) => true,
            _ => false,
        };
        if named {
            let renamed = server.rename(studio.state().model.session.name.as_str());
            if let Err(error) = renamed {
                warn!(%error, "cannot announce the new name of the session");
            }
        }
    }
}
