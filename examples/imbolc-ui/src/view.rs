//! What one frame draws: one moment, seen by one participant.

use std::time::Duration;

use imbolc_net::{
    Dispatcher, NetworkState,
    dispatcher::{Identity, Status},
    model::{InstrumentId, Metering},
    protocol::{ClientId, OwnerInfo, Presence},
    studio::{ClientState, Instrument, StudioState},
    util::time::Timestamp,
};

use std::sync::Arc;

use crate::news::News;

/// One moment of a session, as a pane gets it.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// Everything, one's own edits included.
    pub state: Arc<NetworkState>,
    /// Everything that is certain.
    pub confirmed: Arc<NetworkState>,
    /// The playhead and the meters.
    pub metering: Metering,
    /// How the dispatcher is doing.
    pub status: Status,
    /// Who one is.
    pub me: Identity,
    /// What time it is in the session.
    pub clock: Timestamp,
    /// What is one's own business.
    pub mine: &'a ClientState,
    /// What has happened lately.
    pub news: &'a News,
}

impl<'a> View<'a> {
    /// This moment of `studio`: one load of its snapshot.
    #[must_use]
    pub fn of(studio: &dyn Dispatcher, mine: &'a ClientState, news: &'a News) -> Self {
        Self {
            state: studio.state(),
            confirmed: studio.confirmed(),
            metering: studio.metering(),
            status: studio.status(),
            me: studio.identity(),
            clock: studio.clock(),
            mine,
            news,
        }
    }

    /// The studio, one's own edits included.
    #[must_use]
    pub fn studio(&self) -> &StudioState {
        &self.state.model
    }

    /// Whether the authority has confirmed what `part` takes out of the studio.
    #[must_use]
    pub fn is_certain<T: PartialEq>(&self, part: impl Fn(&StudioState) -> T) -> bool {
        Arc::ptr_eq(&self.state, &self.confirmed)
            || part(&self.state.model) == part(&self.confirmed.model)
    }

    /// The selected instrument, if there is one.
    #[must_use]
    pub fn selected(&self) -> Option<(InstrumentId, &Instrument)> {
        let id = self.mine.instrument()?;
        Some((id, self.studio().instruments.get(id)?))
    }

    /// Who owns `instrument`, if anybody does.
    #[must_use]
    pub fn owner(&self, instrument: InstrumentId) -> Option<&OwnerInfo> {
        self.state.roster.owner(instrument)
    }

    /// Whether one owns `instrument`.
    #[must_use]
    pub fn is_mine(&self, instrument: InstrumentId) -> bool {
        self.state.roster.owns(self.me.client_id, instrument)
    }

    /// Whether one has the privilege.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.state.roster.is_privileged(self.me.client_id)
    }

    /// For how long somebody has been away; `None` for who is here.
    #[must_use]
    pub fn away(&self, client: ClientId) -> Option<Duration> {
        match self.state.roster.participants.get(&client)?.presence {
            Presence::Here => None,
            Presence::Away { since } => Some(self.clock.since(since)),
        }
    }
}
