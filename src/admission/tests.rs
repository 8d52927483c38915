//! A rule of docs/security.md or of the table in docs/protocol.md ("Entering") each.

mod costs;
mod guesses;
mod removal;
mod walk;

use core::net::IpAddr;
use std::{collections::BTreeSet, time::Duration};

use super::{
    AdmissionConfig, AdmissionControl, AdmissionOutput, AdmissionPolicy, Admitted, DecisionError,
    KnownParticipant, PeerAddress, StrangerId, Verdict,
};
use crate::{
    protocol::EntryRefusal,
    security::{Entry, JoinCode, PublicKey, Words},
    util::time::Timestamp,
};

const WORDS: Words = ["abandon", "ability", "able", "about", "above", "absent"];
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn public_key(number: u16) -> PublicKey {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PublicKey::new(bytes).unwrap()
}

fn code(number: u8) -> JoinCode {
    JoinCode::random([number; 8])
}

#[expect(clippy::unnecessary_wraps, reason = "as the rig takes it")]
fn lan(number: u8) -> Option<IpAddr> {
    Some([192, 0, 2, number].into())
}

fn known(number: u16, name: &str) -> KnownParticipant {
    KnownParticipant { key: public_key(number), name: name.into(), last_seen: 1 }
}

/// A host, and the time there.
struct Rig {
    control: AdmissionControl,
    now: Timestamp,
    outputs: Vec<AdmissionOutput>,
}

impl Rig {
    fn new(config: AdmissionConfig) -> Self {
        Self::knowing(config, vec![])
    }

    fn with(policy: AdmissionPolicy) -> Self {
        Self::new(AdmissionConfig { policy, ..AdmissionConfig::default() })
    }

    fn knowing(config: AdmissionConfig, known: Vec<KnownParticipant>) -> Self {
        let control = AdmissionControl::new(config, code(1), known);
        Self { control, now: Timestamp::from_micros(1), outputs: vec![] }
    }

    /// Takes all outputs; returns the time to wait for.
    fn drain(&mut self) -> Option<Timestamp> {
        loop {
            match self.control.poll() {
                AdmissionOutput::Wait(at) => return at,
                output => self.outputs.push(output),
            }
        }
    }

    /// Lets `duration` pass, and every timer run at its time.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.drain().filter(|at| *at <= end) {
            assert!(at > self.now, "a timer that is due must not be due again");
            self.now = at;
            self.control.handle_timeout(at);
        }
        self.now = end;
    }

    fn saw(&mut self, output: &AdmissionOutput) -> bool {
        self.drain();
        self.outputs.contains(output)
    }

    fn connect(&mut self, ip: Option<IpAddr>) -> StrangerId {
        self.control.connected(self.now, ip, 0)
    }

    /// A connection whose message 3 has arrived.
    fn enter(&mut self, ip: Option<IpAddr>, key: PublicKey) -> StrangerId {
        let id = self.connect(ip);
        self.control.opening(self.now, id).unwrap();
        loop {
            let seen = self.outputs.len();
            let next = self.drain();
            if self.outputs[seen..].contains(&AdmissionOutput::Answer(id)) {
                break;
            }
            self.now = next.unwrap();
            self.control.handle_timeout(self.now);
        }
        self.control.proven(self.now, id, key).unwrap();
        id
    }

    fn hello(&mut self, id: StrangerId) -> Result<Admitted, EntryRefusal> {
        self.control.hello(self.now, id, |_| false)
    }

    /// A new connection with a `Hello`.
    fn say_hello(&mut self, ip: Option<IpAddr>, key: PublicKey) -> Result<Admitted, EntryRefusal> {
        let id = self.enter(ip, key);
        let answer = self.hello(id);
        self.control.disconnected(self.now, id);
        answer
    }

    fn say_plain_hello(&mut self, ip: Option<IpAddr>) -> Result<Admitted, EntryRefusal> {
        let id = self.connect(ip);
        self.hello(id)
    }

    fn join(&mut self, id: StrangerId, name: &str) {
        self.hello(id).unwrap();
        self.control.joined(self.now, id, name, 7);
    }

    /// A run of the code. `looked_at` counts the MACs that were looked at.
    fn guess(
        &mut self,
        ip: Option<IpAddr>,
        key: PublicKey,
        is_right: bool,
        looked_at: &mut usize,
    ) -> Result<(), EntryRefusal> {
        let id = self.enter(ip, key);
        let outcome = self.control.begin_code(self.now, id).map(|_| ()).and_then(|()| {
            self.control.code_proof(self.now, id, || {
                *looked_at += 1;
                is_right
            })
        });
        self.control.disconnected(self.now, id);
        outcome
    }

    /// A stranger whose question a person sees, under `name`.
    fn ask(&mut self, ip: Option<IpAddr>, key: PublicKey, name: &str) -> StrangerId {
        let id = self.enter(ip, key);
        self.control.ask(self.now, id).unwrap();
        self.control.revealed(self.now, id, WORDS).unwrap();
        self.control.introduced(self.now, id, name).unwrap();
        id
    }

    fn saved(&mut self) -> Vec<KnownParticipant> {
        self.drain();
        let saved = self.outputs.iter().rev().find_map(|output| match output {
            AdmissionOutput::KnownChanged(known) => Some(known.clone()),
            _ => None,
        });
        saved.unwrap_or_default()
    }

    fn evicted(&mut self) -> BTreeSet<StrangerId> {
        self.drain();
        let evicted = self.outputs.iter().filter_map(|output| match output {
            AdmissionOutput::Evict(id) => Some(*id),
            _ => None,
        });
        evicted.collect()
    }
}

