//! Ownership: an instrument is granted when it is free, kept while its owner is
//! away, and free again when its owner is gone. A participant that is alone needs none.

use std::collections::BTreeSet;

use crate::{
    model::{Access, InstrumentId, Invalid, Model},
    protocol::{ClientId, OwnershipRefusal, Refusal, Roster},
    sync::{rules, session::Session},
    util::panics::catch_panic,
};

/// The answer to a request for ownership.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipAnswer {
    /// The requested instruments that the participant owns now.
    pub granted: Vec<InstrumentId>,
    /// The others, each with the reason.
    pub refused: Vec<OwnershipRefusal>,
}

impl<M: Model> Session<M> {
    /// Gives `client` the free ones of `instruments`, unless it is a viewer.
    pub fn claim(&mut self, client: ClientId, instruments: &[InstrumentId]) -> OwnershipAnswer {
        let mut answer = OwnershipAnswer::default();
        let Some(owner) = self.state.roster.as_owner(client) else { return answer };
        let mut asked = BTreeSet::new();
        for &instrument in instruments {
            if !asked.insert(instrument) {
                continue;
            }
            match self.obstacle(client, instrument, answer.granted.len()) {
                None => answer.granted.push(instrument),
                Some(reason) => answer.refused.push(OwnershipRefusal { instrument, reason }),
            }
        }
        self.edit_roster(|roster| {
            for &instrument in &answer.granted {
                roster.owners.insert(instrument, owner.clone());
            }
        });
        answer
    }

    /// Why `client` cannot have `instrument` beside as many others as are `granted`.
    fn obstacle(
        &self,
        client: ClientId,
        instrument: InstrumentId,
        granted: usize,
    ) -> Option<Refusal> {
        if let Err(reason) = rules::authorise(&self.state, client, Access::Anyone) {
            return Some(reason);
        }
        if !self.state.has_instrument(instrument) {
            return Some(Refusal::Invalid(Invalid::missing("instrument", instrument)));
        }
        let Some(owner) = self.state.roster.owner(instrument) else {
            let full = Roster::check_owners(self.state.roster.owners.len() + granted + 1);
            return full.err().map(Refusal::Invalid);
        };
        (owner.client_id != client)
            .then(|| Refusal::NotOwner { instrument, owner: Some(owner.clone()) })
    }

    /// Takes from `client` the ones of `instruments` that it owns.
    pub fn release(&mut self, client: ClientId, instruments: &[InstrumentId]) {
        let owned: Vec<_> = instruments
            .iter()
            .copied()
            .filter(|&instrument| self.state.roster.owns(client, instrument))
            .collect();
        self.apply_on_release(client, &owned);
        self.edit_roster(|roster| {
            for instrument in &owned {
                roster.owners.remove(instrument);
            }
        });
    }

    /// Applies the model's action for the release of each instrument, e.g. one
    /// that ends its notes.
    fn apply_on_release(&mut self, client: ClientId, instruments: &[InstrumentId]) {
        for &instrument in instruments {
            let action = catch_panic(|| M::on_release(&self.state.model, instrument));
            if let Ok(Some(action)) = action {
                self.apply_unchecked(client, &action);
            }
        }
    }

    /// The same for everything that `client` may play. The ownership stays.
    pub(super) fn apply_on_release_of_all(&mut self, client: ClientId) {
        self.apply_on_release_of_unowned(client);
        let owned: Vec<_> = self.state.roster.owned_by(client).collect();
        self.apply_on_release(client, &owned);
    }

    /// The same for what `client` may play because it is alone, if it is.
    pub(super) fn apply_on_release_of_unowned(&mut self, client: ClientId) {
        if self.state.roster.alone().is_none_or(|alone| alone.client_id != client) {
            return;
        }
        let mut unowned = catch_panic(|| M::instruments(&self.state.model)).unwrap_or_default();
        unowned.retain(|&instrument| self.state.roster.owner(instrument).is_none());
        self.apply_on_release(client, &unowned);
    }
}
