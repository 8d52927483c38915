//! Who owns what: granted when it is free, kept while its owner is away, and
//! free when its owner is gone.

use std::collections::BTreeSet;

use crate::{
    model::{InstrumentId, Invalid, Model},
    protocol::{ClientId, OwnershipRefusal, Refusal},
    sync::session::Session,
};

/// What became of a wish to own some instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnershipAnswer {
    /// What the participant owns now of what it asked for.
    pub granted: Vec<InstrumentId>,
    /// What it does not get, and why.
    pub refused: Vec<OwnershipRefusal>,
}

impl<M: Model> Session<M> {
    /// Gives `client` what is free of `instruments`.
    pub fn claim(&mut self, client: ClientId, instruments: &[InstrumentId]) -> OwnershipAnswer {
        let mut answer = OwnershipAnswer::default();
        let Some(owner) = self.state.roster.as_owner(client) else { return answer };
        let mut asked = BTreeSet::new();
        for &instrument in instruments {
            if !asked.insert(instrument) {
                continue;
            }
            match self.obstacle(client, instrument) {
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

    fn obstacle(&self, client: ClientId, instrument: InstrumentId) -> Option<Refusal> {
        if !M::exists(&self.state.model, instrument) {
            return Some(Refusal::Invalid(Invalid::missing("instrument", instrument)));
        }
        let owner = self.state.roster.owner(instrument)?;
        (owner.client_id != client)
            .then(|| Refusal::NotOwner { instrument, owner: Some(owner.clone()) })
    }

    /// Takes from `client` what it owns of `instruments`. Whoever is alone keeps
    /// everything.
    pub fn release(&mut self, client: ClientId, instruments: &[InstrumentId]) {
        if self.alone {
            return;
        }
        let owned: Vec<_> = instruments
            .iter()
            .copied()
            .filter(|&instrument| self.state.roster.owns(client, instrument))
            .collect();
        self.let_go(client, &owned);
        for &instrument in &owned {
            self.log(client).forget_instrument(instrument);
        }
        self.edit_roster(|roster| {
            for instrument in &owned {
                roster.owners.remove(instrument);
            }
        });
    }

    /// Does what the model wants done with instruments that are let go of.
    pub(super) fn let_go(&mut self, client: ClientId, instruments: &[InstrumentId]) {
        for &instrument in instruments {
            if let Some(action) = M::on_release(&self.state.model, instrument) {
                self.carry_out_unasked(client, &action);
            }
        }
    }

    /// Whoever is alone owns everything.
    pub(super) fn claim_all_if_alone(&mut self) {
        if self.alone {
            let all = M::instruments(&self.state.model);
            self.claim(ClientId::HOST, &all);
        }
    }
}