// Whom a host admits.

#[test]
fn known_key_is_admitted_and_no_other() {
    let mut rig = Rig::knowing(AdmissionConfig::default(), vec![known(1, "Ana")]);
    let admitted = rig.say_hello(lan(1), public_key(1)).unwrap();
    assert_eq!(admitted, Admitted { key: Some(public_key(1)), is_known: true, kept_places: 0 });
    assert_eq!(rig.say_hello(lan(1), public_key(2)), Err(EntryRefusal::CodeNeeded));
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    assert_eq!(rig.say_hello(lan(1), public_key(2)), Err(EntryRefusal::CodeOrQuestion));
}

#[test]
fn right_code_admits_and_makes_known() {
    for policy in [AdmissionPolicy::Open, AdmissionPolicy::Code, AdmissionPolicy::Ask] {
        let mut rig = Rig::with(policy);
        let id = rig.enter(lan(1), public_key(1));
        assert_eq!(rig.control.begin_code(rig.now, id), Ok(&code(1)));
        assert_eq!(rig.control.code_proof(rig.now, id, || true), Ok(()));
        rig.join(id, "Ana");
        assert_eq!(rig.saved(), [KnownParticipant { last_seen: 7, ..known(1, "Ana") }]);
        let mut tomorrow = Rig::knowing(AdmissionConfig::default(), rig.saved());
        assert!(tomorrow.say_hello(lan(9), public_key(1)).unwrap().is_known);
    }
}

#[test]
fn wrong_code_admits_nobody() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.begin_code(rig.now, id).unwrap();
    let answer = rig.control.code_proof(rig.now, id, || false);
    assert_eq!(answer, Err(EntryRefusal::WrongCode));
    assert_eq!(rig.control.code_proof(rig.now, id, || true), Err(EntryRefusal::OutOfTurn));
    assert_eq!(rig.hello(id), Err(EntryRefusal::OutOfTurn));
    assert_eq!(rig.say_hello(lan(1), public_key(1)), Err(EntryRefusal::CodeNeeded));
    assert!(rig.saved().is_empty());
}

#[test]
fn open_session_admits_all_and_makes_none_known() {
    let mut rig = Rig::with(AdmissionPolicy::Open);
    let id = rig.enter(lan(1), public_key(1));
    assert_eq!(rig.control.entry(id), Entry::Open);
    assert!(!rig.hello(id).unwrap().is_known);
    rig.control.joined(rig.now, id, "Ana", 7);
    assert_eq!(rig.say_plain_hello(lan(2)).unwrap().key, None);
    assert!(rig.saved().is_empty());
}

#[test]
fn own_machine_needs_no_code_unless_switched_off() {
    let own: [Option<IpAddr>; 3] =
        [None, Some([127, 3, 2, 1].into()), Some("::1".parse().unwrap())];
    for ip in own {
        let mut rig = Rig::with(AdmissionPolicy::Code);
        let id = rig.enter(ip, public_key(1));
        assert_eq!(rig.control.entry(id), Entry::Open);
        assert!(!rig.hello(id).unwrap().is_known);
        assert!(rig.say_plain_hello(ip).is_ok());
        let config = AdmissionConfig { local_exemption: false, ..AdmissionConfig::default() };
        let mut rig = Rig::new(config);
        let id = rig.enter(ip, public_key(1));
        assert_eq!(rig.control.entry(id), Entry::Code);
        assert_eq!(rig.hello(id), Err(EntryRefusal::CodeNeeded));
        assert_eq!(rig.say_plain_hello(ip), Err(EntryRefusal::PlainNotAdmitted));
    }
}

