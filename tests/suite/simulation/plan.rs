//! The plan of a run: actions and faults, with their times. It is derived from a
//! seed, and any of its steps can be left out.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use imbolc_net::{
    client::ClientConfig,
    protocol::{
        Role,
        framing::{Codec, Compression, Format},
    },
    studio::{NetworkAction, TransportAction},
    sync::session::SessionConfig,
    util::quantity::Ticks,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::rng::Rng;
use crate::studio::vocabulary;

/// Steps of a plan.
const STEPS: u64 = 800;

/// Number of lists of random actions. A list is expensive to generate, so that
/// plans share them; each plan chooses actions, times and participants itself.
const POOLS: u64 = 64;
const POOL: usize = 512;

/// The format of three runs of eight; the others use JSON.
const BINARY: Format = Format { codec: Codec::Postcard, compression: Some(Compression::Lz4) };

/// Everything that determines a run.
#[derive(Clone)]
pub struct Plan {
    pub seed: u64,
    pub session: SessionConfig,
    pub client: ClientConfig,
    /// The wire format of all connections.
    pub format: Format,
    pub participants: Vec<Participant>,
    pub steps: Vec<Step>,
    pub pool: Arc<Vec<NetworkAction>>,
}

/// A participant and its connection.
#[derive(Clone, Debug)]
pub struct Participant {
    /// One-way latency in microseconds.
    pub delay: u64,
    /// Upper limit of additional latency, in microseconds.
    pub jitter: u64,
    /// Bytes that a socket buffers before it blocks.
    pub buffer: usize,
    /// Uses undo. The knob of a participant that does not is checked for jumps.
    pub undoes: bool,
}

/// One event of the plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// Microseconds since the start of the run.
    pub at: u64,
    pub kind: StepKind,
}

#[derive(Clone, Debug)]
pub enum StepKind {
    /// A participant acts.
    Do(usize, UserAction),
    /// A fault hits a participant.
    Fault(usize, Fault),
    /// The host acts.
    Host(HostAction),
}

#[derive(Clone, Debug)]
pub enum UserAction {
    /// Dispatches the first action of the pool, from this index on, that is
    /// permitted.
    Act(usize),
    /// Dispatches this many actions of the pool as one, from the first index on at
    /// which they are permitted.
    Batch(usize, usize),
    /// Plays a key on its own instrument.
    Play(u8),
    /// Turns its own knob, always upwards.
    Sweep,
    Undo,
    Redo,
    Claim(u32),
    Release(u32),
    RequestPrivilege,
    ReleasePrivilege,
    RequestFullSync,
    /// Leaves, and returns after this many milliseconds.
    Goodbye(u64),
}

#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection breaks after this many bytes in one direction.
    Break { upwards: bool, after: usize, client_sees: bool, host_sees: bool },
    /// Nothing arrives for this many milliseconds, then everything does.
    Stall(u64),
    /// The client does not read for this many milliseconds, but runs.
    StopReading(u64),
    /// The client does nothing for this many milliseconds.
    Sleep(u64),
    /// The client loses its state, and possibly its token.
    Crash { keeps_token: bool, away: u64 },
    /// The host's next patch is dropped, which TCP would never do.
    LosePatch,
    /// Another party presents an expired token of this participant.
    Thief(usize),
}

