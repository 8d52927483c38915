//! The invariants on the mirrors' side. A mirror is checked after everything
//! that it receives or does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbolc_net::{
    model::Model,
    protocol::{ActionNumber, ClientId, PrivilegeLevel, Reconnected, Refusal, Seq, SessionId},
    studio::{NetworkAction, Studio},
    sync::{
        SessionEvent,
        mirror::{Mirror, MirrorOutput},
    },
    util::time::Millis,
};

use super::{
    oracle::{Checked, NumberedRequest, State, ensure},
    participant::{FIRST, own},
    rigged::{ClientMessage, Rigged},
    world::World,
};

/// Predictions are recomputed for at most this many pending requests.
const FEW: usize = 16;

/// History of one mirror, from its creation to a crash or a new session.
#[derive(Default)]
pub struct MirrorLog {
    /// Dispatched and not settled.
    pub pending: BTreeMap<u64, NumberedRequest>,
    pub last: u64,
    pub settled: BTreeSet<u64>,
    /// The knob's last predicted position, in hertz.
    pub shown: Option<f32>,
    /// The last confirmed state that was compared, with the authority's at that
    /// seq.
    pub compared: Option<(State, State)>,
    /// Confirmed state, predicted state and number of pending requests at the
    /// last check of the prediction.
    pub looked: Option<(State, State, usize)>,
    /// The highest seq that `ActionsApplied` named.
    pub applied: Seq,
    /// The first seq that contains everything accepted so far.
    pub contained: Seq,
    /// The seq that contains the last accepted action that replaces an
    /// instrument.
    pub replaced: Seq,
    /// Saw a gap, and must request a full sync.
    pub must_ask: bool,
    /// Requested a full sync that has not arrived.
    pub asked: bool,
}

/// A request or release of an instrument, identified by a second instrument id
/// that does not exist.
pub struct OwnershipRequest {
    pub index: usize,
    pub session: SessionId,
    /// The action dispatched before it.
    pub after: u64,
    pub received: bool,
    /// Requests ownership, so that an answer must follow.
    pub asks: bool,
    pub answered: bool,
}

fn replaces(request: &NumberedRequest) -> bool {
    let replaces = |action: &NetworkAction| {
        matches!(action, NetworkAction::Project(_) | NetworkAction::AddInstrument { .. })
    };
    match request {
        NumberedRequest::Act(action) => replaces(action),
        NumberedRequest::Batch(actions) => actions.iter().any(replaces),
        NumberedRequest::Undo | NumberedRequest::Redo => false,
    }
}

/// An operation of a mirror that the authority has decided.
type Settled = (ActionNumber, Result<(), Refusal>);

/// Polls the mirror until it waits, and returns the events and the decisions. The
/// states come first and once, then the events, then the decisions.
pub fn drain(mirror: &mut Mirror<Rigged>) -> (Vec<SessionEvent<Rigged>>, Vec<Settled>) {
    let (mut events, mut settled) = (Vec::new(), Vec::new());
    // What may come next.
    let mut stage = 0;
    let mut expect = |reached: u8, next: u8| {
        assert!(reached >= stage, "the outputs of a mirror come in order");
        stage = next;
    };
    loop {
        match mirror.poll() {
            MirrorOutput::Confirmed { after, .. } => {
                expect(0, 1);
                assert!(Arc::ptr_eq(&after, mirror.confirmed()), "the confirmed state is current");
            }
            MirrorOutput::Predicted { after, .. } => {
                expect(1, 2);
                assert!(Arc::ptr_eq(&after, mirror.predicted()), "the predicted state is current");
            }
            MirrorOutput::Event(event) => {
                expect(2, 2);
                events.push(event);
            }
            MirrorOutput::Settled(number, outcome) => {
                expect(3, 3);
                settled.push((number, outcome));
            }
            MirrorOutput::Wait { .. } => return (events, settled),
        }
    }
}