#[test]
fn plain_client_is_not_admitted_from_the_lan() {
    for policy in [AdmissionPolicy::Code, AdmissionPolicy::Ask] {
        let mut rig = Rig::with(policy);
        assert_eq!(rig.say_plain_hello(lan(1)), Err(EntryRefusal::PlainNotAdmitted));
    }
}

#[test]
fn address_is_ipv4_or_the_first_64_bits_of_ipv6() {
    let of = |ip: &str| PeerAddress::of(Some(ip.parse().unwrap()));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    let local = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"];
    assert!(local.map(of).iter().all(|address| address.is_local()));
    let foreign = ["192.0.2.1", "::2", "::127.0.0.1", "fe80::1", "0.0.0.0"];
    assert!(!foreign.map(of).iter().any(|address| address.is_local()));
    assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    assert_eq!(of("::ffff:192.0.2.1").to_string(), "192.0.2.1");
}

// Questions.

#[test]
fn admitted_once_is_admitted_for_this_session() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    assert_eq!(rig.control.entry(id), Entry::Ask);
    assert_eq!(rig.control.decide(rig.now, id, Verdict::Once), Ok(()));
    assert!(rig.saw(&AdmissionOutput::Admit(id)));
    rig.join(id, "Ana");
    assert!(!rig.say_hello(lan(2), public_key(1)).unwrap().is_known, "it may reconnect");
    assert!(rig.saved().is_empty());
}

#[test]
fn admitted_for_good_is_saved() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    assert_eq!(rig.control.decide(rig.now, id, Verdict::ForGood), Ok(()));
    assert_eq!(rig.saved(), [KnownParticipant { last_seen: 0, ..known(1, "Ana") }]);
    assert!(rig.hello(id).unwrap().is_known);
}

#[test]
fn declined_stranger_is_refused() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    assert_eq!(rig.control.decide(rig.now, id, Verdict::No), Ok(()));
    assert!(rig.saw(&AdmissionOutput::Refuse(id, EntryRefusal::Declined)));
    assert_eq!(rig.hello(id), Err(EntryRefusal::OutOfTurn));
    assert!(rig.control.status().requests.is_empty());
}

/// Otherwise a stranger could ask until the person gives in.
#[test]
fn declined_stranger_may_ask_again_after_60_s() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    rig.control.decide(rig.now, id, Verdict::No).unwrap();
    rig.pass(Duration::from_millis(59_900));
    for (ip, key) in [(1, 2), (2, 1)] {
        let again = rig.enter(lan(ip), public_key(key));
        assert_eq!(rig.control.ask(rig.now, again), Err(EntryRefusal::Declined));
    }
    rig.ask(lan(3), public_key(3), "Ben");
    rig.guess(lan(1), public_key(1), true, &mut 0).unwrap();
    rig.pass(100 * MILLISECOND);
    rig.ask(lan(1), public_key(2), "Ana");
}

#[test]
fn first_verdict_counts_and_later_ones_say_so() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    rig.control.decide(rig.now, id, Verdict::No).unwrap();
    let late = rig.control.decide(rig.now, id, Verdict::ForGood);
    assert_eq!(late, Err(DecisionError::NotWaiting));
    assert!(rig.saved().is_empty());
    let gone = rig.ask(lan(2), public_key(2), "Ben");
    rig.control.disconnected(rig.now, gone);
    let late = rig.control.decide(rig.now, gone, Verdict::ForGood);
    assert_eq!(late, Err(DecisionError::NotWaiting));
    assert_eq!(rig.say_hello(lan(2), public_key(2)), Err(EntryRefusal::CodeOrQuestion));
}

#[test]
fn question_waits_for_60_s() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    rig.pass(Duration::from_millis(59_999));
    assert_eq!(rig.control.status().requests.len(), 1);
    rig.pass(MILLISECOND);
    assert!(rig.saw(&AdmissionOutput::Refuse(id, EntryRefusal::Unanswered)));
    assert!(rig.control.status().requests.is_empty());
    assert_eq!(rig.hello(id), Err(EntryRefusal::OutOfTurn));
}

#[test]
fn nobody_is_asked_where_nobody_sits() {
    let ask = AdmissionPolicy::Ask;
    let unattended = AdmissionConfig { policy: ask, attended: false, ..AdmissionConfig::default() };
    for config in [unattended, AdmissionConfig::default()] {
        let mut rig = Rig::new(config);
        let id = rig.enter(lan(1), public_key(1));
        assert_eq!(rig.control.entry(id), Entry::Code);
        assert_eq!(rig.control.ask(rig.now, id), Err(EntryRefusal::CodeNeeded));
    }
}

