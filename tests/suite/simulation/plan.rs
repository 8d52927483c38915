//! What happens in a run: who does what and what goes wrong, and when.
//! All of it comes from a seed, and any part of it can be left out.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use imbolc_net::{
    client::ClientConfig,
    protocol::framing::{Codec, Compression, Format},
    studio::NetworkAction,
    sync::session::SessionConfig,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::dice::Dice;
use crate::studio::vocabulary;

/// How many steps a plan has.
const STEPS: u64 = 800;

/// How many lists of random actions there are. A list is dear to make, and
/// which of its actions are done, when and by whom, is another matter.
const POOLS: u64 = 64;
const POOL: usize = 512;

/// What is spoken in three runs of eight; in the others it is JSON.
const BINARY: Format = Format { codec: Codec::Postcard, compression: Some(Compression::Lz4) };

/// A run, but for what comes of it.
#[derive(Clone)]
pub struct Plan {
    pub seed: u64,
    pub session: SessionConfig,
    pub client: ClientConfig,
    /// What everybody speaks.
    pub format: Format,
    pub people: Vec<Person>,
    pub steps: Vec<Step>,
    pub pool: Arc<Vec<NetworkAction>>,
}

/// Somebody who takes part, and what the line is like.
#[derive(Clone, Debug)]
pub struct Person {
    /// One way, in microseconds.
    pub delay: u64,
    /// What may be added to that.
    pub jitter: u64,
    /// How many bytes a socket takes before it blocks.
    pub buffer: usize,
    /// Undoes things. Who does not is watched while it turns a knob.
    pub undoes: bool,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// Microseconds since the run began.
    pub at: u64,
    pub deed: Deed,
}

#[derive(Clone, Debug)]
pub enum Deed {
    /// A participant does something.
    Do(usize, Doing),
    /// Something happens to a participant.
    Suffer(usize, Fault),
    /// The host does something.
    Host(Hosting),
}

#[derive(Clone, Debug)]
pub enum Doing {
    /// The first of the actions from this one on that it may do.
    Act(usize),
    /// A key of its own instrument.
    Play(u8),
    /// Turns a knob that nobody else turns, always to the right.
    Sweep,
    Undo,
    Redo,
    Claim(u32),
    Release(u32),
    AskForPrivilege,
    GivePrivilegeUp,
    AskForEverything,
    /// Leaves, and is back after so many milliseconds.
    Goodbye(u64),
}

#[derive(Clone, Debug)]
pub enum Fault {
    /// The line breaks after so many more bytes in one direction.
    Break { upwards: bool, after: usize, client_sees: bool, host_sees: bool },
    /// Nothing arrives for so many milliseconds, and then all of it.
    Stall(u64),
    /// The client does not read for so long, but is alive.
    StopReading(u64),
    /// The client does nothing at all for so long.
    Sleep(u64),
    /// The client forgets everything, but perhaps its token.
    Crash { keeps_token: bool, away: u64 },
    /// The host's next patch is lost, as no TCP would lose it.
    LosePatch,
    /// Somebody comes with a token of this participant that was used up.
    Thief(usize),
}

#[derive(Clone, Debug)]
pub enum Hosting {
    Act(usize),
    Undo,
    Redo,
    Claim(u32),
    Release(u32),
    /// Takes the privilege, whoever has it.
    Revoke,
    GivePrivilegeUp,
    /// The engine reports something, e.g. that a project was loaded.
    Engine(usize),
    /// The session ends and another begins.
    Restart,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let people: Vec<_> = (0..dice.between(2, 6)).map(|_| Person::random(&mut dice)).collect();
        // Half of the plans are calm, so that it can be seen that a jam is.
        let trouble = dice.pick(&[2, 6, 12, 25]);
        let restarts = dice.percent(20);
        let mut at = 0;
        let mut steps = Vec::new();
        for _ in 0..STEPS {
            at += match dice.below(100) {
                0..70 => dice.below(10_000),
                70..97 => dice.below(80_000),
                _ => dice.below(2_500_000),
            };
            let deed = deed(&mut dice, &people, trouble, restarts);
            steps.push(Step { at, deed });
        }
        Self {
            seed,
            session: session(&mut dice),
            client: client(),
            format: if [1, 3, 6].contains(&(seed % 8)) { BINARY } else { Format::default() },
            people,
            steps,
            pool: pool(seed % POOLS),
        }
    }
}

