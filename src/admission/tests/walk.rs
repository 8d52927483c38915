//! A random walk beside an oracle that restates the rules in its own way.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AdmissionConfig, AdmissionControl, AdmissionOutput, AdmissionPolicy, IpAddr, SECOND,
    StrangerId, Timestamp, Verdict, WORDS, code, lan, public_key,
};

/// A `SplitMix64` generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Doing {
    Handshake,
    Code { generation: u8 },
    Question,
    Told,
}

#[derive(Clone, Copy)]
struct Connection {
    ip: Option<IpAddr>,
    key: Option<u16>,
    doing: Doing,
    ends_by: Timestamp,
}

#[derive(Default)]
struct Oracle {
    open: BTreeMap<StrangerId, Connection>,
    known: BTreeSet<u16>,
    guests: BTreeSet<u16>,
    removed: BTreeSet<u16>,
    generation: u8,
    wrong: BTreeMap<Option<IpAddr>, usize>,
    opened: BTreeSet<StrangerId>,
    answered: BTreeSet<StrangerId>,
}

impl Oracle {
    fn may_enter(&self, config: &AdmissionConfig, connection: &Connection) -> bool {
        let is_own = connection.ip.is_none_or(|ip| ip.is_loopback());
        let is_open = config.policy == AdmissionPolicy::Open || (is_own && config.local_exemption);
        match connection.key {
            None => is_open,
            Some(key) if self.removed.contains(&key) => false,
            Some(key) => is_open || self.known.contains(&key) || self.guests.contains(&key),
        }
    }

    fn may_guess(&self, ip: Option<IpAddr>, generation: u8) -> bool {
        generation == self.generation
            && self.wrong.get(&ip).is_none_or(|wrong| *wrong < 5)
            && self.wrong.values().sum::<usize>() < 30
    }

    fn set(&mut self, id: StrangerId, doing: Doing, ends_by: Timestamp) {
        if let Some(connection) = self.open.get_mut(&id) {
            (connection.doing, connection.ends_by) = (doing, ends_by);
        }
    }

    fn new_code(&mut self) {
        self.generation += 1;
        self.wrong.clear();
    }

    /// What holds whenever the control has nothing left to do.
    fn check(&self, now: Timestamp) {
        let count = |is: fn(&Doing) -> bool| {
            self.open.values().filter(|connection| is(&connection.doing)).count()
        };
        assert!(count(|doing| matches!(doing, Doing::Code { .. })) <= 32);
        let questions: Vec<_> =
            self.open.values().filter(|other| other.doing == Doing::Question).collect();
        assert!(questions.len() <= 8);
        let addresses: BTreeSet<_> = questions.iter().map(|question| question.ip).collect();
        let keys: BTreeSet<_> = questions.iter().map(|question| question.key).collect();
        assert_eq!((addresses.len(), keys.len()), (questions.len(), questions.len()));
        assert!(self.open.len() <= 128 + 128 + 32 + 8);
        let late = self.open.values().find(|connection| connection.ends_by < now);
        assert!(late.is_none(), "{:?}", late.map(|late| late.doing));
    }
}

