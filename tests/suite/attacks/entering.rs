//! An attacker that was in the session before, or knows of a participant.

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    client::RemoteDispatcher,
    dispatcher::{CloseReason, ConnectionError, HostCommand, Status},
    installation::Installation,
    protocol::{
        ClientId, ClientMessage, EntryRefusal, Hello, ProtocolError, ReconnectRefusal, Resume,
        ServerMessage,
        entry::EntryRequest,
        framing::{self, Codec},
    },
    server::HostDispatcher,
    studio::Studio,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{EVE, ana, code, failure, host, is_connected, participants, relay, wire, with_code};
use crate::{
    conformance::eventually,
    shell::visitor::{Lan, Visitor, keyed_hello},
};

const REMOVED: ConnectionError =
    ConnectionError::Host(ProtocolError::NotAdmitted(EntryRefusal::Removed));

fn direct(lan: &Lan) -> super::Wire {
    let (wire, taps) = wire();
    relay(taps, lan.clone(), |passing| Some(passing.bytes));
    wire
}

fn remove(host: &HostDispatcher, name: &str) {
    let roster = &host.state().roster;
    let found = roster.participants.iter().find(|(_, seen)| seen.name.to_string() == name);
    host.administer(HostCommand::Remove { client: *found.unwrap().0 }).unwrap();
}

#[tokio::test(start_paused = true)]
async fn removed_client_ends_and_stays_out_until_admitted() {
    for policy in [AdmissionPolicy::Open, AdmissionPolicy::Code, AdmissionPolicy::Ask] {
        let (host, lan) = host(policy);
        let installation = Installation::in_memory().unwrap();
        let options = || with_code(&installation, &host);
        let old_code = options();
        let joined: RemoteDispatcher =
            RemoteDispatcher::join(direct(&lan), options()).await.unwrap();
        remove(&host, "Ana");
        let reason = CloseReason::ConnectionLost(REMOVED);
        eventually("it ends", || joined.status() == Status::Closed { reason: reason.clone() })
            .await;

        // Whatever it shows: nothing, the code that it knows, the new one.
        assert_eq!(failure(direct(&lan), ana(&installation)).await, REMOVED);
        assert_eq!(failure(direct(&lan), old_code).await, REMOVED);
        assert_eq!(failure(direct(&lan), options()).await, REMOVED);
        assert_eq!(participants(&host), 1);

        host.administer(HostCommand::Admit { name: "Ana".into() }).unwrap();
        let again: RemoteDispatcher =
            RemoteDispatcher::join(direct(&lan), ana(&installation)).await.unwrap();
        assert!(is_connected(&again));
    }
}

/// A removed participant may return with another key.
#[tokio::test(start_paused = true)]
async fn code_from_before_a_removal_is_wrong() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let old = code(&host);
    let mut eve = Visitor::connect_from(&lan, EVE, 66).await;
    eve.prove_code(&old).await;
    eve.join("Eve").await;
    remove(&host, "Eve");
    assert_ne!(code(&host), old);
    let mut eve = Visitor::connect_from(&lan, EVE, 67).await;
    let proof = eve.begin_code(&old).await;
    let refused = eve.refused(&EntryRequest::ConfirmCode { mac: proof.own() }).await;
    assert_eq!(refused, EntryRefusal::WrongCode);
}

/// The instance of Ana is in her `Hello`, which every earlier host has seen.
#[tokio::test(start_paused = true)]
async fn place_belongs_to_its_key() {
    let (host, lan) = host(AdmissionPolicy::Open);
    let mut ana = Visitor::connect_from(&lan, [192, 168, 1, 30], 1).await;
    ana.join("Ana").await;
    let place = host.state().roster.participants.clone();
    let resume =
        Some(Resume { token: None, seq: None, answered: None, client_id: None, history: 0 });
    let taking = Hello { attempt: 9, resume, ..keyed_hello("Ana") };

    let mut eve = Visitor::connect_from(&lan, EVE, 66).await;
    eve.send(&EntryRequest::Hello(taking.clone())).await;
    let unknown = ServerMessage::ReconnectFailed { reason: ReconnectRefusal::UnknownToken };
    assert_eq!(eve.receive().await, Some(unknown.clone()));
    assert_eq!(plain(&lan, taking).await, Some(unknown));
    assert_eq!(host.state().roster.participants.len(), place.len());

    // Without `resume`, they get a place and a name of their own.
    let again = Hello { attempt: 9, ..keyed_hello("Ana") };
    let mut eve = Visitor::connect_from(&lan, EVE, 66).await;
    assert_eq!(eve.join("Ana").await, "Ana 2");
    let Some(ServerMessage::Welcome(welcome)) = plain(&lan, again).await else { panic!() };
    assert_eq!(welcome.name, "Ana 3");
    let ana = &host.state().roster.participants[&ClientId(1)];
    assert_eq!(ana.presence, place[&ClientId(1)].presence);
}

/// The answer to a `Hello` in clear.
async fn plain(lan: &Lan, hello: Hello) -> Option<ServerMessage> {
    let mut stream = lan.connect(EVE);
    let mut frame = Vec::new();
    framing::encode(Codec::Json, &ClientMessage::<Studio>::Hello(hello), &mut frame).unwrap();
    stream.write_all(&frame).await.unwrap();
    let length = stream.read_u32().await.ok()?;
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    Some(framing::decode(Codec::Json, &payload).unwrap())
}
