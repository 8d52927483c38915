//! An attacker between a client and the host, with a channel of its own to each.

use std::sync::{Arc, Mutex};

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    client::RemoteDispatcher,
    dispatcher::ConnectionError,
    installation::{HostLabels, Installation},
    protocol::{
        EntryRefusal, ProtocolError,
        entry::{EntryReply, EntryRequest},
    },
    security::{
        Channel, ChannelError, CodeRun, Entry, JoinCode, Opener, PublicKey, Responder, Sealer,
    },
    server::HostDispatcher,
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    sync::mpsc,
};

use super::{
    ANA, EVE, Taps, Way, ana, code, failure, host, message, participants, relay, wire, with_code,
};
use crate::shell::visitor::{Lan, Visitor, key, read_message};

/// The number of the attacker's key.
const MALLORY: u8 = 66;

/// The host's key, which everybody who connects is told.
async fn key_of(lan: &Lan) -> PublicKey {
    Visitor::connect_from(lan, EVE, MALLORY).await.channel.peer
}

/// Opens the channel of a client, as a host with the attacker's key; `None` if the client
/// ends the connection before it has shown its own.
async fn open_as_host(stream: &mut DuplexStream, entry: Entry) -> Option<Channel> {
    let own = key(MALLORY);
    let opening = read_message(stream).await?;
    let (reply, replied) = Responder::read_opening(&own, &opening).unwrap().reply(entry).unwrap();
    stream.write_all(&reply).await.ok()?;
    Some(replied.finish(&read_message(stream).await?).unwrap())
}

/// What the attacker reads inside the channels.
type Read = Arc<Mutex<Vec<u8>>>;

/// Relays the content of the channels of clients to the host, unchanged. Reports for each
/// connection whether the client has shown its key.
fn relay_content(mut taps: Taps, lan: Lan, read: Read) -> mpsc::UnboundedReceiver<bool> {
    let (reports, reported) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(mut client) = taps.recv().await {
            let channel = open_as_host(&mut client, Entry::Code).await;
            let _ = reports.send(channel.is_some());
            let Some(near) = channel else { continue };
            let Visitor { stream, channel: far, .. } =
                Visitor::connect_from(&lan, ANA, MALLORY).await;
            let (from_client, to_client) = tokio::io::split(client);
            let (from_host, to_host) = tokio::io::split(stream);
            tokio::spawn({
                let read = Arc::clone(&read);
                async move {
                    tokio::select! {
                        () = reseal(from_client, near.opener, to_host, far.sealer, &read) => {}
                        () = reseal(from_host, far.opener, to_client, near.sealer, &read) => {}
                    }
                }
            });
        }
    });
    reported
}

async fn reseal(
    mut from: ReadHalf<DuplexStream>,
    mut opener: Opener,
    mut to: WriteHalf<DuplexStream>,
    mut sealer: Sealer,
    read: &Read,
) {
    while let Some(message) = message(&mut from).await {
        let mut plain = vec![0; message.len()];
        let length = opener.open(&message[2..], &mut plain).unwrap();
        read.lock().unwrap().extend_from_slice(&plain[..length]);
        let mut sealed = Vec::new();
        sealer.seal(&plain[..length], &mut sealed).unwrap();
        if to.write_all(&sealed).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn man_in_the_middle_without_the_code_learns_nothing() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let (wire, taps) = wire();
    let read = Read::default();
    let _reports = relay_content(taps, lan, Arc::clone(&read));
    let installation = Installation::in_memory().unwrap();
    let wrong = ProtocolError::NotAdmitted(EntryRefusal::WrongCode);
    let failed = failure(wire, with_code(&installation, &host)).await;
    assert_eq!(failed, ConnectionError::Host(wrong));
    assert!(!installation.is_pinned(key(MALLORY).public()));
    assert_eq!(participants(&host), 1);
    let read = String::from_utf8(read.lock().unwrap().clone()).unwrap();
    assert!(read.contains("ProveCode") && read.contains("ConfirmCode"), "{read}");
    for secret in ["Hello", "Ana", &code(&host), &code(&host).replace('-', "")] {
        assert!(!read.contains(secret), "{secret}: {read}");
    }
}

#[tokio::test(start_paused = true)]
async fn man_in_the_middle_is_not_shown_the_key_of_a_friend() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let installation = Installation::in_memory().unwrap();
    let labels = HostLabels {
        session: None,
        machine: None,
        address: std::net::SocketAddr::from(super::HOST).to_string(),
    };
    installation.pin(key_of(&lan).await, &labels).unwrap();
    let (wire, taps) = wire();
    let read = Read::default();
    let mut reports = relay_content(taps, lan, Arc::clone(&read));
    let failed = failure(wire, ana(&installation)).await;
    let other = key(MALLORY).public();
    let label = labels.address;
    assert_eq!(failed, ConnectionError::OtherHost { label, host: other });
    assert_eq!(reports.recv().await, Some(false), "it has shown its key");
    assert!(read.lock().unwrap().is_empty());
    assert_eq!(participants(&host), 1);
}