struct Walk {
    dice: Dice,
    config: AdmissionConfig,
    control: AdmissionControl,
    oracle: Oracle,
    now: Timestamp,
    /// How often each of these has happened: admitted, refused, guessed, evicted.
    seen: [usize; 4],
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let policies = [AdmissionPolicy::Open, AdmissionPolicy::Code, AdmissionPolicy::Ask];
        let config = AdmissionConfig {
            policy: policies[usize::try_from(seed % 3).unwrap()],
            local_exemption: dice.below(2) == 0,
            attended: dice.below(4) > 0,
            ..AdmissionConfig::default()
        };
        let control = AdmissionControl::new(config, code(0), vec![]);
        let now = Timestamp::from_micros(1);
        Self { dice, config, control, oracle: Oracle::default(), now, seen: [0; 4] }
    }

    fn step(&mut self) {
        let now = self.now;
        let index = self.dice.below(self.oracle.open.len().max(1) as u64);
        let picked = self.oracle.open.iter().nth(usize::try_from(index).unwrap());
        let Some((id, connection)) = picked.map(|(id, connection)| (*id, *connection)) else {
            return self.connect();
        };
        let other_key = u16::try_from(self.dice.below(12)).unwrap();
        let is_sensible = self.dice.below(100) < 85;
        let roll = self.dice.below(100);
        match if is_sensible { self.sensible(id, connection, roll) } else { roll } {
            0 if self.dice.below(8) == 0 => (0..150).for_each(|_| self.connect()),
            0..25 => self.connect(),
            25..35 => {
                let outcome = self.control.opening(now, id);
                self.refused_if(id, outcome.is_err());
                self.oracle.opened.insert(id);
            }
            35..50 => self.prove_key(id, connection, other_key),
            50..58 => self.hello(id, connection),
            58..68 => self.begin_code(id),
            68..78 => self.confirm_code(id, connection),
            78..84 => {
                let outcome = self.control.ask(now, id);
                self.refused_if(id, outcome.is_err());
                if outcome.is_ok() {
                    assert!(self.config.attended && self.config.policy == AdmissionPolicy::Ask);
                    self.oracle.set(id, Doing::Question, now + 60 * SECOND);
                }
            }
            84..87 => {
                let outcome = self.control.revealed(now, id, WORDS);
                self.refused_if(id, outcome.is_err());
            }
            87..89 => {
                let outcome = self.control.introduced(now, id, "Ana");
                self.refused_if(id, outcome.is_err());
            }
            89..92 => self.decide(id, connection),
            92..94 => {
                self.control.disconnected(now, id);
                self.oracle.open.remove(&id);
            }
            94 if self.dice.below(8) == 0 => {
                self.oracle.new_code();
                self.control.new_code(code(self.oracle.generation));
            }
            95 if self.dice.below(4) == 0 => {
                self.oracle.new_code();
                self.oracle.removed.insert(other_key);
                let code = code(self.oracle.generation);
                self.control.remove_key(now, public_key(other_key), &other_key.to_string(), code);
            }
            96 => {
                let name = other_key.to_string();
                if self.control.admit_by_name(now, &name).is_ok() {
                    assert!(self.oracle.removed.remove(&other_key));
                }
            }
            _ => {
                let most = if self.dice.below(20) == 0 { 70_000_000 } else { 200_000 };
                let duration = std::time::Duration::from_micros(self.dice.below(most));
                return self.pass(now + duration);
            }
        }
        self.drain();
    }

    /// Most of what happens is what a client or a person might do, so that the rest
    /// meets every state.
    fn sensible(&self, id: StrangerId, connection: Connection, roll: u64) -> u64 {
        let [opening, key, hello, begin, confirm, ask, reveal, name, verdict, wait] =
            [25, 35, 50, 58, 68, 78, 84, 87, 89, 99];
        match (connection.doing, connection.key) {
            _ if !(20..=91).contains(&roll) => roll,
            (Doing::Code { .. }, _) => confirm,
            (Doing::Question, _) => [reveal, name, verdict][usize::try_from(roll % 3).unwrap()],
            (Doing::Told, _) => wait,
            (Doing::Handshake, Some(_)) => {
                [hello, begin, begin, ask][usize::try_from(roll % 4).unwrap()]
            }
            (Doing::Handshake, None) if self.oracle.answered.contains(&id) => key,
            (Doing::Handshake, None) if self.oracle.opened.contains(&id) => wait,
            (Doing::Handshake, None) => {
                [opening, opening, hello][usize::try_from(roll % 3).unwrap()]
            }
        }
    }

    fn connect(&mut self) {
        let number = u8::try_from(self.dice.below(40)).unwrap();
        let ip = match number {
            0 => None,
            1..4 => Some([127, 0, 0, number].into()),
            _ => lan(number),
        };
        let id = self.control.connected(self.now, ip, self.dice.below(u64::MAX));
        let ends_by = self.now + 5 * SECOND;
        let connection = Connection { ip, key: None, doing: Doing::Handshake, ends_by };
        self.oracle.open.insert(id, connection);
    }

    fn prove_key(&mut self, id: StrangerId, connection: Connection, number: u16) {
        let outcome = self.control.proven(self.now, id, public_key(number));
        self.refused_if(id, outcome.is_err());
        if outcome.is_ok() {
            assert!(connection.key.is_none() && self.oracle.answered.contains(&id));
            self.oracle.open.get_mut(&id).unwrap().key = Some(number);
        }
    }

    fn hello(&mut self, id: StrangerId, connection: Connection) {
        let outcome = self.control.hello(self.now, id, |_| false);
        self.refused_if(id, outcome.is_err());
        let Ok(admitted) = outcome else { return };
        assert!(self.oracle.may_enter(&self.config, &connection));
        assert_eq!(admitted.key, connection.key.map(public_key));
        let is_known = connection.key.is_some_and(|key| self.oracle.known.contains(&key));
        assert_eq!(admitted.is_known, is_known);
        self.control.joined(self.now, id, "Ana", 1);
        self.oracle.open.remove(&id);
        self.seen[0] += 1;
    }

    fn begin_code(&mut self, id: StrangerId) {
        let outcome = self.control.begin_code(self.now, id).map(|_| ());
        self.refused_if(id, outcome.is_err());
        if outcome.is_ok() {
            let doing = Doing::Code { generation: self.oracle.generation };
            self.oracle.set(id, doing, self.now + 60 * SECOND);
        }
    }

    fn confirm_code(&mut self, id: StrangerId, connection: Connection) {
        let is_right = self.dice.below(6) == 0;
        let mut was_looked_at = false;
        let outcome = self.control.code_proof(self.now, id, || {
            was_looked_at = true;
            is_right
        });
        self.refused_if(id, outcome.is_err());
        assert_eq!(outcome.is_ok(), was_looked_at && is_right);
        if let Doing::Code { generation } = connection.doing {
            assert_eq!(was_looked_at, self.oracle.may_guess(connection.ip, generation));
        } else {
            assert!(!was_looked_at);
        }
        if was_looked_at {
            self.seen[2] += 1;
            let key = connection.key.unwrap();
            assert!(!self.oracle.removed.contains(&key));
            if is_right {
                self.oracle.known.insert(key);
                self.oracle.set(id, Doing::Handshake, self.now + 5 * SECOND);
            } else {
                *self.oracle.wrong.entry(connection.ip).or_default() += 1;
            }
        }
    }

    fn decide(&mut self, id: StrangerId, connection: Connection) {
        let verdicts = [Verdict::Once, Verdict::ForGood, Verdict::No];
        let verdict = verdicts[usize::try_from(self.dice.below(3)).unwrap()];
        if self.control.decide(self.now, id, verdict).is_err() {
            return;
        }
        assert_eq!(connection.doing, Doing::Question);
        let key = connection.key.unwrap();
        assert!(!self.oracle.removed.contains(&key));
        match verdict {
            Verdict::Once => _ = self.oracle.guests.insert(key),
            Verdict::ForGood => _ = self.oracle.known.insert(key),
            Verdict::No => return self.refused_if(id, true),
        }
        let ends_by = connection.ends_by.max(self.now + 5 * SECOND);
        self.oracle.set(id, Doing::Handshake, ends_by);
    }

    fn refused_if(&mut self, id: StrangerId, is_refused: bool) {
        if is_refused {
            self.seen[1] += 1;
            self.oracle.set(id, Doing::Told, self.now + 2 * SECOND);
        }
    }

    fn pass(&mut self, end: Timestamp) {
        while let Some(at) = self.drain().filter(|at| *at <= end) {
            self.now = at;
            self.control.handle_timeout(at);
        }
        self.now = end;
        self.drain();
        self.oracle.check(end);
    }

    fn drain(&mut self) -> Option<Timestamp> {
        loop {
            match self.control.poll() {
                AdmissionOutput::Wait(at) => return at,
                AdmissionOutput::Answer(id) => assert!(self.oracle.answered.insert(id)),
                AdmissionOutput::Refuse(id, _) => self.refused_if(id, true),
                AdmissionOutput::TimedOut(id) => {
                    let gone = self.oracle.open.remove(&id).unwrap();
                    assert!(gone.ends_by <= self.now, "{:?} ended early", gone.doing);
                }
                AdmissionOutput::Evict(id) => {
                    self.oracle.open.remove(&id).unwrap();
                    self.seen[3] += 1;
                }
                AdmissionOutput::KnownChanged(saved) => {
                    let saved: BTreeSet<_> = saved.iter().map(|known| known.key).collect();
                    let known = self.oracle.known.difference(&self.oracle.removed);
                    assert_eq!(saved, known.map(|number| public_key(*number)).collect());
                }
                AdmissionOutput::Admit(_)
                | AdmissionOutput::Asked(_)
                | AdmissionOutput::Changed => {}
            }
        }
    }
}

#[test]
fn random_walks_keep_every_rule() {
    let mut seen = [0; 4];
    for seed in 0..12 {
        let mut walk = Walk::new(seed);
        for step in 0..1500 {
            let walked = std::panic::AssertUnwindSafe(|| walk.step());
            if let Err(panic) = std::panic::catch_unwind(walked) {
                eprintln!("seed {seed}, step {step}");
                std::panic::resume_unwind(panic);
            }
        }
        walk.pass(walk.now + 70 * SECOND);
        assert!(walk.oracle.open.is_empty(), "everything ends");
        for (all, of_walk) in seen.iter_mut().zip(walk.seen) {
            *all += of_walk;
        }
    }
    assert!(seen.iter().all(|count| *count > 100), "the walk is too tame: {seen:?}");
}
