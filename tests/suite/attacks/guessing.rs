//! An attacker that guesses the code.

use std::time::Duration;

use imbolc_net::{
    admission::AdmissionPolicy,
    protocol::{
        EntryRefusal, ProtocolError,
        entry::{EntryReply, EntryRequest},
    },
    security::{CodeRun, JoinCode},
};

use tokio::time::sleep;

use super::{code, host, new_code, participants, wrong};
use crate::shell::visitor::{Lan, Visitor};

/// An attacker's address.
fn address(number: usize) -> [u8; 4] {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    [10, 0, high, low]
}

/// Guesses once, from an address.
async fn guess(lan: &Lan, ip: [u8; 4], digits: &str) -> Result<(), EntryRefusal> {
    let mut eve = Visitor::connect_from(lan, ip, 66).await;
    let digits = JoinCode::parse(digits).unwrap();
    let (run, element) = CodeRun::joiner(&digits, eve.own, eve.channel.peer);
    eve.send(&EntryRequest::ProveCode { element }).await;
    let element = match eve.reply().await {
        Some(EntryReply::CodeElement { element }) => element,
        other => return Err(refusal(other)),
    };
    let proof = run.finish(&element, &eve.channel.hash).unwrap();
    eve.send(&EntryRequest::ConfirmCode { mac: proof.own() }).await;
    match eve.reply().await {
        Some(EntryReply::CodeConfirmed { mac }) if proof.verify(&mac) => Ok(()),
        other => Err(refusal(other)),
    }
}

fn refusal(reply: Option<EntryReply>) -> EntryRefusal {
    match reply {
        Some(EntryReply::Error(ProtocolError::NotAdmitted(refusal))) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn thousand_guesses_are_five_of_an_address_and_thirty() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let wrong = wrong(&host);
    let mut verified = [0; 10];
    for turn in 0..1000 {
        let from = turn % 10;
        match guess(&lan, address(from), wrong).await {
            Err(EntryRefusal::WrongCode) => verified[from] += 1,
            refused => assert_eq!(refused, Err(EntryRefusal::CodesPaused)),
        }
    }
    assert!(verified.iter().all(|of_address| *of_address <= 5), "{verified:?}");
    assert_eq!(verified.iter().sum::<u32>(), 30);

    // Not even the right one, and from elsewhere, until a person makes a new one.
    let paused = Err(EntryRefusal::CodesPaused);
    assert_eq!(guess(&lan, address(500), &code(&host)).await, paused);
    new_code(&host);
    assert_eq!(guess(&lan, address(500), &code(&host)).await, Ok(()));
    assert_eq!(participants(&host), 1);
}

/// How many of these guesses, whose MACs arrive before any is answered, are verified.
async fn verified_at_once(lan: &Lan, digits: &str, ips: impl Iterator<Item = [u8; 4]>) -> usize {
    let code = JoinCode::parse(digits).unwrap();
    let mut running = Vec::new();
    for ip in ips {
        // What the host answers fits into the pipe only as far as it is read.
        let mut eve = Visitor::open(lan.connect_by(ip, 16), 66).await.unwrap();
        let (run, element) = CodeRun::joiner(&code, eve.own, eve.channel.peer);
        eve.send(&EntryRequest::ProveCode { element }).await;
        match eve.reply().await {
            Some(EntryReply::CodeElement { element }) => {
                let proof = run.finish(&element, &eve.channel.hash).unwrap();
                running.push((eve, proof));
            }
            other => panic!("{other:?}"),
        }
    }
    for (eve, proof) in &mut running {
        eve.send(&EntryRequest::ConfirmCode { mac: proof.own() }).await;
    }
    sleep(Duration::from_millis(100)).await;
    let mut verified = 0;
    for (mut eve, _) in running {
        match eve.reply().await {
            // Its run has made room for another.
            None => {}
            Some(EntryReply::Error(ProtocolError::NotAdmitted(refusal))) => {
                verified += usize::from(refusal == EntryRefusal::WrongCode);
            }
            other => panic!("{other:?}"),
        }
    }
    verified
}

#[tokio::test(start_paused = true)]
async fn guesses_at_once_are_no_more_than_one_by_one() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let wrong = wrong(&host);
    let of_one = verified_at_once(&lan, wrong, (0..128).map(|_| address(1))).await;
    assert_eq!(of_one, 5);
    let of_many = verified_at_once(&lan, wrong, (2..130).map(address)).await;
    assert_eq!(of_many, 25);
    let paused = Err(EntryRefusal::CodesPaused);
    assert_eq!(guess(&lan, address(500), &code(&host)).await, paused);
}
