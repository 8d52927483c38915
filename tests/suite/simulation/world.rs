//! The simulated network, its clock, and the order of events. A run depends on
//! its plan only: there is no other clock and no other source of randomness.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{Hello, Resume, SessionId, SessionToken},
    studio::{Name, NetworkAction, SourceKind, Studio, StudioState},
    sync::session::{Credentials, Session},
    util::time::Timestamp,
};

use super::{
    client::Client,
    engine::DelayedEngine,
    host::Socket,
    mirror_checks::OwnershipRequest,
    network::Wire,
    oracle::{Cause, Checked, Oracle, ensure},
    participant::own,
    plan::{Fault, Plan, Step, StepKind},
    rigged::{self, Rigged},
    rng::Rng,
};
use crate::{every_action, harness, studio::vocabulary};

/// Counters of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunStats {
    /// Events: steps of the plan, arrivals, timers.
    pub steps: u64,
    pub dispatched: u64,
    pub settled: u64,
    pub refused: u64,
    pub reported: u64,
    pub received: u64,
    pub patches: u64,
    pub fulls: u64,
    pub resumed: u64,
    pub broken: u64,
    pub batches: u64,
    /// Panics of the model that were caught.
    pub panics: u64,
    /// What the engine said of a transport that had moved on.
    pub late: u64,
    /// Places that a program took over because it did not remember them.
    pub taken_over: u64,
    /// Participants that the host removed.
    pub removed: u64,
    /// What viewers sent and was refused.
    pub viewers: u64,
}

pub struct World<'a> {
    pub plan: &'a Plan,
    pub rng: Rng,
    pub now: Timestamp,
    next: usize,
    pub session: Session<Rigged>,
    /// When its timers are due.
    pub session_due: Option<Timestamp>,
    pub sessions: u8,
    /// Since when the host is stopped, and until when.
    pub host_paused: Option<(Timestamp, Timestamp)>,
    pub sockets: BTreeMap<u64, Socket>,
    pub wires: BTreeMap<u64, Wire>,
    opened: u64,
    tokens: u128,
    pub clients: Vec<Client>,
    pub oracle: Oracle,
    pub engine: DelayedEngine,
    pub ownership_requests: BTreeMap<InstrumentId, OwnershipRequest>,
    pub tags: u32,
    /// Polls that found nothing to send, which do not count as events.
    pub idle: u64,
    pub stats: RunStats,
}

/// A kind of event.
#[derive(Clone, Copy)]
enum Due {
    Plan,
    Up(u64),
    Down(u64),
    UpEnds(u64),
    DownEnds(u64),
    ClientSeesBreak(u64),
    HostSeesBreak(u64),
    Socket(u64),
    Client(usize),
    Session,
    HostWakes,
}

/// The initial state: the property tests' studio, and a knob for each
/// participant.
pub fn initial(plan: &Plan) -> StudioState {
    let mut state = vocabulary::at_work();
    for index in 0..plan.participants.len() {
        let name = Name::new("Swept").unwrap();
        let add =
            NetworkAction::AddInstrument { id: own(index), name, source: SourceKind::Oscillator };
        Studio::reduce(&mut state, &add).unwrap();
    }
    if plan.seed.is_multiple_of(2) {
        // The music ends after a second.
        for json in [
            r#"{"Clip":[1000,{"Create":{"clip":0,"name":"Verse","length":960}}]}"#,
            r#"{"Placement":[1000,{"Place":{"placement":0,"clip":0,"tick":0}}]}"#,
            r#"{"Arrangement":{"Play":"Arrangement"}}"#,
            r#"{"Arrangement":{"AtEnd":"Stop"}}"#,
        ] {
            Studio::reduce(&mut state, &every_action::read(json)).unwrap();
        }
    }
    state
}

