//! What a participant does with its mirror.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    protocol::{ActionNumber, ClientMessage},
    studio::{FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, SourceKind},
    sync::mirror::Mirror,
    util::quantity::{Hertz, Pitch, Velocity},
};

use super::{
    client::Stage,
    oracle::{Checked, Said},
    plan::Doing,
    watch::Wish,
    world::World,
};

/// The instrument whose knob nobody but this participant turns.
pub const fn own(who: usize) -> InstrumentId {
    InstrumentId(1000 + who as u32)
}

/// Where the first turn of the knob begins, in hertz.
pub const FIRST: f32 = 10_000.0;

impl World<'_> {
    pub fn client_does(&mut self, who: usize, doing: &Doing) -> Checked {
        let plan = self.plan;
        if self.people[who].sleeps_until > self.now || self.people[who].mirror.is_none() {
            return Ok(());
        }
        match doing {
            Doing::Act(n) => {
                for action in plan.pool.iter().cycle().skip(*n).take(12) {
                    if self.act(who, action.clone()) {
                        break;
                    }
                }
            }
            Doing::Play(pitch) => {
                let play = InstrumentAction::Play(Pitch::of(*pitch), Velocity::of(100));
                self.act(who, NetworkAction::Instrument(own(who), play));
            }
            Doing::Sweep => self.sweep(who),
            Doing::Undo => {
                let client = &mut self.people[who];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::undo) {
                    self.said(who, number, Said::Undo);
                }
            }
            Doing::Redo => {
                let client = &mut self.people[who];
                if let Some(Ok(number)) = client.mirror.as_mut().map(Mirror::redo) {
                    self.said(who, number, Said::Redo);
                }
            }
            Doing::Claim(id) => self.wish(who, *id, true),
            Doing::Release(id) => self.wish(who, *id, false),
            Doing::AskForPrivilege => self.just_wish(who, ClientMessage::RequestPrivilege),
            Doing::GivePrivilegeUp => self.just_wish(who, ClientMessage::ReleasePrivilege),
            Doing::AskForEverything => self.just_wish(who, ClientMessage::RequestFullSync),
            Doing::Goodbye(away) => return self.leave(who, Duration::from_millis(*away)),
        }
        self.examine(who)?;
        self.client_says(who)
    }

    fn act(&mut self, who: usize, action: NetworkAction) -> bool {
        let now = self.now;
        let Some(mirror) = &mut self.people[who].mirror else { return false };
        let Ok(number) = mirror.dispatch(now, action.clone()) else { return false };
        self.said(who, number, Said::Act(action));
        true
    }

    fn said(&mut self, who: usize, number: ActionNumber, said: Said) {
        self.tally.dispatched += 1;
        let client = &mut self.people[who];
        client.life.open.insert(number.0, said.clone());
        client.life.last = number.0;
        if let Some(mirror) = &client.mirror
            && mirror.session() == self.session.id()
        {
            self.oracle.book(mirror.client()).said.insert(number.0, said);
        }
    }

    fn sweep(&mut self, who: usize) {
        let id = own(who);
        let Some(mirror) = &self.people[who].mirror else { return };
        let state = Arc::clone(mirror.predicted());
        if !state.model.instruments.contains(id) {
            let name = Name::new("Swept").unwrap();
            let source = SourceKind::Oscillator;
            self.act(who, NetworkAction::AddInstrument { id, name, source });
        } else if state.roster.owner(id).is_none() {
            self.wish(who, id.0, true);
        } else {
            let client = &mut self.people[who];
            client.turns += 1;
            let cutoff = Hertz::new(FIRST + f32::from(client.turns)).unwrap();
            let setting = InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff));
            self.act(who, NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
        }
    }

    fn just_wish(&mut self, who: usize, wish: ClientMessage) {
        if let Some(mirror) = &mut self.people[who].mirror {
            // There may be too many already, which is no matter.
            let _ = mirror.wish(wish);
        }
    }

    fn wish(&mut self, who: usize, id: u32, asks: bool) {
        let client = &mut self.people[who];
        let Some(mirror) = &mut client.mirror else { return };
        self.tags += 1;
        let tag = InstrumentId(self.tags);
        let instruments = vec![InstrumentId(id), tag];
        let wish = if asks {
            ClientMessage::RequestOwnership { instruments }
        } else {
            ClientMessage::ReleaseOwnership { instruments }
        };
        if mirror.wish(wish).is_ok() {
            let (session, after) = (mirror.session(), client.life.last);
            let wish = Wish { who, session, after, heard: false, asks, answered: false };
            self.wishes.insert(tag, wish);
        }
    }

    fn leave(&mut self, who: usize, away: Duration) -> Checked {
        if let Stage::In(_) = self.people[who].stage {
            if let Some(mirror) = &mut self.people[who].mirror {
                mirror.say(ClientMessage::Goodbye);
            }
            self.client_says(who)?;
        }
        self.crash(who, false, away);
        Ok(())
    }
}
