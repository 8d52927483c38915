//! What a pane sees: one snapshot of the session from the point of view of one
//! participant.
//!
//! A view is read-only; it offers no way to reach the dispatcher.

use std::{path::Path, sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher, NetworkState,
    admission::AdmissionStatus,
    dispatcher::{Identity, Status},
    model::InstrumentId,
    protocol::{ClientId, OwnerInfo, Presence, Role},
    studio::{ClientState, Instrument, Metering, StudioState, UnsavedMark},
    util::time::Timestamp,
};

use crate::messages::MessageLog;

/// A snapshot of the session, as panes see it.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The predicted state: confirmed, plus the user's own pending edits.
    pub state: Arc<NetworkState>,
    /// The state that the authority has confirmed.
    pub confirmed: Arc<NetworkState>,
    /// The playhead and the meters.
    pub metering: Metering,
    /// The status of the dispatcher.
    pub status: Status,
    /// This participant.
    pub identity: Identity,
    /// The code and the questions of the host; `None` unless this program hosts.
    pub admission: Option<Arc<AdmissionStatus>>,
    /// The session clock.
    pub clock: Timestamp,
    /// The state that belongs to this client alone.
    pub client: &'a ClientState,
    /// The message log.
    pub messages: &'a MessageLog,
    /// Where the files of the session are, in a frame of the machine that makes the sound.
    pub samples: Option<&'a Path>,
    /// Whether the session has changes that are not saved.
    pub unsaved: bool,
}

/// Whether the last snapshot has unsaved changes.
#[derive(Debug, Default)]
pub struct UnsavedWork {
    state: Option<Arc<NetworkState>>,
    mark: UnsavedMark,
    is: bool,
}

impl UnsavedWork {
    /// Whether `state` has unsaved changes.
    fn is_in(&mut self, state: &Arc<NetworkState>) -> bool {
        if !self.state.as_ref().is_some_and(|last| Arc::ptr_eq(last, state)) {
            self.is = self.mark.is_unsaved(&state.model);
            self.state = Some(Arc::clone(state));
        }
        self.is
    }
}

impl<'a> View<'a> {
    /// The current view of `studio`; it loads the snapshot once.
    #[must_use]
    pub fn new(
        studio: &dyn Dispatcher,
        client: &'a ClientState,
        messages: &'a MessageLog,
        unsaved: &mut UnsavedWork,
    ) -> Self {
        let state = studio.state();
        Self {
            unsaved: unsaved.is_in(&state),
            state,
            confirmed: studio.confirmed(),
            metering: studio.metering(),
            status: studio.status(),
            identity: studio.identity(),
            admission: studio.admission(),
            clock: studio.clock(),
            client,
            messages,
            samples: None,
        }
    }

    /// The predicted state of the model.
    #[must_use]
    pub fn studio(&self) -> &StudioState {
        &self.state.model
    }

    /// Whether the authority has confirmed the part of the model that `part` selects.
    #[must_use]
    pub fn is_confirmed<T: PartialEq>(&self, part: impl Fn(&StudioState) -> T) -> bool {
        Arc::ptr_eq(&self.state, &self.confirmed)
            || part(&self.state.model) == part(&self.confirmed.model)
    }

    /// The selected instrument.
    #[must_use]
    pub fn selected(&self) -> Option<(InstrumentId, &Instrument)> {
        let id = self.client.instrument()?;
        Some((id, self.studio().instruments.get(id)?))
    }

    /// The owner of `instrument`, if it has one.
    #[must_use]
    pub fn owner(&self, instrument: InstrumentId) -> Option<&OwnerInfo> {
        self.state.roster.owner(instrument)
    }

    /// The participant that may edit and play `instrument`: its owner or, if it has none,
    /// the participant that is alone.
    #[must_use]
    pub fn player(&self, instrument: InstrumentId) -> Option<OwnerInfo> {
        self.state.roster.player(instrument)
    }

    /// Whether this participant owns `instrument`.
    #[must_use]
    pub fn is_mine(&self, instrument: InstrumentId) -> bool {
        self.state.roster.owns(self.identity.client_id, instrument)
    }

    /// Whether this participant holds the privilege.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.state.roster.is_privileged(self.identity.client_id)
    }

    /// Whether this participant may control the transport, session settings and buses.
    #[must_use]
    pub fn may_lead(&self) -> bool {
        self.state.roster.may_lead(self.identity.client_id)
    }

    /// Whether this participant only watches.
    #[must_use]
    pub fn is_viewer(&self) -> bool {
        let me = self.state.roster.participants.get(&self.identity.client_id);
        me.is_some_and(|me| me.role == Role::Viewer)
    }

    /// How long a participant has been away; `None` if they are here.
    #[must_use]
    pub fn away(&self, client: ClientId) -> Option<Duration> {
        match self.state.roster.participants.get(&client)?.presence {
            Presence::Here => None,
            Presence::Away { since } => Some(self.clock.since(since)),
        }
    }
}