/// Runs a plan to its end, then lets the network heal.
///
/// # Errors
/// Returns the first rule that is broken.
pub fn run_plan(plan: &Plan) -> Checked<RunStats> {
    let mut world = World::new(plan);
    let panics = rigged::panics();
    while world.next < plan.steps.len() {
        world.step()?;
    }
    world.settle()?;
    world.stats.panics = rigged::panics() - panics;
    Ok(world.stats)
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> Self {
        let id = SessionId::new([0; 16]);
        let session = Session::hosted(plan.session.clone(), id, "host", initial(plan));
        let oracle = Oracle::new(&plan.session, session.state());
        let engine = DelayedEngine::new(session.state());
        let clients =
            (0..plan.participants.len()).map(|index| Client::new(index, Timestamp::ZERO)).collect();
        Self {
            plan,
            rng: Rng::new(!plan.seed),
            now: Timestamp::ZERO,
            next: 0,
            session,
            session_due: None,
            sessions: 0,
            host_paused: None,
            sockets: BTreeMap::new(),
            wires: BTreeMap::new(),
            opened: 0,
            tokens: 0,
            clients,
            oracle,
            engine,
            ownership_requests: BTreeMap::new(),
            tags: 1_000_000,
            idle: 0,
            stats: RunStats::default(),
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

    /// The next event and its time. Ties are broken in a fixed order.
    fn due(&self) -> (Timestamp, Due) {
        let idle_timeout = self.plan.client.idle_timeout;
        let wakes = self.host_paused.map(|(_, until)| until);
        let asleep_host = wakes.unwrap_or_default();
        let plan = self.plan.steps.get(self.next);
        let plan = plan.map(|step| (Timestamp::from_micros(step.at), Due::Plan));
        let wires = self.wires.iter().flat_map(|(&id, wire)| {
            let client = &self.clients[wire.index];
            let asleep = if client.wire() == Some(id) { client.sleeps_until } else { self.now };
            [
                wire.up.due().map(|at| (at, Due::Up(id))),
                wire.down.due().map(|at| (at, Due::Down(id))),
                wire.up.end_due().map(|at| (at.max(asleep_host), Due::UpEnds(id))),
                wire.down.end_due().map(|at| (at.max(asleep), Due::DownEnds(id))),
                wire.client_sees_break.map(|at| (at.max(asleep), Due::ClientSeesBreak(id))),
                wire.host_sees_break.map(|at| (at.max(asleep_host), Due::HostSeesBreak(id))),
            ]
            .into_iter()
            .flatten()
        });
        let sockets = self.sockets.iter();
        let sockets = sockets
            .filter_map(|(&id, socket)| Some((socket.due()?.max(asleep_host), Due::Socket(id))));
        let clients = self.clients.iter().enumerate();
        let clients = clients.map(|(index, client)| (client.due(idle_timeout), Due::Client(index)));
        let session = self.session_due.map(|at| (at.max(asleep_host), Due::Session));
        let wakes = wakes.map(|at| (at, Due::HostWakes));
        wakes
            .into_iter()
            .chain(plan)
            .chain(wires)
            .chain(sockets)
            .chain(clients)
            .chain(session)
            .min_by_key(|(at, _)| *at)
            .expect("every participant has something to wait for")
    }

    /// Performs the next event.
    fn step(&mut self) -> Checked {
        let (at, due) = self.due();
        self.now = self.now.max(at);
        self.stats.steps += 1;
        let idle = self.idle;
        match due {
            Due::Plan => {
                let Step { kind, .. } = &self.plan.steps[self.next];
                self.next += 1;
                self.perform(kind)?;
            }
            Due::Up(id) => self.arrives(id, true)?,
            Due::Down(id) => self.arrives(id, false)?,
            Due::UpEnds(id) | Due::HostSeesBreak(id) => self.host_sees_end(id)?,
            Due::DownEnds(id) | Due::ClientSeesBreak(id) => self.client_sees_end(id)?,
            Due::Socket(id) => self.host_is_due(id)?,
            Due::Client(index) => self.client_is_due(index)?,
            Due::Session => self.host_times_out()?,
            Due::HostWakes => self.host_wakes()?,
        }
        // A poll that found nothing to send is no event.
        self.stats.steps -= self.idle - idle;
        if self.host_is_stopped() {
            return Ok(());
        }
        self.oracle.check_invariants(self.now, &self.session)
    }

    fn arrives(&mut self, id: u64, upwards: bool) -> Checked {
        let Some(wire) = self.wires.get_mut(&id) else { return Ok(()) };
        let index = wire.index;
        let breaks = if upwards { wire.up.arrive() } else { wire.down.arrive() };
        if breaks {
            wire.breaks(self.now);
            self.stats.broken += 1;
        }
        if upwards {
            self.host_reads(id)?;
        } else if self.clients[index].wire() == Some(id) {
            self.client_reads(index)?;
            self.host_writes(id);
        }
        // Reading makes room for more.
        if self.clients[index].wire() == Some(id) {
            self.client_sends(index)?;
        }
        Ok(())
    }

    pub fn host_sees_end(&mut self, id: u64) -> Checked {
        self.host_reads(id)?;
        self.host_loses(id)?;
        self.release_wire(id, true);
        Ok(())
    }

    fn client_sees_end(&mut self, id: u64) -> Checked {
        let Some(wire) = self.wires.get(&id) else { return Ok(()) };
        let index = wire.index;
        if self.clients[index].wire() == Some(id) {
            self.client_reads(index)?;
            // It may have reconnected while it read.
            if self.clients[index].wire() == Some(id) {
                self.client_loses(index);
            }
        }
        self.release_wire(id, false);
        Ok(())
    }

    /// One end is done with a connection; the connection goes when both are.
    fn release_wire(&mut self, id: u64, by_host: bool) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if by_host {
            wire.host_sees_break = None;
            wire.up.close();
        } else {
            wire.client_sees_break = None;
            wire.down.close();
        }
        let held = self.clients[wire.index].wire() == Some(id) || self.sockets.contains_key(&id);
        if !held {
            self.wires.remove(&id);
        }
    }

    fn perform(&mut self, kind: &StepKind) -> Checked {
        match kind {
            StepKind::Do(index, action) => self.perform_user_action(*index, action),
            StepKind::Fault(index, fault) => self.inject_fault(*index, fault),
            StepKind::Host(hosting) => self.perform_host_action(hosting),
        }
    }

    fn inject_fault(&mut self, index: usize, fault: &Fault) -> Checked {
        let now = self.now;
        let after = |millis: &u64| now + Duration::from_millis(*millis);
        let wire = self.clients[index].wire();
        let line = wire.and_then(|id| self.wires.get_mut(&id));
        match fault {
            Fault::Break { upwards, after, client_sees, host_sees } => {
                if let Some(line) = line {
                    line.schedule_break(*upwards, *after, (*client_sees, *host_sees));
                }
            }
            Fault::Stall(millis) => {
                if let Some(line) = line {
                    line.up.stall(after(millis));
                    line.down.stall(after(millis));
                }
            }
            Fault::StopReading(millis) => self.clients[index].reads_from = after(millis),
            Fault::Sleep(millis) => self.clients[index].sleeps_until = after(millis),
            Fault::Crash { keeps_token, away } => {
                self.crash(index, *keeps_token, Duration::from_millis(*away));
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
        if dead.is_empty() || self.host_is_stopped() {
            return Ok(());
        }
        let token = dead[n % dead.len()];
        let resume = Some(Resume {
            token: Some(token),
            client_id: None,
            seq: None,
            answered: None,
            history: 0,
        });
        let hello = Hello { resume, ..harness::hello("Thief") };
        let fresh = self.token();
        let (answer, _) = self.with_session(&Cause::Presence, |s, now| {
            s.handle_hello(now, &hello, Credentials::plain(fresh))
        })?;
        ensure(answer.is_err(), "an expired token is rejected", String::new)?;
        self.thief_of_a_key(n)
    }

    /// Another key, and a plain client, name the instance of a client with a key.
    fn thief_of_a_key(&mut self, n: usize) -> Checked {
        let Some(&(_, instance)) = self.oracle.places.keys().nth(n) else { return Ok(()) };
        let resume = Resume { token: None, client_id: None, seq: None, answered: None, history: 0 };
        let (instance, resume) = (Some(instance), Some(resume));
        let hello = Hello { instance, resume, attempt: u64::MAX, ..harness::hello("Thief") };
        let plain = Credentials::plain(self.token());
        for credentials in [plain, Credentials::proven(harness::key(99))] {
            let (answer, _) = self.with_session(&Cause::Presence, |s, now| {
                s.handle_hello(now, &hello, credentials)
            })?;
            ensure(answer.is_err(), "only its key gets a place", String::new)?;
        }
        Ok(())
    }

    /// No more actions and no more faults: every party detects what is wrong,
    /// recovers, and reaches the same state.
    fn settle(&mut self) -> Checked {
        for client in &mut self.clients {
            client.sleeps_until = self.now;
            client.reads_from = self.now;
        }
        self.wires.values_mut().for_each(Wire::heal);
        self.host_paused = self.host_paused.map(|(since, _)| (since, self.now));
        self.readmit_all();
        // Long enough for both sides to time out and to resume.
        let patience = 4 * self.plan.session.idle_timeout + self.plan.session.resume_window;
        let deadline = self.now + patience;
        while !self.is_settled() {
            self.step()?;
            for index in 0..self.clients.len() {
                self.client_reads(index)?;
            }
            if !self.engine.is_idle() {
                self.engine_works();
                self.engine_is_heard()?;
            }
            if self.now >= deadline {
                self.check_requests_answered()?;
                ensure(false, "all participants converge", || self.unsettled())?;
            }
        }
        self.engine_is_heard()?;
        for client in &self.clients {
            let mirror = client.mirror.as_ref().expect("every client is connected");
            let (confirmed, predicted) = (mirror.confirmed(), mirror.predicted());
            let state = self.session.state();
            let same = confirmed == state && predicted == state;
            ensure(same, "all snapshots are equal at the end", || {
                format!("{:?} {:?}", state.patch_to(confirmed), state.patch_to(predicted))
            })?;
        }
        self.check_requests_answered()
    }

    fn is_settled(&self) -> bool {
        self.engine.is_idle()
            && self.unsettled().is_empty()
            && self.check_requests_answered().is_ok()
    }

    fn unsettled(&self) -> String {
        let seq = self.session.state().seq;
        let restless = self.clients.iter().enumerate().filter_map(|(index, client)| {
            let mirror = client.mirror.as_ref();
            let current = mirror.is_some_and(|mirror| {
                mirror.confirmed().seq == seq
                    && mirror.session() == self.session.id()
                    && Arc::ptr_eq(mirror.confirmed(), mirror.predicted())
            });
            (!current || !client.is_settled()).then(|| {
                let at = mirror.map(|mirror| mirror.confirmed().seq);
                format!("participant {index} is {:?} at {at:?} of {seq}; ", client.stage)
            })
        });
        restless.collect()
    }
}

impl RunStats {
    pub const fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.dispatched += other.dispatched;
        self.settled += other.settled;
        self.refused += other.refused;
        self.reported += other.reported;
        self.received += other.received;
        self.patches += other.patches;
        self.fulls += other.fulls;
        self.resumed += other.resumed;
        self.broken += other.broken;
        self.batches += other.batches;
        self.panics += other.panics;
        self.late += other.late;
        self.taken_over += other.taken_over;
        self.removed += other.removed;
        self.viewers += other.viewers;
    }
}