/// Plays the host for a client that types the code, which the attacker knows.
async fn play_host(client: &mut DuplexStream, digits: &str) {
    let channel = open_as_host(client, Entry::Code).await.unwrap();
    let (mut channel, own) = (channel, key(MALLORY).public());
    let digits = JoinCode::parse(digits).unwrap();
    let (run, element) = CodeRun::host(&digits, channel.peer, own);
    let EntryRequest::ProveCode { element: theirs } = request(client, &mut channel).await else {
        panic!("no element");
    };
    reply(client, &mut channel, &EntryReply::CodeElement { element }).await;
    let proof = run.finish(&theirs, &channel.hash).unwrap();
    let EntryRequest::ConfirmCode { mac } = request(client, &mut channel).await else {
        panic!("no MAC");
    };
    assert!(proof.verify(&mac));
    reply(client, &mut channel, &EntryReply::CodeConfirmed { mac: proof.own() }).await;
}

async fn request(client: &mut DuplexStream, channel: &mut Channel) -> EntryRequest {
    let message = read_message(client).await.unwrap();
    let mut plain = vec![0; message.len()];
    let length = channel.opener.open(&message, &mut plain).unwrap();
    serde_json::from_slice(&plain[4..length]).unwrap()
}

async fn reply(client: &mut DuplexStream, channel: &mut Channel, reply: &EntryReply) {
    let payload = serde_json::to_vec(reply).unwrap();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut sealed = Vec::new();
    channel.sealer.seal(&[&length[..], &payload].concat(), &mut sealed).unwrap();
    client.write_all(&sealed).await.unwrap();
}

/// It can play the host, which docs/security.md says. It cannot be the client.
#[tokio::test(start_paused = true)]
async fn man_in_the_middle_with_the_code_is_noticed_afterwards() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let installation = Installation::in_memory().unwrap();
    let (tapped, mut taps) = wire();
    let joining = tokio::spawn(failure(tapped, with_code(&installation, &host)));
    let mut client = taps.recv().await.unwrap();
    play_host(&mut client, &code(&host)).await;
    drop(client);
    joining.await.unwrap();
    let mut eve = Visitor::connect_from(&lan, EVE, MALLORY).await;
    eve.prove_code(&code(&host)).await;
    eve.join("Ana").await;
    let roster = &host.state().roster;
    let seen = roster.participants.values().find(|seen| &*seen.name == "Ana").unwrap();
    let shown = Some(key(MALLORY).public());
    assert_eq!(seen.key, shown, "everybody sees that it is not the key of Ana");

    // The client notices when it reaches the real host.
    let (direct, taps) = wire();
    let real = key_of(&lan).await;
    relay(taps, lan, |passing| Some(passing.bytes));
    match failure(direct, ana(&installation)).await {
        ConnectionError::OtherHost { host, .. } => assert_eq!(host, real),
        other => panic!("{other}"),
    }
}

/// Of two offered versions it removes the newer, or adds another.
#[tokio::test(start_paused = true)]
async fn changed_offer_of_versions_is_noticed() {
    let (host, lan) = host(AdmissionPolicy::Open);
    let (wire, taps) = wire();
    relay(taps, lan, |passing| match (passing.way, passing.number) {
        (Way::ToHost, 0) => {
            let mut opening = passing.bytes;
            // The length, the number of versions, and an unknown version.
            opening[1] += 1;
            opening[10] += 1;
            opening.insert(11, 99);
            Some(opening)
        }
        _ => Some(passing.bytes),
    });
    let installation = Installation::in_memory().unwrap();
    let failed = failure(wire, ana(&installation)).await;
    assert_eq!(failed, ConnectionError::Channel(ChannelError::DoesNotOpen));
    assert_eq!(participants(&host), 1);
}

/// The offer, the host's choice and its hint how to enter are all in the handshake hash.
#[tokio::test(start_paused = true)]
async fn changed_byte_of_the_handshake_ends_it() {
    let (host, lan) = host(AdmissionPolicy::Open);
    let installation = Installation::in_memory().unwrap();
    for (at, number, bytes) in [(Way::ToHost, 0, 44), (Way::ToClient, 0, 100), (Way::ToHost, 1, 66)]
    {
        for byte in (2..bytes).step_by(7) {
            let (wire, taps) = wire();
            relay(taps, lan.clone(), move |mut passing| {
                if (passing.way, passing.number) == (at, number) {
                    passing.bytes[byte] ^= 1;
                }
                Some(passing.bytes)
            });
            let failed = failure(wire, ana(&installation)).await;
            assert!(!failed.is_final(), "a client that comes back would give up: {failed}");
        }
    }
    assert_eq!(participants(&host), 1);
    joins(&host, lan, &installation).await;
}

async fn joins(host: &HostDispatcher, lan: Lan, installation: &Installation) {
    let (wire, taps) = wire();
    relay(taps, lan, |passing| Some(passing.bytes));
    let _ana: RemoteDispatcher = RemoteDispatcher::join(wire, ana(installation)).await.unwrap();
    assert_eq!(participants(host), 2);
}
