//! What a participant does with its mirror.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    protocol::ActionNumber,
    studio::{FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, SourceKind},
    sync::mirror::Mirror,
    util::quantity::{Hertz, Pitch, Velocity},
};

use super::{
    client::ClientStage,
    mirror_checks::OwnershipRequest,
    oracle::{Checked, NumberedRequest},
    plan::UserAction,
    rigged::ClientMessage,
    world::World,
};

/// The instrument whose knob only this participant turns.
pub const fn own(index: usize) -> InstrumentId {
    InstrumentId(1000 + index as u32)
}

/// Cutoff before the first turn of the knob, in hertz.
pub const FIRST: f32 = 10_000.0;

impl World<'_> {
    pub fn perform_user_action(&mut self, index: usize, action: &UserAction) -> Checked {
        let plan = self.plan;
        if self.clients[index].sleeps_until > self.now || self.clients[index].mirror.is_none() {
            return Ok(());
        }
        match action {
            UserAction::Act(n) => {
                for action in plan.pool.iter().cycle().skip(*n).take(12) {
                    if self.act(index, action.clone()) {
                        break;
                    }
                }
            }
            UserAction::Batch(n, length) => {
                for start in *n..n + 12 {
                    // With keys of its own, so that some of it is permitted.
                    let play = InstrumentAction::Play(Pitch::of(64), Velocity::of(100));
                    let mut actions = vec![NetworkAction::Instrument(own(index), play)];
                    actions.extend(plan.batch(start, *length));
                    if self.act_all(index, actions) {
                        self.stats.batches += 1;
                        break;
                    }
                }
            }
            UserAction::Play(pitch) => {
                let play = InstrumentAction::Play(Pitch::of(*pitch), Velocity::of(100));
                self.act(index, NetworkAction::Instrument(own(index), play));
            }
            UserAction::Sweep => self.sweep(index),
            UserAction::Undo => {
                let client = &mut self.clients[index];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::undo) {
                    self.record_request(index, number, NumberedRequest::Undo);
                }
            }
            UserAction::Redo => {
                let client = &mut self.clients[index];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::redo) {
                    self.record_request(index, number, NumberedRequest::Redo);
                }
            }
            UserAction::Claim(id) => self.change_ownership(index, *id, true),
            UserAction::Release(id) => self.change_ownership(index, *id, false),
            UserAction::RequestPrivilege => {
                self.send_request(index, ClientMessage::RequestPrivilege)
            }
            UserAction::ReleasePrivilege => {
                self.send_request(index, ClientMessage::ReleasePrivilege)
            }
            UserAction::RequestFullSync => self.send_request(index, ClientMessage::RequestFullSync),
            UserAction::Goodbye(away) => return self.leave(index, Duration::from_millis(*away)),
        }
        self.check_mirror(index)?;
        self.client_sends(index)
    }

    fn act(&mut self, index: usize, action: NetworkAction) -> bool {
        let now = self.now;
        let Some(mirror) = &mut self.clients[index].mirror else { return false };
        let Ok((number, _)) = mirror.dispatch(now, action.clone()) else { return false };
        self.record_request(index, number, NumberedRequest::Act(action));
        true
    }

    fn act_all(&mut self, index: usize, actions: Vec<NetworkAction>) -> bool {
        let now = self.now;
        let Some(mirror) = &mut self.clients[index].mirror else { return false };
        let Ok((number, _)) = mirror.dispatch_all(now, actions.clone()) else { return false };
        self.record_request(index, number, NumberedRequest::Batch(actions));
        true
    }

    fn record_request(&mut self, index: usize, number: ActionNumber, request: NumberedRequest) {
        self.stats.dispatched += 1;
        let client = &mut self.clients[index];
        client.log.pending.insert(number.0, request.clone());
        client.log.last = number.0;
        if let Some(mirror) = &client.mirror
            && mirror.session() == self.session.id()
        {
            self.oracle.record(mirror.client()).requests.insert(number.0, request);
        }
    }

    fn sweep(&mut self, index: usize) {
        let id = own(index);
        let Some(mirror) = &self.clients[index].mirror else { return };
        let state = Arc::clone(mirror.predicted());
        if !state.model.instruments.contains(id) {
            let name = Name::new("Swept").unwrap();
            let source = SourceKind::Oscillator;
            self.act(index, NetworkAction::AddInstrument { id, name, source });
        } else if state.roster.owner(id).is_none() {
            self.change_ownership(index, id.0, true);
        } else {
            let client = &mut self.clients[index];
            client.turns += 1;
            let cutoff = Hertz::new(FIRST + f32::from(client.turns)).unwrap();
            let setting = InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff));
            self.act(index, NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
        }
    }

    fn send_request(&mut self, index: usize, request: ClientMessage) {
        if let Some(mirror) = &mut self.clients[index].mirror {
            // A full backlog refuses it, which is fine here.
            let _ = mirror.request(request);
        }
    }

    fn change_ownership(&mut self, index: usize, id: u32, asks: bool) {
        let client = &mut self.clients[index];
        let Some(mirror) = &mut client.mirror else { return };
        self.tags += 1;
        let tag = InstrumentId(self.tags);
        let instruments = vec![InstrumentId(id), tag];
        let request = if asks {
            ClientMessage::RequestOwnership { instruments }
        } else {
            ClientMessage::ReleaseOwnership { instruments }
        };
        if mirror.request(request).is_ok() {
            let (session, after) = (mirror.session(), client.log.last);
            let request =
                OwnershipRequest { index, session, after, received: false, asks, answered: false };
            self.ownership_requests.insert(tag, request);
        }
    }

    fn leave(&mut self, index: usize, away: Duration) -> Checked {
        if let ClientStage::Connected(_) = self.clients[index].stage {
            if let Some(mirror) = &mut self.clients[index].mirror {
                mirror.enqueue(ClientMessage::Goodbye);
            }
            self.client_sends(index)?;
        }
        self.crash(index, false, away);
        Ok(())
    }
}
