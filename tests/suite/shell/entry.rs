//! The rows of the table in docs/protocol.md, "Entering": who is admitted, from the first
//! byte of a connection to the `Hello`.

use imbolc_net::{
    Dispatcher, Event,
    admission::{AdmissionPolicy, Verdict},
    dispatcher::{DispatchError, HostCommand},
    protocol::{ClientId, EntryRefusal, ProtocolError, ServerMessage, entry::EntryRequest},
    security::Entry,
    server::{HostDispatcher, HostOptions},
};
use tokio::{io::AsyncWriteExt as _, time::sleep};

use super::{
    SECOND,
    visitor::{Lan, Visitor, host_on_a_lan, keyed_hello},
};
use crate::conformance::{event, eventually};

fn host_with(admission: AdmissionPolicy) -> (HostDispatcher, Lan) {
    host_on_a_lan(HostOptions { admission, ..HostOptions::default() })
}

fn code(host: &HostDispatcher) -> String {
    host.admission().unwrap().code.shown()
}

/// A code that the host does not have.
fn wrong(host: &HostDispatcher) -> String {
    if code(host) == "000-000" { "111-111".into() } else { "000-000".into() }
}

fn hello_of(name: &str) -> EntryRequest {
    EntryRequest::Hello(keyed_hello(name))
}

#[tokio::test(start_paused = true)]
async fn code_admits_and_is_not_needed_again() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = Visitor::connect(&lan, 1).await;
    assert_eq!(ana.entry, Entry::Code);
    ana.prove_code(&code(&host)).await;
    assert_eq!(ana.join("Ana").await, "Ana");
    drop(ana);
    let mut ana = Visitor::connect(&lan, 1).await;
    ana.join("Ana").await;
}

#[tokio::test(start_paused = true)]
async fn unknown_key_learns_how_to_enter() {
    for (policy, entry, reason) in [
        (AdmissionPolicy::Code, Entry::Code, EntryRefusal::CodeNeeded),
        (AdmissionPolicy::Ask, Entry::Ask, EntryRefusal::CodeOrQuestion),
    ] {
        let (host, lan) = host_with(policy);
        let mut eve = Visitor::connect(&lan, 1).await;
        assert_eq!(eve.entry, entry);
        assert_eq!(eve.refused(&hello_of("Eve")).await, reason);
        assert_eq!(host.state().roster.participants.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn open_session_admits_every_key_and_remembers_none() {
    let (host, lan) = host_with(AdmissionPolicy::Open);
    let mut eve = Visitor::connect(&lan, 1).await;
    assert_eq!(eve.entry, Entry::Open);
    eve.join("Eve").await;
    let key = host.state().roster.participants[&ClientId(1)].key;
    assert_eq!(key, Some(eve.own));
}