#[test]
fn person_is_asked_when_the_words_are_there() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.ask(rig.now, id).unwrap();
    assert!(rig.control.status().requests.is_empty());
    assert_eq!(rig.control.decide(rig.now, id, Verdict::Once), Err(DecisionError::NotWaiting));
    rig.control.revealed(rig.now, id, WORDS).unwrap();
    let [request] = &*rig.control.status().requests else { panic!("no question") };
    assert_eq!((request.words, &request.name, request.key), (WORDS, &None, public_key(1)));
    assert!(rig.saw(&AdmissionOutput::Asked(request.clone())));
    assert!(rig.saw(&AdmissionOutput::Changed));
}

#[test]
fn name_of_a_question_is_clean_and_marked_if_taken() {
    let config = AdmissionConfig { policy: AdmissionPolicy::Ask, ..AdmissionConfig::default() };
    let mut rig = Rig::knowing(config, vec![known(1, "Ana"), known(9, "")]);
    let own = rig.enter(None, public_key(10));
    rig.join(own, "Ben");
    let asked: Vec<_> = ["A\u{202e}na\u{7}", "🏃\u{200d}♀", &"é".repeat(100), "Ben", "\u{7}"]
        .iter()
        .zip(2..)
        .map(|(name, number)| rig.ask(lan(number), public_key(number.into()), name))
        .collect();
    let requests = rig.control.status().requests;
    assert_eq!(requests[0].name.as_deref(), Some("Ana"));
    assert_eq!(requests[2].name.as_ref().map(|name| name.chars().count()), Some(64));
    let taken: Vec<_> = requests.iter().map(|request| request.is_name_taken).collect();
    assert_eq!(taken, [true, false, false, true, false]);
    let blank = rig.control.admit_by_name(rig.now, " ");
    assert_eq!(blank, Err(DecisionError::UnknownName));
    rig.control.decide(rig.now, asked[1], Verdict::ForGood).unwrap();
    rig.ask(lan(20), public_key(20), "🏃♀");
    let requests = rig.control.status().requests;
    assert!(requests.last().unwrap().is_name_taken, "it looks the same");
}

/// The first key of a name would have it in the next session.
#[test]
fn stranger_does_not_become_known_by_the_name_of_another() {
    let config = AdmissionConfig { policy: AdmissionPolicy::Ask, ..AdmissionConfig::default() };
    let mut rig = Rig::knowing(config, vec![known(5, "Ana")]);
    let eve = rig.ask(lan(2), public_key(2), "Ana");
    rig.control.decide(rig.now, eve, Verdict::ForGood).unwrap();
    let eve = KnownParticipant { last_seen: 0, ..known(2, "") };
    assert_eq!(rig.saved(), [eve, known(5, "Ana")]);
}

#[test]
fn name_may_cross_the_verdict() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.ask(rig.now, id).unwrap();
    rig.control.revealed(rig.now, id, WORDS).unwrap();
    rig.control.decide(rig.now, id, Verdict::Once).unwrap();
    // The client's person still compares the words.
    rig.pass(30 * SECOND);
    assert_eq!(rig.control.introduced(rig.now, id, "Ana"), Ok(()));
    assert!(rig.hello(id).is_ok());
    assert_eq!(rig.control.introduced(rig.now, id, "Ana"), Err(EntryRefusal::OutOfTurn));
}

#[test]
fn eight_questions_wait_one_of_an_address_or_key() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    for number in 1..=7 {
        rig.ask(lan(number), public_key(number.into()), "Ana");
    }
    let same_address = rig.enter(lan(1), public_key(20));
    assert_eq!(rig.control.ask(rig.now, same_address), Err(EntryRefusal::Busy));
    let same_key = rig.enter(lan(20), public_key(1));
    assert_eq!(rig.control.ask(rig.now, same_key), Err(EntryRefusal::Busy));
    let eighth = rig.ask(lan(8), public_key(8), "Ben");
    let ninth = rig.enter(lan(9), public_key(9));
    assert_eq!(rig.control.ask(rig.now, ninth), Err(EntryRefusal::Busy));
    rig.control.disconnected(rig.now, eighth);
    rig.ask(lan(9), public_key(9), "Cid");
}

#[test]
fn admitting_by_name_needs_one_of_that_name() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let (ana, ben) = (rig.ask(lan(1), public_key(1), "Ana"), rig.ask(lan(2), public_key(2), "Ben"));
    rig.ask(lan(3), public_key(3), "Be\u{200d}n");
    let mut admit = |name| rig.control.admit_by_name(rig.now, name);
    assert_eq!(admit("Cid"), Err(DecisionError::UnknownName));
    assert_eq!(admit("Ben"), Err(DecisionError::AmbiguousName));
    assert_eq!(admit("Ana"), Ok(None));
    assert!(rig.hello(ana).is_ok());
    assert_eq!(rig.hello(ben), Err(EntryRefusal::OutOfTurn));
}