#[derive(Clone, Debug)]
pub enum HostAction {
    Act(usize),
    /// As a participant's.
    Batch(usize, usize),
    Undo,
    Redo,
    Claim(u32),
    Release(u32),
    /// Takes the privilege back.
    Revoke,
    ReleasePrivilege,
    /// The engine reports an event, such as a loaded project.
    Engine(usize),
    Transport(TransportAction),
    /// The engine does what it was told.
    EngineWorks,
    /// Too much waits for the engine.
    EngineOverrun,
    /// The session hears what the engine says.
    EngineIsHeard,
    /// Makes a participant a viewer, or a player.
    SetRole(usize, Role),
    /// Removes a participant.
    Remove(usize),
    /// Admits all removed keys again.
    Readmit,
    /// Frees what a participant owns, if it is away.
    Free(usize),
    /// The session ends and another begins.
    Restart,
    /// The host is stopped for this many milliseconds: it reads, writes and times
    /// nothing, while connections and bytes queue.
    Pause(u64),
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let participants: Vec<_> =
            (0..rng.between(2, 6)).map(|_| Participant::random(&mut rng)).collect();
        // Half of the plans are calm, to cover the normal case too.
        let trouble = rng.pick(&[2, 6, 12, 25]);
        let restarts = rng.percent(20);
        let mut at = 0;
        let mut steps = Vec::new();
        for _ in 0..STEPS {
            at += match rng.below(100) {
                0..70 => rng.below(10_000),
                70..97 => rng.below(80_000),
                _ => rng.below(2_500_000),
            };
            let kind = kind(&mut rng, &participants, trouble, restarts);
            steps.push(Step { at, kind });
        }
        Self {
            seed,
            session: SessionConfig { attended: seed % 4 != 2, ..session(&mut rng) },
            client: client(),
            format: if [1, 3, 6].contains(&(seed % 8)) { BINARY } else { Format::default() },
            participants,
            steps,
            pool: pool(seed % POOLS),
        }
    }
}

/// Timeouts are about five times shorter than the defaults, to spend less time
/// on waiting; limits are smaller, so that they are reached.
fn session(rng: &mut Rng) -> SessionConfig {
    SessionConfig {
        heartbeat_interval: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(3),
        resume_window: Duration::from_secs(12),
        privilege_hold: Duration::from_secs(3),
        full_sync_interval: Duration::from_secs(rng.pick(&[6, 30, 300])),
        max_answers: 12,
        max_unacknowledged: 8,
        max_rejections: 48,
        base_fresh_for: Duration::from_secs(1),
        base_spacing: Duration::from_millis(100),
        max_bases: rng.pick(&[24, 1024]),
        ..SessionConfig::default()
    }
}

fn client() -> ClientConfig {
    ClientConfig {
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(3),
        ping_interval: Duration::from_secs(1),
        initial_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(1),
        backlog: 48,
        ..ClientConfig::default()
    }
}

impl Plan {
    /// `length` actions of the pool, from `start` on.
    pub fn batch(&self, start: usize, length: usize) -> Vec<NetworkAction> {
        self.pool.iter().cycle().skip(start).take(length).cloned().collect()
    }
}

impl Participant {
    fn random(rng: &mut Rng) -> Self {
        let delay = rng.pick(&[100, 2_000, 20_000, 150_000]);
        Self {
            delay,
            jitter: rng.pick(&[1, delay / 2, delay * 3]),
            // The buffer must hold enough in flight for a handshake to complete
            // in time.
            buffer: if delay > 100_000 { 150_000 } else { rng.pick(&[10_000, 40_000, 200_000]) },
            undoes: rng.percent(60),
        }
    }
}

fn kind(rng: &mut Rng, participants: &[Participant], trouble: u64, restarts: bool) -> StepKind {
    let index = rng.index(participants.len());
    if rng.percent(trouble) {
        StepKind::Fault(index, fault(rng))
    } else if rng.percent(12) {
        StepKind::Host(hosting(rng, restarts))
    } else if rng.percent(15) {
        StepKind::Host(playing(rng))
    } else {
        StepKind::Do(index, action(rng, participants[index].undoes))
    }
}

fn action(rng: &mut Rng, undoes: bool) -> UserAction {
    match rng.below(100) {
        0..39 => UserAction::Act(rng.index(POOL)),
        39..45 => UserAction::Batch(rng.index(POOL), rng.index(4)),
        45..52 => UserAction::Play(rng.pick(&[60, 61, 62])),
        52..76 => UserAction::Sweep,
        76..82 if undoes => UserAction::Undo,
        82..85 if undoes => UserAction::Redo,
        76..91 => UserAction::Claim(instrument(rng)),
        91..94 => UserAction::Release(instrument(rng)),
        94..97 => UserAction::RequestPrivilege,
        97 => UserAction::ReleasePrivilege,
        98 => UserAction::RequestFullSync,
        _ => UserAction::Goodbye(rng.below(3_000)),
    }
}

