//! What strangers cost.

use std::collections::{BTreeMap, VecDeque};

use super::{
    AdmissionConfig, AdmissionOutput, AdmissionPolicy, Duration, IpAddr, MILLISECOND, Rig, SECOND,
    StrangerId, Timestamp, Verdict, WORDS, known, lan, public_key,
};
use crate::protocol::EntryRefusal;

#[expect(clippy::unnecessary_wraps, reason = "as the rig takes it")]
fn far(number: u16) -> Option<IpAddr> {
    let [high, low] = number.to_be_bytes();
    Some([10, 0, high, low].into())
}

/// The strangers with an unfinished handshake that may still enter.
fn is_open(rig: &Rig, id: StrangerId) -> bool {
    rig.control.frame_limit(id) > 0
}

// Unfinished handshakes.

#[test]
fn busiest_address_makes_room_for_the_129th() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let busy: Vec<_> = (0..3).map(|_| rig.connect(lan(1))).collect();
    for number in 0..125 {
        rig.connect(far(number));
    }
    assert!(rig.evicted().is_empty());
    rig.connect(lan(2));
    let evicted = rig.evicted();
    assert_eq!(evicted.len(), 1);
    assert!(busy.iter().any(|id| evicted.contains(id)));
}

#[test]
fn address_displaces_itself_first() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let first = rig.connect(lan(1));
    for number in 0..127 {
        rig.connect(far(number));
    }
    for _ in 0..50 {
        rig.connect(lan(1));
    }
    assert_eq!(rig.evicted().len(), 50);
    assert!(rig.evicted().contains(&first));
    assert!((1..128).all(|number| !rig.evicted().contains(&StrangerId(number))));
}

#[test]
fn ties_are_broken_by_chance() {
    let mut evicted = BTreeMap::new();
    for random in 0..256 {
        let mut rig = Rig::with(AdmissionPolicy::Code);
        for number in 0..128 {
            rig.connect(far(number));
        }
        rig.control.connected(rig.now, lan(1), random);
        for id in rig.evicted() {
            *evicted.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(evicted.len(), 128);
    assert!(evicted.values().all(|count| *count == 2));
}

/// The strangers are back as soon as they are dropped, and send their message 1 at once.
#[test]
fn five_thousand_strangers_displace_no_other_address() {
    let mut rig = Rig::knowing(AdmissionConfig::default(), vec![known(1, "Ana")]);
    let mut open = VecDeque::new();
    for number in 0..5000 {
        let id = rig.control.connected(rig.now, far(number % 100), u64::from(number) * 7919);
        rig.control.opening(rig.now, id).unwrap();
        open.push_back(id);
        if number % 500 == 250 {
            let begun = rig.now;
            let ana = rig.enter(lan(1), public_key(1));
            assert!(rig.now - begun < SECOND, "{number}: {}", rig.now);
            rig.join(ana, "Ana");
        }
        if number == 1000 {
            open.push_front(rig.connect(lan(2)));
        }
        if number % 5 == 0 {
            rig.pass(5 * MILLISECOND);
        }
    }
    let ben = open.pop_front().unwrap();
    assert!(!rig.evicted().contains(&ben));
}

#[test]
fn known_key_is_no_stranger_after_message_3() {
    let mut rig = Rig::knowing(AdmissionConfig::default(), vec![known(1, "Ana")]);
    let ana = rig.enter(lan(1), public_key(1));
    for number in 0..1000 {
        rig.connect(far(number));
    }
    assert!(!rig.evicted().contains(&ana));
    assert!(rig.hello(ana).is_ok());
}

/// It would be known to the host, and still cost as much as it likes.
#[test]
fn handshakes_of_known_keys_are_limited_too() {
    let mut rig = Rig::knowing(AdmissionConfig::default(), vec![known(1, "Ana")]);
    let ids: Vec<_> = (0..300).map(|_| rig.enter(None, public_key(1))).collect();
    assert_eq!(ids.iter().filter(|id| is_open(&rig, **id)).count(), 128);
}

#[test]
fn refused_connection_keeps_its_slot_until_closed() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let refused: Vec<_> = (0..128).map(|_| rig.connect(lan(1))).collect();
    for id in &refused {
        rig.hello(*id).unwrap_err();
    }
    rig.connect(lan(2));
    assert_eq!(rig.evicted().len(), 1);
    rig.pass(2 * SECOND);
    assert!(refused.iter().filter(|id| rig.saw(&AdmissionOutput::TimedOut(**id))).count() == 127);
}

#[test]
fn participants_take_no_slot_of_strangers() {
    let mut rig = Rig::with(AdmissionPolicy::Open);
    let joined: Vec<_> = (0..200)
        .map(|number| {
            let id = rig.connect(far(number));
            rig.join(id, "Ana");
            id
        })
        .collect();
    for number in 0..128 {
        rig.connect(far(number));
    }
    rig.pass(3600 * SECOND);
    assert!(rig.evicted().is_empty());
    assert!(joined.iter().all(|id| !rig.saw(&AdmissionOutput::TimedOut(*id))));
}

// Deadlines.

#[test]
fn handshake_has_5_s_until_the_first_message() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let silent = rig.connect(lan(1));
    let opened = rig.enter(lan(2), public_key(2));
    rig.pass(Duration::from_millis(4_999));
    assert!(is_open(&rig, silent) && is_open(&rig, opened));
    rig.pass(2 * MILLISECOND);
    for id in [silent, opened] {
        assert!(rig.saw(&AdmissionOutput::TimedOut(id)));
        assert_eq!(rig.hello(id), Err(EntryRefusal::Busy));
    }
}

