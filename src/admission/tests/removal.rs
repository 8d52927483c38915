//! Keys that the host has removed.

use super::{
    AdmissionConfig, AdmissionOutput, AdmissionPolicy, Rig, SECOND, Verdict, WORDS, code, known,
    lan, public_key,
};
use crate::protocol::EntryRefusal::{CodeReplaced, OutOfTurn, Removed};

const POLICIES: [AdmissionPolicy; 3] =
    [AdmissionPolicy::Open, AdmissionPolicy::Code, AdmissionPolicy::Ask];

fn rig(policy: AdmissionPolicy) -> Rig {
    let config = AdmissionConfig { policy, ..AdmissionConfig::default() };
    Rig::knowing(config, vec![known(1, "Ana"), known(2, "Ben")])
}

#[test]
fn removed_key_is_refused_whatever_it_shows() {
    for policy in POLICIES {
        let mut rig = rig(policy);
        rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
        for ip in [lan(1), None] {
            assert_eq!(rig.say_hello(ip, public_key(1)), Err(Removed));
            let id = rig.enter(ip, public_key(1));
            assert_eq!(rig.control.begin_code(rig.now, id), Err(Removed));
            let id = rig.enter(ip, public_key(1));
            assert_eq!(rig.control.ask(rig.now, id), Err(Removed));
        }
        rig.pass(1_000_000 * SECOND);
        assert_eq!(rig.say_hello(lan(1), public_key(1)), Err(Removed));
        assert!(rig.say_hello(lan(1), public_key(2)).is_ok(), "the others stay");
    }
}

#[test]
fn removed_key_is_not_saved_as_known() {
    let mut rig = rig(AdmissionPolicy::Code);
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    assert_eq!(rig.saved(), [known(2, "Ben")]);
}

#[test]
fn removing_replaces_the_code() {
    let mut rig = rig(AdmissionPolicy::Code);
    let id = rig.enter(lan(9), public_key(9));
    rig.control.begin_code(rig.now, id).unwrap();
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    assert_eq!(rig.control.status().code, code(2));
    let outcome = rig.control.code_proof(rig.now, id, || panic!("it was looked at"));
    assert_eq!(outcome, Err(CodeReplaced));
}

#[test]
fn removing_ends_connections_in_every_state() {
    let mut rig = rig(AdmissionPolicy::Ask);
    let entering = rig.enter(lan(1), public_key(1));
    let proving = rig.enter(lan(2), public_key(1));
    rig.control.begin_code(rig.now, proving).unwrap();
    let proven = rig.enter(lan(3), public_key(1));
    rig.control.begin_code(rig.now, proven).unwrap();
    rig.control.code_proof(rig.now, proven, || true).unwrap();
    let joining = rig.enter(lan(4), public_key(1));
    rig.hello(joining).unwrap();
    let waiting = rig.ask(lan(5), public_key(1), "Ana");
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    for id in [entering, proving, proven, joining, waiting] {
        assert!(rig.saw(&AdmissionOutput::Refuse(id, Removed)));
        assert_eq!(rig.hello(id), Err(OutOfTurn));
    }
    assert!(rig.control.decide(rig.now, waiting, Verdict::ForGood).is_err());
    // The session accepted its Hello before it was removed.
    rig.control.joined(rig.now, joining, "Ana", 8);
    assert_eq!(rig.say_hello(lan(1), public_key(1)), Err(Removed));
    let asking = rig.enter(lan(6), public_key(7));
    rig.control.ask(rig.now, asking).unwrap();
    rig.control.remove_key(rig.now, public_key(7), "Cid", code(3));
    assert_eq!(rig.control.revealed(rig.now, asking, WORDS), Err(OutOfTurn));
}

#[test]
fn removed_key_is_again_what_it_was_if_admitted() {
    let mut rig = rig(AdmissionPolicy::Code);
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(3));
    assert_eq!(rig.control.admit_by_name(rig.now, "Ana"), Ok(Some(public_key(1))));
    assert!(rig.say_hello(lan(1), public_key(1)).unwrap().is_known);
    assert_eq!(rig.saved().len(), 2);

    let mut open = self::rig(AdmissionPolicy::Open);
    open.control.remove_key(open.now, public_key(5), "Eva", code(2));
    assert_eq!(open.control.admit_by_name(open.now, "Eva"), Ok(Some(public_key(5))));
    assert!(!open.say_hello(lan(1), public_key(5)).unwrap().is_known);
}

#[test]
fn removed_and_asking_of_one_name_are_several() {
    let mut rig = rig(AdmissionPolicy::Ask);
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    let id = rig.ask(lan(5), public_key(5), "Ana");
    assert!(rig.control.status().requests[0].is_name_taken);
    assert!(rig.control.admit_by_name(rig.now, "Ana").is_err());
    rig.control.decide(rig.now, id, Verdict::No).unwrap();
    assert_eq!(rig.control.admit_by_name(rig.now, "Ana"), Ok(Some(public_key(1))));
}

/// Keys cost an attacker nothing.
#[test]
fn flood_of_keys_forgets_no_removed_and_no_known_key() {
    let mut rig = rig(AdmissionPolicy::Open);
    rig.control.remove_key(rig.now, public_key(1), "Ana", code(2));
    for number in 100..1300 {
        let id = rig.enter(None, public_key(number));
        rig.join(id, "Cid");
    }
    assert_eq!(rig.say_hello(lan(1), public_key(1)), Err(Removed));
    assert!(rig.say_hello(lan(1), public_key(2)).unwrap().is_known);
    for number in 2000..3200 {
        rig.guess(None, public_key(number), true, &mut 0).unwrap();
    }
    assert_eq!(rig.say_hello(lan(1), public_key(1)), Err(Removed));
    assert!(rig.say_hello(lan(1), public_key(3199)).unwrap().is_known);
    assert_eq!(rig.saved().len(), 1023, "records are bounded");
    let id = rig.enter(None, public_key(5000));
    rig.join(id, "Cid");
    assert_eq!(rig.control.keys.known().count(), 1023, "a stranger takes no place of theirs");
}
