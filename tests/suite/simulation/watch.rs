//! What must hold, whatever happens: the mirrors' side. A mirror is looked at
//! after everything that it hears or does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbolc_net::{
    dispatcher::Event,
    model::Model,
    protocol::{
        ActionNumber, ClientId, ClientMessage, PrivilegeLevel, Reconnected, Seq, SessionId,
    },
    studio::{NetworkAction, Studio},
    sync::mirror::Mirror,
    util::time::Millis,
};

use super::{
    musician::{FIRST, own},
    oracle::{Checked, Said, State, demand},
    world::World,
};

/// Of how many open actions it is worked out anew what comes of them.
const FEW: usize = 16;

/// What one mirror went through, from its beginning to a crash or a new session.
#[derive(Default)]
pub struct Life {
    /// What was dispatched in it and is not settled.
    pub open: BTreeMap<u64, Said>,
    pub last: u64,
    pub settled: BTreeSet<u64>,
    /// Where the knob was last seen.
    pub shown: Option<f32>,
    /// The last confirmed state that was compared, and the authority's.
    pub compared: Option<(State, State)>,
    /// What was confirmed, shown and open when that was looked at.
    pub looked: Option<(State, State, usize)>,
    /// The moment that was named last as one that contains what was decided.
    pub applied: Seq,
    /// The moment that contains all that was accepted.
    pub contained: Seq,
    /// The moment that contains what was accepted last of what replaces an
    /// instrument.
    pub replaced: Seq,
    /// A gap was seen, and everything must be asked for.
    pub must_ask: bool,
    /// Everything was asked for and has not come.
    pub asked: bool,
}

/// Something that was wished for, known by an instrument that does not exist.
pub struct Wish {
    pub who: usize,
    pub session: SessionId,
    /// The action that went before it.
    pub after: u64,
    pub heard: bool,
    /// It asks for something, and is to be answered.
    pub asks: bool,
    pub answered: bool,
}

fn replaces(said: &Said) -> bool {
    matches!(said, Said::Act(NetworkAction::Project(_) | NetworkAction::AddInstrument { .. }))
}