#[test]
fn run_of_the_code_has_60_s() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.begin_code(rig.now, id).unwrap();
    rig.pass(Duration::from_millis(59_999));
    assert!(is_open(&rig, id));
    rig.pass(MILLISECOND);
    assert!(rig.saw(&AdmissionOutput::TimedOut(id)));
    assert!(rig.control.code_proof(rig.now, id, || panic!("it was looked at")).is_err());
}

#[test]
fn admitted_client_has_5_s_until_its_hello() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let asked = rig.ask(lan(1), public_key(1), "Ana");
    rig.control.decide(rig.now, asked, Verdict::Once).unwrap();
    let proven = rig.enter(lan(2), public_key(2));
    rig.control.begin_code(rig.now, proven).unwrap();
    rig.control.code_proof(rig.now, proven, || true).unwrap();
    rig.pass(Duration::from_millis(4_990));
    assert!(is_open(&rig, asked) && is_open(&rig, proven));
    rig.pass(10 * MILLISECOND);
    assert!(rig.saw(&AdmissionOutput::TimedOut(asked)));
    assert!(rig.saw(&AdmissionOutput::TimedOut(proven)));
}

#[test]
fn refused_question_is_closed_within_2_s() {
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.ask(lan(1), public_key(1), "Ana");
    rig.control.decide(rig.now, id, Verdict::No).unwrap();
    rig.pass(2 * SECOND);
    assert!(rig.saw(&AdmissionOutput::TimedOut(id)));
}

// Answers to message 1.

/// Times of the answers to `count` openings of `addresses` addresses.
fn answers(count: u16, addresses: u16, rig: &mut Rig) -> Vec<Timestamp> {
    for number in 0..count {
        let id = rig.connect(far(number % addresses));
        rig.control.opening(rig.now, id).unwrap();
    }
    let (mut times, end) = (Vec::new(), rig.now + 10 * SECOND);
    while rig.now < end {
        let next = rig.drain();
        let given = rig.outputs.drain(..).filter(|out| matches!(out, AdmissionOutput::Answer(_)));
        times.extend(given.map(|_| rig.now));
        rig.now = next.unwrap_or(end);
        rig.control.handle_timeout(rig.now);
    }
    times
}

fn most_in_a_second(times: &[Timestamp]) -> usize {
    let within =
        |from: Timestamp| times.iter().filter(|at| (from..from + SECOND).contains(at)).count();
    times.iter().map(|from| within(*from)).max().unwrap_or(0)
}

#[test]
fn address_is_answered_20_times_a_second() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let times = answers(100, 1, &mut rig);
    assert_eq!(most_in_a_second(&times), 20);
    assert_eq!(times.len(), 100, "the rest waits for its turn");
}

#[test]
fn host_answers_200_times_a_second() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let mut times = Vec::new();
    for round in 0..1200_u16 {
        let id = rig.connect(far(round % 100));
        rig.control.opening(rig.now, id).unwrap();
        rig.drain();
        let now = rig.now;
        let given = rig.outputs.drain(..).filter(|out| matches!(out, AdmissionOutput::Answer(_)));
        times.extend(given.map(|_| now));
        rig.now = now + MILLISECOND;
        rig.control.handle_timeout(rig.now);
    }
    let most = most_in_a_second(&times);
    assert!((190..=200).contains(&most), "{most}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 5 * MILLISECOND), "spaced");
}

#[test]
fn address_answered_longest_ago_is_next() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let open = |rig: &mut Rig, ip| {
        let id = rig.connect(ip);
        rig.control.opening(rig.now, id).unwrap();
        id
    };
    let busy: Vec<_> = (0..10).map(|_| open(&mut rig, lan(1))).collect();
    let (ana, ben) = (open(&mut rig, lan(2)), open(&mut rig, lan(3)));
    rig.pass(SECOND);
    let answered = rig.outputs.iter().filter_map(|output| match output {
        AdmissionOutput::Answer(id) => Some(*id),
        _ => None,
    });
    assert_eq!(answered.take(4).collect::<Vec<_>>(), [busy[0], ana, ben, busy[1]]);
}

