//! What must hold, whatever happens: the authority's side. It sees every call of
//! the session, with the state before and after it, and every answer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{
        ActionNumber, ClientId, ClientMessage, NetworkState, Presence, Refusal, Seq, SessionToken,
    },
    studio::{NetworkAction, Studio},
    sync::session::{ConnectionId, Session, SessionConfig},
    util::time::Timestamp,
};

pub type State = Arc<NetworkState<Studio>>;

/// What does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub rule: &'static str,
    pub detail: String,
}

pub type Checked<T = ()> = Result<T, Violation>;

/// # Errors
/// If `holds` is false.
pub fn demand(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation { rule, detail: detail() }) }
}

/// Why the session was called.
#[derive(Debug)]
pub enum Cause<'a> {
    Act(ClientId, &'a NetworkAction),
    Trace(ClientId),
    Engine(&'a NetworkAction),
    Claim(ClientId),
    Release(ClientId, &'a [InstrumentId]),
    AskForPrivilege(ClientId),
    GivePrivilegeUp(ClientId),
    /// Somebody came, went or was silent for too long.
    Presence,
    /// Nothing that is about the state.
    Talk,
}

/// What a client has numbered.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Act(NetworkAction),
    Undo,
    Redo,
}

/// What is known of one client in this session.
#[derive(Default)]
pub struct Book {
    /// What the client says under which number.
    pub said: BTreeMap<u64, Said>,
    /// What became of each number, from 1 on.
    pub decided: Vec<Result<(), Refusal>>,
    /// Its newest connection.
    pub ticket: Option<ConnectionId>,
    /// When anything was last heard on it.
    pub heard: Timestamp,
    /// What was sent to it.
    pub sent: VecDeque<Sent>,
}

/// A moment that was sent to a client, or with which it came back.
#[derive(Clone, Copy)]
pub struct Sent {
    pub seq: Seq,
    /// When it was sent, or the client came back with it.
    pub at: Timestamp,
    /// When it was sent first.
    pub first: Timestamp,
}

/// What is known of a session.
pub struct Oracle {
    config: SessionConfig,
    pub books: BTreeMap<ClientId, Book>,
    moments: BTreeMap<Seq, State>,
    /// The secrets that work, and whose they are.
    live: Vec<(SessionToken, ClientId)>,
    /// Some of those that do not work any more.
    pub dead: VecDeque<SessionToken>,
}

impl Oracle {
    pub fn new(config: &SessionConfig, state: &State) -> Self {
        Self {
            config: config.clone(),
            books: BTreeMap::new(),
            moments: BTreeMap::from([(state.seq, Arc::clone(state))]),
            live: Vec::new(),
            dead: VecDeque::new(),
        }
    }

    pub fn book(&mut self, client: ClientId) -> &mut Book {
        self.books.entry(client).or_default()
    }

    /// The authority's moment `seq`, if it ever stood.
    pub fn moment(&self, seq: Seq) -> Option<&State> {
        self.moments.get(&seq)
    }

    pub fn owner_of(&self, token: SessionToken) -> Option<ClientId> {
        self.live.iter().find(|(live, _)| *live == token).map(|(_, client)| *client)
    }

    pub fn gave(&mut self, client: ClientId, token: SessionToken) {
        self.live.push((token, client));
    }

    /// `client` has shown `shown`, and with it that it does not need the others.
    pub fn used(&mut self, client: ClientId, shown: SessionToken) {
        let (gone, live) =
            self.live.drain(..).partition(|(token, whose)| *whose == client && *token != shown);
        self.live = live;
        let gone: Vec<(SessionToken, ClientId)> = gone;
        self.dead.extend(gone.into_iter().map(|(token, _)| token));
        while self.dead.len() > 16 {
            self.dead.pop_front();
        }
    }

    /// What is numbered counts once, in order, as it was said.
    ///
    /// # Errors
    /// If it does not.
    pub fn decided(
        &mut self,
        client: ClientId,
        (number, said): (ActionNumber, Said),
        outcome: Result<(), Refusal>,
        unchanged: bool,
    ) -> Checked {
        let book = self.book(client);
        let done = book.decided.len() as u64;
        if number.0 <= done {
            return demand(unchanged && outcome.is_ok(), "no action counts twice", || {
                format!("{client} said {number} again: {said:?}")
            });
        }
        demand(number.0 == done + 1, "actions count in order", || {
            format!("{client}: {number} after {done}")
        })?;
        demand(book.said.get(&number.0) == Some(&said), "what counts is what was said", || {
            format!("{client}: {number} is {:?}, not {said:?}", book.said.get(&number.0))
        })?;
        demand(outcome.is_ok() || unchanged, "nothing refused is applied", || {
            format!("{client}: {number}, {said:?}")
        })?;
        book.decided.push(outcome);
        Ok(())
    }

    /// The session went from one state to another.
    ///
    /// # Errors
    /// If it must not, for this reason.
    pub fn moved(&mut self, before: &State, after: &State, cause: &Cause) -> Checked {
        if Arc::ptr_eq(before, after) {
            return Ok(());
        }
        self.moments.insert(after.seq, Arc::clone(after));
        demand(after.seq > before.seq, "every moment has a number of its own", String::new)?;
        Self::model_moved(before, after, cause)?;
        if !Arc::ptr_eq(&before.roster, &after.roster) {
            Self::privilege_moved(before, after, cause)?;
            Self::owners_moved(before, after, cause)?;
        }
        for (id, instrument) in after.model.instruments.iter() {
            let held = !instrument.sounding.is_empty();
            let here = |id| {
                after.roster.owner(id).is_some_and(|owner| !after.roster.is_away(owner.client_id))
            };
            demand(!held || here(id), "nobody who is away holds a key", || {
                format!("{id} sounds after {cause:?}")
            })?;
        }
        Ok(())
    }

    fn model_moved(before: &State, after: &State, cause: &Cause) -> Checked {
        let holds = match cause {
            Cause::Act(_, action) | Cause::Engine(action) => {
                let mut expected = before.model.clone();
                Studio::reduce(&mut expected, action).is_ok()
                    && Studio::diff(&expected, &after.model).is_none()
            }
            Cause::Trace(_) => true,
            Cause::Release(..) | Cause::Presence => {
                Studio::diff_reversible(&before.model, &after.model).is_empty()
            }
            Cause::Claim(_)
            | Cause::AskForPrivilege(_)
            | Cause::GivePrivilegeUp(_)
            | Cause::Talk => Studio::diff(&before.model, &after.model).is_none(),
        };
        demand(holds, "the state is what the accepted actions make of it", || format!("{cause:?}"))
    }

    fn privilege_moved(before: &State, after: &State, cause: &Cause) -> Checked {
        let holder = |state: &State| state.roster.privileged.as_ref().map(|info| info.client_id);
        let (from, to) = (holder(before), holder(after));
        let here = |client| after.roster.participants.contains_key(&client);
        let holds = from == to
            || match (from, to) {
                (Some(from), None) => {
                    !here(from) || matches!(cause, Cause::GivePrivilegeUp(by) if *by == from)
                }
                (from, Some(to)) => {
                    let asked = match cause {
                        Cause::AskForPrivilege(by) => *by == to,
                        // A Hello may ask for it.
                        Cause::Presence => true,
                        _ => false,
                    };
                    let free = from.is_none_or(|from| before.roster.is_away(from));
                    asked && (free || to == ClientId::HOST)
                }
                (None, None) => true,
            };
        let there = to.is_none_or(here);
        demand(holds && there, "one participant at most has the privilege", || {
            format!("from {from:?} to {to:?} by {cause:?}")
        })
    }

    fn owners_moved(before: &State, after: &State, cause: &Cause) -> Checked {
        let rule = "an instrument has one owner, until that one lets go or is gone";
        let (old, new) = (&before.roster.owners, &after.roster.owners);
        for (&id, owner) in new {
            let client = owner.client_id;
            demand(after.roster.participants.contains_key(&client), rule, || {
                format!("{id} belongs to {client}, who is gone")
            })?;
            let holds = match old.get(&id) {
                Some(owner) => owner.client_id == client,
                None => match cause {
                    Cause::Act(by, _) | Cause::Trace(by) | Cause::Claim(by) => *by == client,
                    // A Hello may ask for it.
                    Cause::Presence => true,
                    _ => false,
                },
            };
            demand(holds, rule, || format!("{id} is now {client}'s: {cause:?}"))?;
        }
        for (&id, owner) in old {
            let client = owner.client_id;
            let given_up =
                matches!(cause, Cause::Release(by, ids) if *by == client && ids.contains(&id));
            let holds = new.contains_key(&id)
                || given_up
                || !after.model.instruments.contains(id)
                || !after.roster.participants.contains_key(&client);
            demand(holds, rule, || format!("{id} is no more {client}'s: {cause:?}"))?;
        }
        Ok(())
    }

    /// What must hold at any time.
    ///
    /// # Errors
    /// If it does not.
    pub fn look(&self, now: Timestamp, session: &Session<Studio>) -> Checked {
        let SessionConfig { idle_timeout: silence, resume_window, max_bases: max_history, .. } =
            self.config;
        for (&client, participant) in &session.state().roster.participants {
            if client == ClientId::HOST {
                continue;
            }
            match participant.presence {
                Presence::Here => {
                    let heard = self.books.get(&client).map_or(now, |book| book.heard);
                    demand(now.since(heard) <= silence, "who is silent is away", || {
                        format!("{client}, last heard at {heard}")
                    })?;
                }
                Presence::Away { since } => {
                    demand(
                        now.since(since) <= resume_window,
                        "what was owned is free after the window",
                        || format!("{client}, away since {since}"),
                    )?;
                }
            }
        }
        demand(session.history_len() <= max_history, "memory is bounded: history", || {
            session.history_len().to_string()
        })
    }

    /// When what `client` has at `seq` was first sent to it, if the session has to
    /// remember that: it was sent at about the time when the client was last heard
    /// from, and no longer ago than anybody can be away.
    pub fn stands_on(&self, now: Timestamp, client: ClientId, seq: Seq) -> Option<Timestamp> {
        const BREAK: Duration = Duration::from_secs(5);
        let Book { sent, heard, .. } = self.books.get(&client)?;
        let reach = self.config.idle_timeout + self.config.resume_window;
        let sent = sent.iter().find(|sent| sent.seq == seq)?;
        let about = sent.at + BREAK >= *heard && sent.at <= *heard + BREAK;
        let overflows = self.config.max_bases < 1024;
        (about && now.since(sent.first) <= reach && !overflows).then_some(sent.first)
    }
}

/// What a message numbers, if it does.
pub fn numbered(message: &ClientMessage<Studio>) -> Option<(ActionNumber, Said)> {
    match message {
        ClientMessage::Action { number, action, .. } => Some((*number, Said::Act(action.clone()))),
        ClientMessage::Undo { number } => Some((*number, Said::Undo)),
        ClientMessage::Redo { number } => Some((*number, Said::Redo)),
        _ => None,
    }
}
