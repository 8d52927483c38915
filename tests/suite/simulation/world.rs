//! The room, its clock, and the order of events. A run is a function of its
//! plan: no other clock, no other chance.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{Hello, Resume, SessionId, SessionToken},
    studio::{Name, NetworkAction, SourceKind, Studio, StudioState},
    sync::session::Session,
    util::time::Timestamp,
};

use super::{
    client::Client,
    dice::Dice,
    host::Socket,
    musician::own,
    network::Wire,
    oracle::{Cause, Checked, Oracle, demand},
    plan::{Deed, Fault, Plan, Step},
    watch::Wish,
};
use crate::{room, studio::vocabulary};

/// What came of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events: something was done, went wrong, arrived, was due.
    pub steps: u64,
    pub dispatched: u64,
    pub settled: u64,
    pub refused: u64,
    pub reported: u64,
    pub heard: u64,
    pub patches: u64,
    pub fulls: u64,
    pub resumed: u64,
    pub broken: u64,
}

pub struct World<'a> {
    pub plan: &'a Plan,
    pub dice: Dice,
    pub now: Timestamp,
    next: usize,
    pub session: Session<Studio>,
    pub sessions: u8,
    pub sockets: BTreeMap<u64, Socket>,
    pub wires: BTreeMap<u64, Wire>,
    opened: u64,
    tokens: u128,
    pub people: Vec<Client>,
    pub oracle: Oracle,
    pub wishes: BTreeMap<InstrumentId, Wish>,
    pub tags: u32,
    /// Whether a line asked what there is to say, and there was nothing: no
    /// event, and not counted as one.
    pub idle: u64,
    pub tally: Tally,
}

/// What is due.
#[derive(Clone, Copy)]
enum Due {
    Plan,
    Up(u64),
    Down(u64),
    UpEnds(u64),
    DownEnds(u64),
    ClientHears(u64),
    HostHears(u64),
    Socket(u64),
    Client(usize),
    Session,
}

/// What a session begins with: something of everything, and a knob for each.
pub fn initial(plan: &Plan) -> StudioState {
    let mut state = vocabulary::at_work();
    for who in 0..plan.people.len() {
        let name = Name::new("Swept").unwrap();
        let add =
            NetworkAction::AddInstrument { id: own(who), name, source: SourceKind::Oscillator };
        Studio::reduce(&mut state, &add).unwrap();
    }
    state
}