#[test]
fn own_machine_is_answered_at_once() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    answers(100, 1, &mut rig);
    for number in 0..200 {
        let id = rig.enter(Some([127, 0, 0, 1].into()), public_key(number));
        rig.control.disconnected(rig.now, id);
    }
    let waited = rig.now;
    let mut strict = Rig::new(AdmissionConfig { local_exemption: false, ..Default::default() });
    let begun = strict.now;
    for number in 0..21 {
        let id = strict.enter(Some([127, 0, 0, 1].into()), public_key(number));
        strict.control.disconnected(strict.now, id);
    }
    assert!(strict.now - begun >= SECOND);
    assert_eq!(rig.now, waited);
}

#[test]
fn message_3_before_message_2_ends_the_connection() {
    let mut rig = Rig::with(AdmissionPolicy::Open);
    let early = rig.connect(lan(1));
    assert_eq!(rig.control.proven(rig.now, early, public_key(1)), Err(EntryRefusal::OutOfTurn));
    let twice = rig.enter(lan(1), public_key(1));
    assert_eq!(rig.control.proven(rig.now, twice, public_key(2)), Err(EntryRefusal::OutOfTurn));
    assert_eq!(rig.hello(twice), Err(EntryRefusal::OutOfTurn));
}

// Runs, places, frames.

#[test]
fn busiest_address_makes_room_for_the_33rd_run() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let begin = |rig: &mut Rig, ip, number| {
        let id = rig.enter(ip, public_key(number));
        rig.control.begin_code(rig.now, id).unwrap();
        id
    };
    let flood: Vec<_> = (0..20).map(|number| begin(&mut rig, lan(1), number)).collect();
    let others: Vec<_> = (0..40).map(|number| begin(&mut rig, far(number), number)).collect();
    let evicted = rig.evicted();
    assert_eq!(evicted.len(), 28);
    assert!(flood.iter().filter(|id| evicted.contains(id)).count() >= 19);
    assert!(others.iter().filter(|id| is_open(&rig, **id)).count() >= 31);
}

#[test]
fn eight_places_are_kept_for_known_keys() {
    for (known_keys, present, places, kept) in [
        (0, 0, 64, 0),
        (3, 0, 64, 3),
        (3, 2, 64, 1),
        (20, 0, 64, 8),
        (20, 15, 64, 5),
        (20, 0, 8, 2),
    ] {
        let config =
            AdmissionConfig { policy: AdmissionPolicy::Open, places, ..AdmissionConfig::default() };
        let known_keys = (0..known_keys).map(|number| known(number, "Ana")).collect();
        let mut rig = Rig::knowing(config, known_keys);
        let is_present = |other| (0..present).any(|number| public_key(number) == other);
        for id in [rig.enter(lan(1), public_key(99)), rig.connect(lan(1))] {
            let admitted = rig.control.hello(rig.now, id, is_present).unwrap();
            assert_eq!(admitted.kept_places, kept);
        }
        let id = rig.enter(lan(1), public_key(0));
        let admitted = rig.control.hello(rig.now, id, is_present).unwrap();
        assert!(!admitted.is_known || admitted.kept_places == 0);
    }
}

#[test]
fn frames_of_strangers_are_short() {
    let limits = |policy| {
        let config = AdmissionConfig { policy, ..AdmissionConfig::default() };
        let mut rig = Rig::knowing(config, vec![known(1, "Ana")]);
        let plain = rig.connect(lan(1));
        let (known, stranger) =
            (rig.enter(lan(1), public_key(1)), rig.enter(lan(1), public_key(2)));
        [plain, known, stranger].map(|id| rig.control.frame_limit(id))
    };
    assert_eq!(limits(AdmissionPolicy::Code), [8192, 16384, 1024]);
    assert_eq!(limits(AdmissionPolicy::Open), [16384, 16384, 16384]);
    let mut rig = Rig::with(AdmissionPolicy::Ask);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.ask(rig.now, id).unwrap();
    assert_eq!(rig.control.frame_limit(id), 1024);
    rig.control.revealed(rig.now, id, WORDS).unwrap();
    assert_eq!(rig.control.frame_limit(id), 1024);
    rig.control.decide(rig.now, id, Verdict::Once).unwrap();
    assert_eq!(rig.control.frame_limit(id), 16384);
    rig.control.hello(rig.now, id, |_| false).unwrap();
    assert_eq!(rig.control.frame_limit(id), 0);
}