fn hosting(rng: &mut Rng, restarts: bool) -> HostAction {
    match rng.below(100) {
        0..4 => HostAction::SetRole(rng.index(8), Role::Viewer),
        4..10 => HostAction::SetRole(rng.index(8), Role::Player),
        10..12 => HostAction::Remove(rng.index(8)),
        12..15 => HostAction::Readmit,
        15..18 => HostAction::Free(rng.index(8)),
        18..40 => HostAction::Act(rng.index(POOL)),
        40..50 => HostAction::Batch(rng.index(POOL), 1 + rng.index(4)),
        50..58 => HostAction::Undo,
        58..62 => HostAction::Redo,
        62..72 => HostAction::Claim(instrument(rng)),
        72..80 => HostAction::Release(instrument(rng)),
        80..88 => HostAction::Revoke,
        88..95 => HostAction::ReleasePrivilege,
        95..97 => HostAction::Engine(rng.index(POOL)),
        97 => HostAction::Pause(millis(rng)),
        _ if restarts => HostAction::Restart,
        _ => HostAction::Undo,
    }
}

fn playing(rng: &mut Rng) -> HostAction {
    match rng.below(100) {
        0..15 => HostAction::Transport(TransportAction::Play),
        15..30 => HostAction::Transport(TransportAction::Stop),
        30..40 => {
            let position = Ticks::of(rng.pick(&[0, 480, 4_800]));
            HostAction::Transport(TransportAction::Locate(position))
        }
        40..75 => HostAction::EngineWorks,
        75..78 => HostAction::EngineOverrun,
        _ => HostAction::EngineIsHeard,
    }
}

fn fault(rng: &mut Rng) -> Fault {
    match rng.below(100) {
        0..45 => Fault::Break {
            upwards: rng.percent(50),
            after: usize::try_from(rng.pick(&[1, 40, 400, 4_000])).unwrap() + rng.index(200),
            client_sees: rng.percent(60),
            host_sees: rng.percent(60),
        },
        45..55 => Fault::Stall(millis(rng)),
        55..67 => Fault::StopReading(millis(rng)),
        67..76 => Fault::Sleep(millis(rng)),
        76..88 => Fault::Crash { keeps_token: rng.percent(70), away: millis(rng) },
        88..94 => Fault::LosePatch,
        _ => Fault::Thief(rng.index(16)),
    }
}

/// Mostly short, sometimes longer than the idle timeout or the resume window.
fn millis(rng: &mut Rng) -> u64 {
    let most = rng.pick(&[100, 500, 2_000, 5_000, 16_000]);
    rng.below(most)
}

fn instrument(rng: &mut Rng) -> u32 {
    u32::try_from(rng.below(7)).unwrap()
}

fn pool(number: u64) -> Arc<Vec<NetworkAction>> {
    static POOLS: Mutex<BTreeMap<u64, Arc<Vec<NetworkAction>>>> = Mutex::new(BTreeMap::new());
    let mut pools = POOLS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Arc::clone(pools.entry(number).or_insert_with(|| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let action = vocabulary::action();
        Arc::new((0..POOL).map(|_| action.new_tree(&mut runner).unwrap().current()).collect())
    }))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, participant) in self.participants.iter().enumerate() {
            writeln!(f, "  {index}: {participant:?}")?;
        }
        for Step { at, kind } in &self.steps {
            write!(f, "  {:>10} µs  {kind:?}", at)?;
            match kind {
                StepKind::Do(_, UserAction::Act(n))
                | StepKind::Host(HostAction::Act(n) | HostAction::Engine(n)) => {
                    writeln!(f, ", from {:?}", self.pool[*n])?;
                }
                _ => writeln!(f)?,
            }
        }
        Ok(())
    }
}
