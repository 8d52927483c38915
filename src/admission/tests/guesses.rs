//! Guessing the code.

use super::{AdmissionPolicy, IpAddr, Rig, SECOND, code, lan, public_key};
use crate::{
    admission::{AdmissionOutput, CodePause, PeerAddress},
    protocol::EntryRefusal::{CodeReplaced, CodesPaused, WrongCode},
};

fn address(number: u8) -> PeerAddress {
    PeerAddress::of(lan(number))
}

#[test]
fn thousand_guesses_of_an_address_are_five() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let mut looked_at = 0;
    let outcomes: Vec<_> =
        (0..1000).map(|n| rig.guess(lan(1), public_key(n), n == 999, &mut looked_at)).collect();
    assert_eq!(looked_at, 5);
    assert_eq!(outcomes[..5], [Err(WrongCode); 5]);
    assert!(outcomes[5..].iter().all(|outcome| *outcome == Err(CodesPaused)));
    assert_eq!(rig.guess(lan(2), public_key(1), true, &mut looked_at), Ok(()), "another address");
}

#[test]
fn thousand_guesses_of_all_addresses_are_thirty() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let mut looked_at = 0;
    for n in 0..1000 {
        let ip = IpAddr::from([198, 51, 100, u8::try_from(n % 200).unwrap()]);
        let outcome = rig.guess(Some(ip), public_key(n), n == 999, &mut looked_at);
        assert_eq!(outcome, Err(if n < 30 { WrongCode } else { CodesPaused }));
    }
    assert_eq!(looked_at, 30);
    assert_eq!(rig.guess(None, public_key(1), true, &mut looked_at), Err(CodesPaused));
}

/// The runs are all begun before the first guess is looked at.
#[test]
fn guesses_at_once_are_not_more() {
    for addresses in [1, 4, 32] {
        let mut rig = Rig::with(AdmissionPolicy::Code);
        let mut runs = Vec::new();
        for n in 0..128 {
            let ip = lan(u8::try_from(n % addresses).unwrap());
            let id = rig.enter(ip, public_key(n));
            rig.control.begin_code(rig.now, id).unwrap();
            runs.push(id);
        }
        let mut looked_at = 0;
        for id in runs {
            let is_right = || {
                looked_at += 1;
                false
            };
            rig.control.code_proof(rig.now, id, is_right).unwrap_err();
        }
        assert_eq!(looked_at, 30.min(5 * addresses), "{addresses} addresses");
    }
}

#[test]
fn guess_for_a_replaced_code_is_not_looked_at() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.begin_code(rig.now, id).unwrap();
    rig.control.new_code(code(2));
    let outcome = rig.control.code_proof(rig.now, id, || panic!("it was looked at"));
    assert_eq!(outcome, Err(CodeReplaced));
    assert_eq!(rig.control.status().paused, None, "it does not count as a guess");
}

#[test]
fn guess_for_a_paused_code_is_not_looked_at() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    let id = rig.enter(lan(1), public_key(1));
    rig.control.begin_code(rig.now, id).unwrap();
    for n in 0..5 {
        assert_eq!(rig.guess(lan(1), public_key(n), false, &mut 0), Err(WrongCode));
    }
    let outcome = rig.control.code_proof(rig.now, id, || panic!("it was looked at"));
    assert_eq!(outcome, Err(CodesPaused));
    // A new code lifts the pause, but not for runs of the one before.
    let other = rig.enter(lan(2), public_key(2));
    rig.control.begin_code(rig.now, other).unwrap();
    rig.control.new_code(code(2));
    let outcome = rig.control.code_proof(rig.now, other, || panic!("it was looked at"));
    assert_eq!(outcome, Err(CodeReplaced));
}

#[test]
fn new_code_lifts_the_pause_that_the_host_sees() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    for n in 0..5 {
        rig.guess(lan(1), public_key(n), false, &mut 0).unwrap_err();
    }
    assert!(rig.saw(&AdmissionOutput::Changed));
    assert_eq!(rig.control.status().paused, Some(CodePause::Addresses(vec![address(1)])));
    for n in 5..30 {
        rig.guess(lan(u8::try_from(n).unwrap()), public_key(n), false, &mut 0).unwrap_err();
    }
    assert_eq!(rig.control.status().paused, Some(CodePause::Everybody));
    rig.outputs.clear();
    rig.control.new_code(code(2));
    assert!(rig.saw(&AdmissionOutput::Changed));
    assert_eq!(rig.control.status().paused, None);
    assert_eq!(rig.control.status().code, code(2));
    let mut looked_at = 0;
    for n in 0..9 {
        rig.guess(lan(1), public_key(n), false, &mut looked_at).unwrap_err();
    }
    assert_eq!(looked_at, 5);
}

#[test]
fn pause_does_not_keep_known_keys_out() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    rig.guess(lan(1), public_key(1), true, &mut 0).unwrap();
    for n in 0..30 {
        rig.guess(lan(u8::try_from(n).unwrap()), public_key(100 + n), false, &mut 0).unwrap_err();
    }
    assert!(rig.say_hello(lan(1), public_key(1)).is_ok());
}

#[test]
fn pause_does_not_end_by_itself() {
    let mut rig = Rig::with(AdmissionPolicy::Code);
    for n in 0..5 {
        rig.guess(lan(1), public_key(n), false, &mut 0).unwrap_err();
    }
    rig.pass(100_000 * SECOND);
    assert_eq!(rig.guess(lan(1), public_key(1), true, &mut 0), Err(CodesPaused));
}