/// Everything is some five times quicker than in a jam, so that less time is
/// spent on waiting, and keeps less, so that what is kept overflows.
fn session(dice: &mut Dice) -> SessionConfig {
    SessionConfig {
        heartbeat_interval: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(3),
        resume_window: Duration::from_secs(12),
        full_sync_interval: Duration::from_secs(dice.pick(&[6, 30, 300])),
        max_answers: 12,
        max_unacknowledged: 8,
        max_rejections: 48,
        base_fresh_for: Duration::from_secs(1),
        base_spacing: Duration::from_millis(100),
        max_bases: dice.pick(&[24, 1024]),
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

impl Person {
    fn random(dice: &mut Dice) -> Self {
        let delay = dice.pick(&[100, 2_000, 20_000, 150_000]);
        Self {
            delay,
            jitter: dice.pick(&[1, delay / 2, delay * 3]),
            // What is on its way at once must be enough to come in, in time.
            buffer: if delay > 100_000 { 150_000 } else { dice.pick(&[10_000, 40_000, 200_000]) },
            undoes: dice.percent(60),
        }
    }
}

fn deed(dice: &mut Dice, people: &[Person], trouble: u64, restarts: bool) -> Deed {
    let who = dice.index(people.len());
    if dice.percent(trouble) {
        Deed::Suffer(who, fault(dice))
    } else if dice.percent(12) {
        Deed::Host(hosting(dice, restarts))
    } else {
        Deed::Do(who, doing(dice, people[who].undoes))
    }
}

fn doing(dice: &mut Dice, undoes: bool) -> Doing {
    match dice.below(100) {
        0..45 => Doing::Act(dice.index(POOL)),
        45..52 => Doing::Play(dice.pick(&[60, 61, 62])),
        52..76 => Doing::Sweep,
        76..82 if undoes => Doing::Undo,
        82..85 if undoes => Doing::Redo,
        76..91 => Doing::Claim(instrument(dice)),
        91..94 => Doing::Release(instrument(dice)),
        94..97 => Doing::AskForPrivilege,
        97 => Doing::GivePrivilegeUp,
        98 => Doing::AskForEverything,
        _ => Doing::Goodbye(dice.below(3_000)),
    }
}

fn hosting(dice: &mut Dice, restarts: bool) -> Hosting {
    match dice.below(100) {
        0..50 => Hosting::Act(dice.index(POOL)),
        50..58 => Hosting::Undo,
        58..62 => Hosting::Redo,
        62..72 => Hosting::Claim(instrument(dice)),
        72..80 => Hosting::Release(instrument(dice)),
        80..88 => Hosting::Revoke,
        88..95 => Hosting::GivePrivilegeUp,
        95..98 => Hosting::Engine(dice.index(POOL)),
        _ if restarts => Hosting::Restart,
        _ => Hosting::Undo,
    }
}

fn fault(dice: &mut Dice) -> Fault {
    match dice.below(100) {
        0..45 => Fault::Break {
            upwards: dice.percent(50),
            after: usize::try_from(dice.pick(&[1, 40, 400, 4_000])).unwrap() + dice.index(200),
            client_sees: dice.percent(60),
            host_sees: dice.percent(60),
        },
        45..55 => Fault::Stall(millis(dice)),
        55..67 => Fault::StopReading(millis(dice)),
        67..76 => Fault::Sleep(millis(dice)),
        76..88 => Fault::Crash { keeps_token: dice.percent(70), away: millis(dice) },
        88..94 => Fault::LosePatch,
        _ => Fault::Thief(dice.index(16)),
    }
}

/// Mostly short, sometimes as long as it takes to be noticed, or to be gone.
fn millis(dice: &mut Dice) -> u64 {
    let most = dice.pick(&[100, 500, 2_000, 5_000, 16_000]);
    dice.below(most)
}

fn instrument(dice: &mut Dice) -> u32 {
    u32::try_from(dice.below(7)).unwrap()
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
        for (who, person) in self.people.iter().enumerate() {
            writeln!(f, "  {who}: {person:?}")?;
        }
        for Step { at, deed } in &self.steps {
            write!(f, "  {:>10} µs  {deed:?}", at)?;
            match deed {
                Deed::Do(_, Doing::Act(n)) | Deed::Host(Hosting::Act(n) | Hosting::Engine(n)) => {
                    writeln!(f, ", from {:?}", self.pool[*n])?;
                }
                _ => writeln!(f)?,
            }
        }
        Ok(())
    }
}