impl World<'_> {
    /// Looks at what a mirror has come to.
    pub fn examine(&mut self, who: usize) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &mut client.mirror else { return Ok(()) };
        let (id, session) = (mirror.client(), mirror.session());
        let same = session == self.session.id();
        for (number, outcome) in mirror.take_settled() {
            let life = &mut client.life;
            demand(life.settled.insert(number.0), "an action is settled once", || {
                format!("participant {who}: {number}")
            })?;
            let said = life.open.remove(&number.0);
            self.tally.settled += 1;
            if outcome.is_ok() {
                life.contained = life.contained.max(life.applied);
                if said.as_ref().is_some_and(replaces) {
                    life.replaced = life.applied;
                }
            } else {
                // Somebody has replaced everything, the knob included.
                life.shown = None;
            }
            if !same {
                continue;
            }
            let at = usize::try_from(number.0 - 1).unwrap();
            let decided = self.oracle.book(id).decided.get(at);
            demand(decided == Some(&outcome), "one is told what was decided", || {
                format!("participant {who}, {number}: told {outcome:?}, decided {decided:?}")
            })?;
        }
        for event in mirror.take_events() {
            if let Event::OwnershipRefused { instrument, .. } = event
                && let Some(wish) = self.wishes.get_mut(&instrument)
            {
                wish.answered = true;
            }
        }
        let (backlog, unanswered) = (self.plan.client.backlog, mirror.unanswered());
        demand(unanswered <= backlog, "memory is bounded: backlog", || unanswered.to_string())?;
        demand(
            unanswered == client.life.open.len(),
            "an action is open until it is settled",
            || format!("participant {who}: {unanswered}, {:?}", client.life.open),
        )?;
        self.look_at_prediction(who)?;
        self.compare(who, same)?;
        self.look_at_knob(who)
    }

    /// What is shown is what comes of doing what is open, and nothing else, on what
    /// is confirmed.
    fn look_at_prediction(&mut self, who: usize) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let (life, confirmed) = (&mut client.life, mirror.confirmed());
        if life.open.len() > FEW || life.contained > confirmed.seq {
            return Ok(());
        }
        let looked = (Arc::clone(confirmed), Arc::clone(mirror.predicted()), life.open.len());
        let is_known = life.looked.as_ref().is_some_and(|(known, shown, open)| {
            Arc::ptr_eq(known, &looked.0) && Arc::ptr_eq(shown, &looked.1) && *open == looked.2
        });
        life.looked = Some(looked);
        if is_known {
            return Ok(());
        }
        // Somebody who has just come, and does it now.
        let back = Reconnected {
            session: mirror.session(),
            client_id: mirror.client(),
            name: mirror.name().into(),
            token: mirror.token(),
            codec: String::new(),
            compression: None,
            last_action: ActionNumber::default(),
            seq: confirmed.seq,
            rejected: Vec::new(),
            privilege: PrivilegeLevel::Normal,
            clock: self.now,
            resume_window: Millis::default(),
        };
        let mut fresh = Mirror::<Studio>::resumed(back, (**confirmed).clone(), FEW);
        for said in life.open.values() {
            // What is undone depends on what was done before.
            let Said::Act(action) = said else { return Ok(()) };
            // What cannot be done any more is about to be refused.
            let _ = fresh.dispatch(self.now, action.clone());
        }
        let (expected, shown) = (fresh.predicted(), mirror.predicted());
        let equal = Studio::diff(&expected.model, &shown.model).is_none()
            && expected.roster == shown.roster;
        demand(equal, "what is shown is what is confirmed and what is on its way", || {
            format!("participant {who}: {:?}, with {:?}", expected.patch_to(shown), life.open)
        })
    }

    /// The mirror's confirmed state is what stood at the authority.
    fn compare(&mut self, who: usize, same: bool) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let confirmed = mirror.confirmed();
        if !same
            || client.life.compared.as_ref().is_some_and(|(old, _)| Arc::ptr_eq(old, confirmed))
        {
            return Ok(());
        }
        let rule = "a mirror is a moment of the authority";
        let Some(truth) = self.oracle.moment(confirmed.seq) else {
            return demand(false, rule, || format!("participant {who}: {}", confirmed.seq));
        };
        // If two were equal and the same was done to both, then they still are;
        // differences are cheap.
        let equal = client.life.compared.as_ref().is_some_and(|(old, old_truth)| {
            Studio::diff(&old.model, &confirmed.model)
                == Studio::diff(&old_truth.model, &truth.model)
        });
        let equal = equal || confirmed.model == truth.model;
        demand(equal && confirmed.roster == truth.roster, rule, || {
            format!("participant {who} at {}: {:?}", truth.seq, truth.patch_to(confirmed))
        })?;
        client.life.compared = Some((Arc::clone(confirmed), Arc::clone(truth)));
        Ok(())
    }

    fn look_at_knob(&mut self, who: usize) -> Checked {
        let client = &mut self.people[who];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let instrument = mirror.predicted().model.instruments.get(own(who));
        // Where it is before anybody turns it does not count as a place.
        let place = |hertz: f32| if hertz <= FIRST { 0.0 } else { hertz };
        let now = instrument.map(|instrument| place(instrument.filter.cutoff.get()));
        // What replaces the instrument takes the knob back if it fails, and if it
        // could not be predicted.
        let replaced = client.life.open.values().any(replaces)
            || mirror.confirmed().seq < client.life.replaced;
        let now = now.filter(|_| !replaced);
        let before = std::mem::replace(&mut client.life.shown, now);
        let holds = self.plan.people[who].undoes
            || before.zip(now).is_none_or(|(before, now)| before <= now);
        demand(holds, "a knob does not jump back while it is turned", || {
            format!("participant {who}: from {before:?} to {now:?}")
        })
    }

    /// The host hears a wish: not before what was done before it, nor after what
    /// was done after it.
    pub fn hear_wish(&mut self, client: ClientId, message: &ClientMessage) -> Checked {
        let (ClientMessage::RequestOwnership { instruments }
        | ClientMessage::ReleaseOwnership { instruments }) = message
        else {
            return Ok(());
        };
        let decided = self.oracle.book(client).decided.len() as u64;
        for tag in instruments {
            let Some(wish) = self.wishes.get_mut(tag) else { continue };
            let first = !std::mem::replace(&mut wish.heard, true);
            let after = wish.after;
            demand(!first || after == decided, "a wish keeps its place among the actions", || {
                format!("{client}: after {decided} instead of {after}")
            })?;
        }
        Ok(())
    }

    /// What was wished for, and nobody heard or answered.
    pub fn unheard(&self) -> Checked {
        let lost = self.wishes.iter().find(|(_, wish)| {
            wish.session == self.session.id() && !(wish.heard && (wish.answered || !wish.asks))
        });
        demand(lost.is_none(), "no wish is lost", || {
            lost.map(|(tag, wish)| format!("{tag} of participant {}", wish.who)).unwrap_or_default()
        })
    }
}
