//! The invariants on the authority's side. The oracle sees every call of the
//! session, with the state before and after it, and every answer.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{
        ActionNumber, ClientId, InstanceId, NetworkState, Presence, Refusal, Seq, SessionToken,
    },
    security::PublicKey,
    studio::{NetworkAction, Studio},
    sync::session::{ConnectionId, Session, SessionConfig},
    util::time::Timestamp,
};

use super::rigged::{ClientMessage, Rigged};

pub type State = Arc<NetworkState<Rigged>>;

/// A broken rule.
#[derive(Clone, Debug)]
pub struct Violation {
    pub rule: &'static str,
    pub detail: String,
}

pub type Checked<T = ()> = Result<T, Violation>;

/// # Errors
/// Returns a violation of `rule` unless `holds`.
pub fn ensure(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation { rule, detail: detail() }) }
}

/// Why the session was called.
#[derive(Debug)]
pub enum Cause<'a> {
    Act(ClientId, &'a NetworkAction),
    Batch(ClientId, &'a [NetworkAction]),
    UndoOrRedo(ClientId),
    Engine(&'a NetworkAction),
    Claim(ClientId),
    Release(ClientId, &'a [InstrumentId]),
    RequestPrivilege(ClientId),
    ReleasePrivilege(ClientId),
    /// The host decided something of this participant.
    Moderation(ClientId),
    /// A participant joined, left or was lost.
    Presence,
    /// The session's timers.
    Timers,
    /// A message that must not change the state.
    Unrelated,
}

/// A numbered request.
#[derive(Clone, Debug, PartialEq)]
pub enum NumberedRequest {
    Act(NetworkAction),
    Batch(Vec<NetworkAction>),
    Undo,
    Redo,
}

/// What is known of one client in this session.
#[derive(Default)]
pub struct ClientRecord {
    /// Requests by number.
    pub requests: BTreeMap<u64, NumberedRequest>,
    /// The outcome of each number, starting at 1.
    pub outcomes: Vec<Result<(), Refusal>>,
    /// Its newest connection.
    pub connection: Option<ConnectionId>,
    /// When the host last received anything on it.
    pub last_received: Timestamp,
    /// The pauses of the host since then, or since the client is away.
    pub pauses: Pauses,
    /// The highest attempt that was admitted.
    pub attempt: u64,
    /// States sent to it.
    pub sent: VecDeque<Sent>,
    /// A program that did not remember this place ended it.
    pub taken_over: bool,
    /// The host ended it.
    pub removed: bool,
}

/// A state that was sent to a client, or with which it resumed.
#[derive(Clone, Copy)]
pub struct Sent {
    pub seq: Seq,
    /// When it was sent, or when the client resumed with it.
    pub at: Timestamp,
    /// When it was sent for the first time.
    pub first: Timestamp,
}

/// How much longer than usual a client keeps its place.
#[derive(Clone, Copy, Default)]
pub struct Pauses {
    at_least: Duration,
    at_most: Duration,
}

/// What is known of a session.
pub struct Oracle {
    config: SessionConfig,
    pub records: BTreeMap<ClientId, ClientRecord>,
    snapshots: BTreeMap<Seq, State>,
    /// Valid tokens and their owners.
    live: Vec<(SessionToken, ClientId)>,
    /// Some tokens that are no longer valid.
    pub dead: VecDeque<SessionToken>,
    /// The newest place of each key and instance.
    pub places: BTreeMap<(PublicKey, InstanceId), ClientId>,
    pub removed_keys: BTreeSet<PublicKey>,
}

impl Oracle {
    pub fn new(config: &SessionConfig, state: &State) -> Self {
        Self {
            config: config.clone(),
            records: BTreeMap::new(),
            snapshots: BTreeMap::from([(state.seq, Arc::clone(state))]),
            live: Vec::new(),
            dead: VecDeque::new(),
            places: BTreeMap::new(),
            removed_keys: BTreeSet::new(),
        }
    }

    pub fn record(&mut self, client: ClientId) -> &mut ClientRecord {
        self.records.entry(client).or_default()
    }

    /// The authority's state at `seq`, if it existed.
    pub fn snapshot(&self, seq: Seq) -> Option<&State> {
        self.snapshots.get(&seq)
    }

    pub fn owner_of(&self, token: SessionToken) -> Option<ClientId> {
        self.live.iter().find(|(live, _)| *live == token).map(|(_, client)| *client)
    }

    pub fn token_issued(&mut self, client: ClientId, token: SessionToken) {
        self.live.push((token, client));
    }

    /// The host has removed `client`, and everything of its key.
    pub fn removed(&mut self, client: ClientId, key: Option<PublicKey>) {
        self.record(client).removed = true;
        let of_key: Vec<_> = self.places.iter().filter(|(place, _)| Some(place.0) == key).collect();
        let of_key: Vec<_> = of_key.into_iter().map(|(_, client)| *client).collect();
        for client in of_key {
            self.record(client).removed = true;
        }
        self.removed_keys.extend(key);
    }

    /// `client` presented `shown`, which invalidates its other tokens.
    pub fn token_used(&mut self, client: ClientId, shown: SessionToken) {
        let (gone, live) =
            self.live.drain(..).partition(|(token, whose)| *whose == client && *token != shown);
        self.live = live;
        let gone: Vec<(SessionToken, ClientId)> = gone;
        self.dead.extend(gone.into_iter().map(|(token, _)| token));
        while self.dead.len() > 16 {
            self.dead.pop_front();
        }
    }

    /// Numbered requests count once, in order, as they were sent.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    pub fn check_outcome(
        &mut self,
        client: ClientId,
        (number, request): (ActionNumber, NumberedRequest),
        outcome: Result<(), Refusal>,
        unchanged: bool,
    ) -> Checked {
        let record = self.record(client);
        let done = record.outcomes.len() as u64;
        if number.0 <= done {
            return ensure(unchanged && outcome.is_ok(), "no action counts twice", || {
                format!("{client} repeated {number}: {request:?}")
            });
        }
        ensure(number.0 == done + 1, "actions count in order", || {
            format!("{client}: {number} after {done}")
        })?;
        ensure(
            record.requests.get(&number.0) == Some(&request),
            "the request that counts is the one that was sent",
            || {
                format!(
                    "{client}: {number} is {:?}, not {request:?}",
                    record.requests.get(&number.0)
                )
            },
        )?;
        ensure(outcome.is_ok() || unchanged, "a refused action changes nothing", || {
            format!("{client}: {number}, {request:?}")
        })?;
        record.outcomes.push(outcome);
        Ok(())
    }

    /// Checks a state change against its cause.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    pub fn check_transition(
        &mut self,
        now: Timestamp,
        before: &State,
        after: &State,
        cause: &Cause,
    ) -> Checked {
        if Arc::ptr_eq(before, after) {
            return Ok(());
        }
        self.snapshots.insert(after.seq, Arc::clone(after));
        let actor = match cause {
            Cause::Act(by, _) | Cause::Batch(by, _) | Cause::UndoOrRedo(by) => Some(*by),
            Cause::Claim(by) | Cause::RequestPrivilege(by) => Some(*by),
            _ => None,
        };
        ensure(
            actor.is_none_or(|by| !before.roster.is_viewer(by)),
            "a viewer changes nothing",
            || format!("{cause:?}"),
        )?;
        if matches!(cause, Cause::Timers) {
            self.check_timeouts(now, before, after)?;
        }
        for (client, record) in &mut self.records {
            if before.roster.is_away(*client) != after.roster.is_away(*client) {
                record.pauses = Pauses::default();
            }
        }
        ensure(after.seq > before.seq, "every state has its own seq", String::new)?;
        Self::check_model(before, after, cause)?;
        if !Arc::ptr_eq(&before.roster, &after.roster) {
            self.check_privilege(now, before, after, cause)?;
            Self::check_owners(before, after, cause)?;
        }
        for (id, instrument) in after.model.instruments.iter() {
            let held = !instrument.sounding.is_empty();
            let here =
                |id| after.roster.player(id).is_some_and(|by| !after.roster.is_away(by.client_id));
            ensure(!held || here(id), "an absent participant holds no key", || {
                format!("{id} sounds after {cause:?}")
            })?;
        }
        Ok(())
    }

    fn check_model(before: &State, after: &State, cause: &Cause) -> Checked {
        let reduced = |actions: &[NetworkAction]| {
            let mut expected = before.model.clone();
            actions.iter().all(|action| Studio::reduce(&mut expected, action).is_ok())
                && Studio::diff(&expected, &after.model).is_none()
        };
        let holds = match cause {
            Cause::Batch(_, actions) => reduced(actions),
            Cause::Act(_, action) | Cause::Engine(action) => reduced(std::slice::from_ref(*action)),
            Cause::UndoOrRedo(_) => true,
            Cause::Release(..) | Cause::Moderation(_) | Cause::Presence | Cause::Timers => {
                Studio::diff_reversible(&before.model, &after.model).is_empty()
            }
            Cause::Claim(_)
            | Cause::RequestPrivilege(_)
            | Cause::ReleasePrivilege(_)
            | Cause::Unrelated => Studio::diff(&before.model, &after.model).is_none(),
        };
        ensure(holds, "the state is the result of the accepted actions", || format!("{cause:?}"))
    }

    fn check_privilege(
        &self,
        now: Timestamp,
        before: &State,
        after: &State,
        cause: &Cause,
    ) -> Checked {
        let privilege_hold = self.config.privilege_hold;
        let away_for = |client| match before.roster.participants[&client].presence {
            Presence::Here => Duration::ZERO,
            Presence::Away { since } => now.since(since),
        };
        let holder = |state: &State| state.roster.privileged.as_ref().map(|info| info.client_id);
        let (from, to) = (holder(before), holder(after));
        let here = |client| after.roster.participants.contains_key(&client);
        let taken = |from| {
            matches!(cause, Cause::Moderation(of) if *of == from) || after.roster.is_viewer(from)
        };
        let holds = from == to
            || match (from, to) {
                (Some(from), None) => {
                    let given_up = matches!(cause, Cause::ReleasePrivilege(by) if *by == from);
                    given_up || !here(ClientId::HOST) && (!here(from) || taken(from))
                }
                (from, Some(to)) => {
                    let asked = match cause {
                        Cause::RequestPrivilege(by) => *by == to,
                        // A `Hello` may request it.
                        Cause::Presence => true,
                        _ => false,
                    };
                    let free = from.is_none_or(|from| away_for(from) >= privilege_hold);
                    let is_back = from.is_some_and(|from| !here(from));
                    let is_back = is_back || from.is_some_and(taken);
                    asked && free || to == ClientId::HOST && (asked || is_back)
                }
                (None, None) => true,
            };
        let there = to.is_none_or(|to| here(to) && !after.roster.is_viewer(to));
        ensure(holds && there, "at most one participant holds the privilege", || {
            format!("from {from:?} to {to:?} by {cause:?}")
        })
    }

    fn check_owners(before: &State, after: &State, cause: &Cause) -> Checked {
        let rule = "an instrument has one owner until it is released or the owner leaves";
        let (old, new) = (&before.roster.owners, &after.roster.owners);
        for (&id, owner) in new {
            let client = owner.client_id;
            let may_own = |client| {
                after.roster.participants.contains_key(&client) && !after.roster.is_viewer(client)
            };
            ensure(may_own(client), rule, || {
                format!("{id} belongs to {client}, which has left or is a viewer")
            })?;
            let holds = match old.get(&id) {
                // A program that takes over its place gets what that had.
                Some(owner) => {
                    let is_here = after.roster.participants.contains_key(&owner.client_id);
                    owner.client_id == client || matches!(cause, Cause::Presence) && !is_here
                }
                None => match cause {
                    Cause::Act(by, _)
                    | Cause::Batch(by, _)
                    | Cause::UndoOrRedo(by)
                    | Cause::Claim(by) => *by == client,
                    // A `Hello` may request it.
                    Cause::Presence => true,
                    _ => false,
                },
            };
            ensure(holds, rule, || format!("{id} is now {client}'s: {cause:?}"))?;
        }
        for (&id, owner) in old {
            let client = owner.client_id;
            let given_up =
                matches!(cause, Cause::Release(by, ids) if *by == client && ids.contains(&id));
            let holds = new.contains_key(&id)
                || given_up
                || matches!(cause, Cause::Moderation(of) if *of == client)
                || after.roster.is_viewer(client)
                || !after.model.instruments.contains(id)
                || !after.roster.participants.contains_key(&client);
            ensure(holds, rule, || format!("{id} is no longer {client}'s: {cause:?}"))?;
        }
        Ok(())
    }

    /// The host was stopped for `pause`. The session notices a gap of 2 s between
    /// two of its timers, which are a second apart, counts up to a second of it, and
    /// once adds 5 s to read what is waiting.
    pub fn host_paused(&mut self, pause: Duration) {
        for record in self.records.values_mut() {
            if pause >= Duration::from_secs(2) {
                record.pauses.at_least += pause.saturating_sub(Duration::from_secs(1));
            }
            if pause >= Duration::from_secs(1) {
                record.pauses.at_most += pause + Duration::from_secs(6);
            }
        }
    }

    /// Checks whom the session's timers have suspended or removed.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    fn check_timeouts(&self, now: Timestamp, before: &State, after: &State) -> Checked {
        let SessionConfig { idle_timeout, resume_window, .. } = self.config;
        for (&client, participant) in &before.roster.participants {
            let Some(record) = self.records.get(&client) else { continue };
            let gone = !after.roster.participants.contains_key(&client);
            let (is_over, since, limit) = match participant.presence {
                Presence::Here => {
                    (gone || after.roster.is_away(client), record.last_received, idle_timeout)
                }
                Presence::Away { since } => (gone, since, resume_window),
            };
            ensure(
                !is_over || now.since(since) >= limit + record.pauses.at_least,
                "a pause of the host costs no client its place",
                || format!("{client}, since {since}"),
            )?;
        }
        Ok(())
    }

    /// Checks what must hold at any time.
    ///
    /// # Errors
    /// Returns the rule that is broken.
    pub fn check_invariants(&self, now: Timestamp, session: &Session<Rigged>) -> Checked {
        let SessionConfig { idle_timeout, resume_window, max_bases, .. } = self.config;
        for (&client, participant) in &session.state().roster.participants {
            if client == ClientId::HOST {
                continue;
            }
            let is_removed = participant.key.is_some_and(|key| self.removed_keys.contains(&key));
            ensure(!is_removed, "a removed key is never in", || client.to_string())?;
            let record = self.records.get(&client);
            let pauses = record.map_or(Duration::ZERO, |record| record.pauses.at_most);
            match participant.presence {
                Presence::Here => {
                    let last_received =
                        self.records.get(&client).map_or(now, |record| record.last_received);
                    ensure(
                        now.since(last_received) <= idle_timeout + pauses,
                        "a silent participant is marked absent",
                        || format!("{client}, last heard at {last_received}"),
                    )?;
                }
                Presence::Away { since } => {
                    ensure(
                        now.since(since) <= resume_window + pauses,
                        "ownership ends with the resume window",
                        || format!("{client}, away since {since}"),
                    )?;
                }
            }
        }
        ensure(session.base_count() <= max_bases, "memory is bounded: history", || {
            session.base_count().to_string()
        })
    }

    /// When the state at `seq` was first sent to `client`, if the session must
    /// remember it: sent at about the time when the client was last heard from,
    /// and no longer ago than the resume window allows.
    pub fn base_first_sent(&self, now: Timestamp, client: ClientId, seq: Seq) -> Option<Timestamp> {
        const BREAK: Duration = Duration::from_secs(5);
        let ClientRecord { sent, last_received, .. } = self.records.get(&client)?;
        let reach = self.config.idle_timeout + self.config.resume_window;
        let sent = sent.iter().find(|sent| sent.seq == seq)?;
        let about = sent.at + BREAK >= *last_received && sent.at <= *last_received + BREAK;
        let overflows = self.config.max_bases < 1024;
        (about && now.since(sent.first) <= reach && !overflows).then_some(sent.first)
    }
}

/// The number and content of a numbered message.
pub fn numbered(message: &ClientMessage) -> Option<(ActionNumber, NumberedRequest)> {
    match message {
        ClientMessage::Action { number, action, .. } => {
            Some((*number, NumberedRequest::Act(action.clone())))
        }
        ClientMessage::Batch { number, actions } => {
            Some((*number, NumberedRequest::Batch(actions.clone())))
        }
        ClientMessage::Undo { number } => Some((*number, NumberedRequest::Undo)),
        ClientMessage::Redo { number } => Some((*number, NumberedRequest::Redo)),
        _ => None,
    }
}
