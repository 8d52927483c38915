//! Being found on the LAN for as long as one hosts.

use std::sync::Arc;

use imbolc_net::{
    Dispatcher, Event,
    discovery::{Advert, DiscoveryConfig, DiscoveryError, DiscoveryServer},
    dispatcher::Status,
    model::DirtyFlags,
};
use tokio::task::JoinHandle;
use tracing::warn;

/// An announced session. [`end`](Self::end) says goodbye.
pub struct Announcement {
    server: Arc<DiscoveryServer>,
    tasks: [JoinHandle<()>; 2],
}

impl Announcement {
    /// Announces the session of `studio`, if it hosts one, by its name.
    ///
    /// # Errors
    /// If mDNS cannot be used. The session can be joined all the same.
    pub fn begin(
        studio: &Arc<dyn Dispatcher>,
        config: &DiscoveryConfig,
    ) -> Result<Option<Self>, DiscoveryError> {
        let Status::Hosting { address: Some(address) } = studio.status() else { return Ok(None) };
        let advert = Advert::new(studio.state().model.session.name.as_str())
            .map_err(DiscoveryError::Name)?;
        let server = Arc::new(DiscoveryServer::announce(advert, address, config)?);
        let people = tokio::spawn({
            let (server, studio, events) =
                (Arc::clone(&server), Arc::clone(studio), studio.events());
            async move { server.follow(&*studio, events).await }
        });
        let name = tokio::spawn(follow_name(Arc::clone(&server), Arc::clone(studio)));
        Ok(Some(Self { server, tasks: [people, name] }))
    }

    /// Says goodbye.
    pub async fn end(self) {
        for task in self.tasks {
            task.abort();
            // It was aborted, or had ended.
            let _ = task.await;
        }
        if let Some(server) = Arc::into_inner(self.server) {
            server.shut_down().await;
        }
    }
}

/// The session is found by the name that it has now.
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
                warn!(%error, "the session is still found by its old name");
            }
        }
    }
}