impl World<'_> {
    /// Checks a mirror after a change.
    pub fn check_mirror(&mut self, index: usize) -> Checked {
        let client = &mut self.clients[index];
        let Some(mirror) = &mut client.mirror else { return Ok(()) };
        let (id, session) = (mirror.client(), mirror.session());
        let same = session == self.session.id();
        let (events, settled) = drain(mirror);
        for (number, outcome) in settled {
            let log = &mut client.log;
            ensure(log.settled.insert(number.0), "an action is settled once", || {
                format!("participant {index}: {number}")
            })?;
            let request = log.pending.remove(&number.0);
            self.stats.settled += 1;
            if outcome.is_ok() {
                log.contained = log.contained.max(log.applied);
                if request.as_ref().is_some_and(replaces) {
                    log.replaced = log.applied;
                }
            } else {
                // A refused action may have replaced the instrument.
                log.shown = None;
            }
            if !same {
                continue;
            }
            let at = usize::try_from(number.0 - 1).unwrap();
            let decided = self.oracle.record(id).outcomes.get(at);
            ensure(decided == Some(&outcome), "a client is told the authority's decision", || {
                format!("participant {index}, {number}: told {outcome:?}, decided {decided:?}")
            })?;
        }
        for event in events {
            if let SessionEvent::OwnershipRefused { instrument, .. } = event
                && let Some(request) = self.ownership_requests.get_mut(&instrument)
            {
                request.answered = true;
            }
        }
        let (backlog, unanswered) = (self.plan.client.backlog, mirror.unanswered());
        ensure(unanswered <= backlog, "memory is bounded: backlog", || unanswered.to_string())?;
        ensure(
            unanswered == client.log.pending.len(),
            "an action is pending until it is settled",
            || format!("participant {index}: {unanswered}, {:?}", client.log.pending),
        )?;
        self.check_prediction(index)?;
        self.check_confirmed(index, same)?;
        self.check_knob(index)
    }

    /// The predicted state is the confirmed state plus the pending requests,
    /// and nothing else.
    fn check_prediction(&mut self, index: usize) -> Checked {
        let client = &mut self.clients[index];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let (log, confirmed) = (&mut client.log, mirror.confirmed());
        if log.pending.len() > FEW || log.contained > confirmed.seq {
            return Ok(());
        }
        let looked = (Arc::clone(confirmed), Arc::clone(mirror.predicted()), log.pending.len());
        let is_known = log.looked.as_ref().is_some_and(|(known, shown, open)| {
            Arc::ptr_eq(known, &looked.0) && Arc::ptr_eq(shown, &looked.1) && *open == looked.2
        });
        log.looked = Some(looked);
        if is_known {
            return Ok(());
        }
        // Predict the same requests on a fresh mirror.
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
            history: Vec::new(),
            privilege: PrivilegeLevel::Normal,
            clock: self.now,
            resume_window: Millis::default(),
        };
        let mut fresh = Mirror::<Rigged>::resumed(back, (**confirmed).clone(), FEW);
        for request in log.pending.values() {
            // A request that no longer applies will be refused.
            let _ = match request {
                NumberedRequest::Act(action) => fresh.dispatch(self.now, action.clone()).map(drop),
                NumberedRequest::Batch(actions) => {
                    fresh.dispatch_all(self.now, actions.clone()).map(drop)
                }
                // The effect of an undo depends on earlier actions.
                NumberedRequest::Undo | NumberedRequest::Redo => return Ok(()),
            };
        }
        let (expected, shown) = (fresh.predicted(), mirror.predicted());
        let equal = Studio::diff(&expected.model, &shown.model).is_none()
            && expected.roster == shown.roster;
        ensure(equal, "the prediction is the confirmed state plus pending actions", || {
            format!("participant {index}: {:?}, with {:?}", expected.patch_to(shown), log.pending)
        })
    }

    /// The mirror's confirmed state is one that the authority had.
    fn check_confirmed(&mut self, index: usize, same: bool) -> Checked {
        let client = &mut self.clients[index];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let confirmed = mirror.confirmed();
        if !same || client.log.compared.as_ref().is_some_and(|(old, _)| Arc::ptr_eq(old, confirmed))
        {
            return Ok(());
        }
        let rule = "a mirror holds a state of the authority";
        let Some(truth) = self.oracle.snapshot(confirmed.seq) else {
            return ensure(false, rule, || format!("participant {index}: {}", confirmed.seq));
        };
        // Compare differences, which is cheap: equal states with equal changes
        // are equal.
        let equal = client.log.compared.as_ref().is_some_and(|(old, old_truth)| {
            Studio::diff(&old.model, &confirmed.model)
                == Studio::diff(&old_truth.model, &truth.model)
        });
        let equal = equal || confirmed.model == truth.model;
        ensure(equal && confirmed.roster == truth.roster, rule, || {
            format!("participant {index} at {}: {:?}", truth.seq, truth.patch_to(confirmed))
        })?;
        client.log.compared = Some((Arc::clone(confirmed), Arc::clone(truth)));
        Ok(())
    }

    fn check_knob(&mut self, index: usize) -> Checked {
        let client = &mut self.clients[index];
        let Some(mirror) = &client.mirror else { return Ok(()) };
        let instrument = mirror.predicted().model.instruments.get(own(index));
        // Its position before the first turn does not count.
        let place = |hertz: f32| if hertz <= FIRST { 0.0 } else { hertz };
        let now = instrument.map(|instrument| place(instrument.filter.cutoff.get()));
        // An action that replaces the instrument resets the knob if it is
        // refused, or if it could not be predicted.
        let replaced = client.log.pending.values().any(replaces)
            || mirror.confirmed().seq < client.log.replaced;
        // The host may take it while it is turned.
        let is_owner = mirror.predicted().roster.owns(mirror.client(), own(index));
        let now = now.filter(|_| !replaced && is_owner);
        let before = std::mem::replace(&mut client.log.shown, now);
        let holds = self.plan.participants[index].undoes
            || before.zip(now).is_none_or(|(before, now)| before <= now);
        ensure(holds, "a knob does not jump back while it is turned", || {
            format!("participant {index}: from {before:?} to {now:?}")
        })
    }

    /// Requests keep their place: the host receives each between the actions
    /// dispatched before and after it.
    pub fn check_request_order(&mut self, client: ClientId, message: &ClientMessage) -> Checked {
        let (ClientMessage::RequestOwnership { instruments }
        | ClientMessage::ReleaseOwnership { instruments }) = message
        else {
            return Ok(());
        };
        let received = self.oracle.record(client).outcomes.len() as u64;
        for tag in instruments {
            let Some(request) = self.ownership_requests.get_mut(tag) else { continue };
            let first = !std::mem::replace(&mut request.received, true);
            let after = request.after;
            ensure(
                !first || after == received,
                "a request keeps its place among the actions",
                || format!("{client}: after {received} instead of {after}"),
            )?;
        }
        Ok(())
    }

    /// Every request was received, and answered if it asks for something.
    pub fn check_requests_answered(&self) -> Checked {
        let lost = self.ownership_requests.iter().find(|(_, request)| {
            request.session == self.session.id()
                && !(request.received && (request.answered || !request.asks))
        });
        ensure(lost.is_none(), "no ownership request is lost", || {
            lost.map(|(tag, request)| format!("{tag} of participant {}", request.index))
                .unwrap_or_default()
        })
    }
}