/// Runs a plan to its end and until all is quiet.
///
/// # Errors
/// With the first rule that does not hold.
pub fn run(plan: &Plan) -> Checked<Tally> {
    let mut world = World::new(plan);
    while world.next < plan.steps.len() {
        world.step()?;
    }
    world.calm_down()?;
    Ok(world.tally)
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> Self {
        let id = SessionId::new([0; 16]);
        let session = Session::hosted(plan.session.clone(), id, "host", initial(plan));
        let oracle = Oracle::new(&plan.session, session.state());
        let people = plan.people.iter().map(|_| Client::new(Timestamp::ZERO)).collect();
        Self {
            plan,
            dice: Dice::new(!plan.seed),
            now: Timestamp::ZERO,
            next: 0,
            session,
            sessions: 0,
            sockets: BTreeMap::new(),
            wires: BTreeMap::new(),
            opened: 0,
            tokens: 0,
            people,
            oracle,
            wishes: BTreeMap::new(),
            tags: 1_000_000,
            idle: 0,
            tally: Tally::default(),
        }
    }

    pub const fn token(&mut self) -> SessionToken {
        self.tokens += 1;
        SessionToken::new(self.tokens.to_be_bytes())
    }

    pub fn open(&mut self, wire: Wire) -> u64 {
        self.opened += 1;
        self.wires.insert(self.opened, wire);
        self.sockets.insert(self.opened, Socket::new(self.now));
        self.opened
    }

    /// What is due next, and when; of what is due at once, always the same.
    fn due(&self) -> (Timestamp, Due) {
        let silence = self.plan.client.idle_timeout;
        let plan = self.plan.steps.get(self.next);
        let plan = plan.map(|step| (Timestamp::from_micros(step.at), Due::Plan));
        let wires = self.wires.iter().flat_map(|(&id, wire)| {
            let client = &self.people[wire.who];
            let asleep = if client.wire() == Some(id) { client.sleeps_until } else { self.now };
            [
                wire.up.due().map(|at| (at, Due::Up(id))),
                wire.down.due().map(|at| (at, Due::Down(id))),
                wire.up.end_due().map(|at| (at, Due::UpEnds(id))),
                wire.down.end_due().map(|at| (at.max(asleep), Due::DownEnds(id))),
                wire.client_hears.map(|at| (at.max(asleep), Due::ClientHears(id))),
                wire.host_hears.map(|at| (at, Due::HostHears(id))),
            ]
            .into_iter()
            .flatten()
        });
        let sockets = self.sockets.iter();
        let sockets = sockets.filter_map(|(&id, socket)| Some((socket.due()?, Due::Socket(id))));
        let people = self.people.iter().enumerate();
        let people = people.map(|(who, client)| (client.due(silence), Due::Client(who)));
        let session = self.session.next_timeout().map(|at| (at, Due::Session));
        plan.into_iter()
            .chain(wires)
            .chain(sockets)
            .chain(people)
            .chain(session)
            .min_by_key(|(at, _)| *at)
            .expect("every participant has something to wait for")
    }

    /// Lets the next thing happen.
    fn step(&mut self) -> Checked {
        let (at, due) = self.due();
        self.now = self.now.max(at);
        self.tally.steps += 1;
        let idle = self.idle;
        match due {
            Due::Plan => {
                let Step { deed, .. } = &self.plan.steps[self.next];
                self.next += 1;
                self.perform(deed)?;
            }
            Due::Up(id) => self.arrives(id, true)?,
            Due::Down(id) => self.arrives(id, false)?,
            Due::UpEnds(id) | Due::HostHears(id) => self.host_is_left(id)?,
            Due::DownEnds(id) | Due::ClientHears(id) => self.client_is_left(id)?,
            Due::Socket(id) => self.host_is_due(id)?,
            Due::Client(who) => self.client_is_due(who)?,
            Due::Session => self.host_times_out()?,
        }
        // To look and find nothing is no event.
        self.tally.steps -= self.idle - idle;
        self.oracle.look(self.now, &self.session)
    }

    fn arrives(&mut self, id: u64, upwards: bool) -> Checked {
        let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
        let who = wire.who;
        let breaks = if upwards { wire.up.arrive() } else { wire.down.arrive() };
        if breaks {
            wire.breaks(self.now);
            self.tally.broken += 1;
        }
        if upwards {
            self.host_reads(id)?;
        } else if self.people[who].wire() == Some(id) {
            self.client_reads(who)?;
            self.host_writes(id);
        }
        // What was read makes room for more.
        if self.people[who].wire() == Some(id) {
            self.client_says(who)?;
        }
        Ok(())
    }

    fn host_is_left(&mut self, id: u64) -> Checked {
        self.host_reads(id)?;
        self.host_loses(id)?;
        self.forget(id, true);
        Ok(())
    }

    fn client_is_left(&mut self, id: u64) -> Checked {
        let Some(wire) = self.wires.get(&id) else { return Ok(()) };
        let who = wire.who;
        if self.people[who].wire() == Some(id) {
            self.client_reads(who)?;
            // It may have gone on to another one while it read.
            if self.people[who].wire() == Some(id) {
                self.client_loses(who);
            }
        }
        self.forget(id, false);
        Ok(())
    }

    /// One end has seen the last of a line, and then the other.
    fn forget(&mut self, id: u64, by_host: bool) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if by_host {
            wire.host_hears = None;
            wire.up.close();
        } else {
            wire.client_hears = None;
            wire.down.close();
        }
        let held = self.people[wire.who].wire() == Some(id) || self.sockets.contains_key(&id);
        if !held {
            self.wires.remove(&id);
        }
    }

    fn perform(&mut self, deed: &Deed) -> Checked {
        match deed {
            Deed::Do(who, doing) => self.client_does(*who, doing),
            Deed::Suffer(who, fault) => self.suffer(*who, fault),
            Deed::Host(hosting) => self.host(hosting),
        }
    }

    fn suffer(&mut self, who: usize, fault: &Fault) -> Checked {
        let now = self.now;
        let after = |millis: &u64| now + Duration::from_millis(*millis);
        let wire = self.people[who].wire();
        let line = wire.and_then(|id| self.wires.get_mut(&id));
        match fault {
            Fault::Break { upwards, after, client_sees, host_sees } => {
                if let Some(line) = line {
                    line.will_break(*upwards, *after, (*client_sees, *host_sees));
                }
            }
            Fault::Stall(millis) => {
                if let Some(line) = line {
                    line.up.stall(after(millis));
                    line.down.stall(after(millis));
                }
            }
            Fault::StopReading(millis) => self.people[who].reads_from = after(millis),
            Fault::Sleep(millis) => self.people[who].sleeps_until = after(millis),
            Fault::Crash { keeps_token, away } => {
                self.crash(who, *keeps_token, Duration::from_millis(*away));
            }
            Fault::LosePatch => {
                if let Some(socket) = wire.and_then(|id| self.sockets.get_mut(&id)) {
                    socket.loses_patch = true;
                }
            }
            Fault::Thief(n) => return self.thief(*n),
        }
        Ok(())
    }

    fn thief(&mut self, n: usize) -> Checked {
        let dead = &self.oracle.dead;
        if dead.is_empty() {
            return Ok(());
        }
        let token = dead[n % dead.len()];
        let resume = Some(Resume { token, seq: None, answered: None });
        let hello = Hello { resume, ..room::hello("Thief") };
        let fresh = self.token();
        let (answer, _) =
            self.with_session(&Cause::Presence, |s, now| s.handle_hello(now, &hello, fresh))?;
        demand(answer.is_err(), "an old token does not work", String::new)
    }

    /// Nothing more is done and nothing more goes wrong; what is wrong is found
    /// by whoever it concerns, and all come to the same.
    fn calm_down(&mut self) -> Checked {
        for client in &mut self.people {
            client.sleeps_until = self.now;
            client.reads_from = self.now;
        }
        self.wires.values_mut().for_each(Wire::heal);
        // Silence is found out on both sides, what is lost is asked for.
        let patience = 4 * self.plan.session.idle_timeout + self.plan.session.resume_window;
        let deadline = self.now + patience;
        while !self.is_quiet() {
            self.step()?;
            for who in 0..self.people.len() {
                self.client_reads(who)?;
            }
            if self.now >= deadline {
                self.unheard()?;
                demand(false, "when it is quiet all come to the same", || self.unrest())?;
            }
        }
        for client in &self.people {
            let mirror = client.mirror.as_ref().expect("it is in");
            let (confirmed, predicted) = (mirror.confirmed(), mirror.predicted());
            let state = self.session.state();
            let same = confirmed == state && predicted == state;
            demand(same, "when it is quiet all snapshots are equal", || {
                format!("{:?} {:?}", state.patch_to(confirmed), state.patch_to(predicted))
            })?;
        }
        self.unheard()
    }

    fn is_quiet(&self) -> bool {
        self.unrest().is_empty() && self.unheard().is_ok()
    }

    fn unrest(&self) -> String {
        let seq = self.session.state().seq;
        let restless = self.people.iter().enumerate().filter_map(|(who, client)| {
            let mirror = client.mirror.as_ref();
            let current = mirror.is_some_and(|mirror| {
                mirror.confirmed().seq == seq
                    && mirror.session() == self.session.id()
                    && Arc::ptr_eq(mirror.confirmed(), mirror.predicted())
            });
            (!current || !client.is_settled()).then(|| {
                let at = mirror.map(|mirror| mirror.confirmed().seq);
                format!("participant {who} is {:?} at {at:?} of {seq}; ", client.stage)
            })
        });
        restless.collect()
    }
}

impl Tally {
    pub const fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.dispatched += other.dispatched;
        self.settled += other.settled;
        self.refused += other.refused;
        self.reported += other.reported;
        self.heard += other.heard;
        self.patches += other.patches;
        self.fulls += other.fulls;
        self.resumed += other.resumed;
        self.broken += other.broken;
    }
}
