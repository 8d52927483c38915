//! Questions to the person at the host, whether a stranger may join.

use super::{
    AdmissionControl, AdmissionOutput, DecisionError, JoinRequest, StrangerId, Verdict,
    admission_config::{DECLINED, MAX_QUESTIONS, QUESTION_TIMEOUT},
    key_records::Standing,
    stranger::{Budget, Stage},
};
use crate::{
    protocol::{EntryRefusal, limits},
    security::{PublicKey, Words},
    util::{
        text::{cleaned, look_alike},
        time::Timestamp,
    },
};

impl AdmissionControl {
    /// A stranger asks to join: send the host's nonce.
    ///
    /// # Errors
    /// If the question cannot be asked. Then the connection ends.
    pub fn ask(&mut self, now: Timestamp, id: StrangerId) -> Result<(), EntryRefusal> {
        let outcome = self.try_ask(now, id);
        self.ending(now, id, outcome)
    }

    fn try_ask(&mut self, now: Timestamp, id: StrangerId) -> Result<(), EntryRefusal> {
        let key = self.entering(id)?;
        let address = self.address(id)?;
        if !self.asks_a_person() {
            return Err(EntryRefusal::CodeNeeded);
        }
        self.declined.retain(|(until, ..)| *until > now);
        let mut declined = self.declined.iter();
        if declined.any(|(_, from, of)| *from == address || *of == key) {
            return Err(EntryRefusal::Declined);
        }
        let mut asking = self.strangers.values().filter(|other| other.budget == Budget::Question);
        let is_second =
            asking.clone().any(|other| other.address == address || other.key == Some(key));
        if is_second || asking.nth(MAX_QUESTIONS - 1).is_some() {
            return Err(EntryRefusal::Busy);
        }
        if let Some(stranger) = self.strangers.get_mut(&id) {
            stranger.budget = Budget::Question;
            stranger.stage = Stage::Asking;
            stranger.deadline = now + QUESTION_TIMEOUT;
        }
        Ok(())
    }

    /// The stranger has revealed its nonce, which matches its commitment and gives these
    /// `words`: now a person is asked. The answer is an [output](AdmissionOutput): `Admit`
    /// or `Refuse`.
    ///
    /// # Errors
    /// If it has not asked. Then the connection ends.
    pub fn revealed(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        words: Words,
    ) -> Result<(), EntryRefusal> {
        let outcome = self.try_revealed(now, id, words);
        self.ending(now, id, outcome)
    }

    fn try_revealed(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        words: Words,
    ) -> Result<(), EntryRefusal> {
        let stranger = self.strangers.get_mut(&id).ok_or(EntryRefusal::Busy)?;
        let (Stage::Asking, Some(key)) = (&stranger.stage, stranger.key) else {
            return Err(EntryRefusal::OutOfTurn);
        };
        let (name, is_name_taken, address) = (None, false, stranger.address);
        let request = JoinRequest { id, key, words, name, is_name_taken, address, since: now };
        stranger.stage = Stage::Waiting(request.clone());
        self.outputs.push_back(AdmissionOutput::Asked(request));
        self.is_changed = true;
        Ok(())
    }

    /// The stranger says its name. A person may have decided already.
    ///
    /// # Errors
    /// If it has not asked, or has said its name. Then the connection ends.
    pub fn introduced(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        name: &str,
    ) -> Result<(), EntryRefusal> {
        let outcome = self.try_introduced(now, id, name);
        self.ending(now, id, outcome)
    }

    fn try_introduced(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        name: &str,
    ) -> Result<(), EntryRefusal> {
        let Self { strangers, keys, config, .. } = self;
        let stranger = strangers.get_mut(&id).ok_or(EntryRefusal::Busy)?;
        match &mut stranger.stage {
            Stage::Waiting(request) if request.name.is_none() => {
                let name = cleaned(name, limits::NAME as usize);
                request.is_name_taken = keys.is_name_of_another(&name, Some(request.key));
                request.name = Some(name);
                self.outputs.push_back(AdmissionOutput::Asked(request.clone()));
                self.is_changed = true;
                Ok(())
            }
            Stage::Admitted { may_introduce } if *may_introduce => {
                *may_introduce = false;
                stranger.deadline = now + config.handshake_timeout;
                Ok(())
            }
            _ => Err(EntryRefusal::OutOfTurn),
        }
    }

    /// The person decides about the question of `id`. After a `No`, its address and its
    /// key cannot ask again for 60 s.
    ///
    /// # Errors
    /// If it does not wait any more.
    pub fn decide(
        &mut self,
        now: Timestamp,
        id: StrangerId,
        verdict: Verdict,
    ) -> Result<(), DecisionError> {
        let Some(Stage::Waiting(request)) = self.strangers.get(&id).map(|asking| &asking.stage)
        else {
            return Err(DecisionError::NotWaiting);
        };
        let (key, address) = (request.key, request.address);
        // The name of another key stays with that one, also in later sessions.
        let is_free = |name: &&String| !self.keys.is_name_of_another(name, Some(key));
        let name = request.name.as_ref().filter(is_free).cloned().unwrap_or_default();
        self.is_changed = true;
        match verdict {
            Verdict::No => {
                self.declined.push((now + DECLINED, address, key));
                self.refuse(now, id, EntryRefusal::Declined);
            }
            Verdict::Once => {
                self.keys.raise(key, Standing::Guest, &name);
                self.admit(now, id);
            }
            Verdict::ForGood => {
                self.know(key, &name);
                self.admit(now, id);
            }
        }
        Ok(())
    }

    /// The person admits the stranger that asks under `name`, for this session, or a
    /// removed key of that name, which is again what it was before. Returns that key.
    ///
    /// # Errors
    /// If none or several have that name.
    pub fn admit_by_name(
        &mut self,
        now: Timestamp,
        name: &str,
    ) -> Result<Option<PublicKey>, DecisionError> {
        let name = cleaned(name, limits::NAME as usize);
        if name.is_empty() {
            return Err(DecisionError::UnknownName);
        }
        let is_alike = |request: &&JoinRequest| {
            request.name.as_ref().is_some_and(|other| look_alike(other, &name))
        };
        let requests = self.requests().filter(is_alike);
        let requests: Vec<_> = requests.map(|request| request.id).collect();
        let removed = self.keys.removed().filter(|(_, other)| look_alike(other, &name));
        let removed: Vec<_> = removed.map(|(key, _)| key).collect();
        match (&*requests, &*removed) {
            ([], []) => Err(DecisionError::UnknownName),
            (&[id], []) => self.decide(now, id, Verdict::Once).map(|()| None),
            ([], &[key]) => {
                self.keys.restore(key);
                self.is_changed = true;
                self.is_known_changed |= self.keys.is_known(key);
                Ok(Some(key))
            }
            _ => Err(DecisionError::AmbiguousName),
        }
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &JoinRequest> {
        self.strangers.values().filter_map(|stranger| match &stranger.stage {
            Stage::Waiting(request) => Some(request),
            _ => None,
        })
    }
}
