//! The privilege to control the transport, the session's settings and the buses.
//! At most one participant holds it.

use crate::{
    model::Model,
    protocol::{ClientId, OwnerInfo, ServerMessage},
    sync::session::Session,
};

impl<M: Model> Session<M> {
    /// Gives `client` the privilege if it is free, if its holder is away (on
    /// stage, the music must be stoppable), or if `client` is the host.
    ///
    /// # Errors
    /// Otherwise, with the holder.
    pub fn request_privilege(&mut self, client: ClientId) -> Result<(), OwnerInfo> {
        let roster = &self.state.roster;
        match &roster.privileged {
            Some(holder) if holder.client_id == client => return Ok(()),
            Some(holder) if client != ClientId::HOST && !roster.is_away(holder.client_id) => {
                return Err(holder.clone());
            }
            Some(_) | None => {}
        }
        let Some(taker) = roster.as_owner(client) else { return Ok(()) };
        if let Some(holder) = roster.privileged.clone() {
            self.answer(holder.client_id, ServerMessage::PrivilegeRevoked { by: taker.clone() });
        }
        self.edit_roster(|roster| roster.privileged = Some(taker));
        Ok(())
    }

    /// Takes the privilege from `client`, if it holds it. In a local session the
    /// host keeps it.
    pub fn release_privilege(&mut self, client: ClientId) {
        if self.is_local {
            return;
        }
        if self.state.roster.is_privileged(client) {
            self.edit_roster(|roster| roster.privileged = None);
        }
    }
}
