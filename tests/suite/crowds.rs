//! Many strangers who never finish their handshakes, and the clients that the host knows.
//! The report measures 5,000 of them over sockets (`strangers/`).

use std::time::Duration;

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    protocol::{ServerMessage, entry::EntryRequest},
    security::Initiator,
    server::{HostDispatcher, HostOptions},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::shell::visitor::{Lan, Visitor, host_on_a_lan, key, keyed_hello, read_message};

const SECOND: Duration = Duration::from_secs(1);

const STRANGERS: u16 = 300;
const ADDRESSES: u16 = 20;

/// Clients that the host knows, each with an address of its own.
const KNOWN: u8 = 8;

fn host() -> (HostDispatcher, Lan) {
    let admission = AdmissionPolicy::Code;
    host_on_a_lan(HostOptions { admission, local_exemption: false, ..HostOptions::default() })
}

/// Makes a crowd: each stranger sends a byte a second, and is back 1 s after it is dropped.
fn crowd(lan: &Lan) -> JoinSet<()> {
    let (_, opening) = Initiator::new(&key(0)).unwrap();
    let mut crowd = JoinSet::new();
    for stranger in 0..STRANGERS {
        let [_, last] = (stranger % ADDRESSES).to_be_bytes();
        let (lan, opening) = (lan.clone(), opening.clone());
        crowd.spawn(async move {
            sleep(SECOND * stranger.into() / STRANGERS.into()).await;
            loop {
                trickle(lan.connect([198, 51, 100, last]), &opening).await;
                sleep(SECOND).await;
            }
        });
    }
    crowd
}

async fn trickle(mut stream: DuplexStream, bytes: &[u8]) {
    for byte in bytes {
        let written = stream.write_all(&[*byte]).await;
        if written.is_err() || timeout(SECOND, stream.read(&mut [0])).await.is_ok() {
            return;
        }
    }
}

/// Makes the clients of these keys known.
async fn acquaint(host: &HostDispatcher, lan: &Lan) {
    let code = host.admission().unwrap().code.shown();
    for seed in 1..=KNOWN {
        let mut client = Visitor::connect(lan, seed).await;
        client.prove_code(&code).await;
        client.join(&format!("Client {seed}")).await;
    }
}

/// Enters as the client of `seed`, which takes `pause` for message 3; `None` if the host
/// closes the connection.
async fn enter(lan: &Lan, seed: u8, pause: Duration) -> Option<Visitor> {
    let mut stream = lan.connect([192, 0, 2, seed]);
    let (initiator, opening) = Initiator::new(&key(seed)).unwrap();
    stream.write_all(&opening).await.ok()?;
    let answered = initiator.read_reply(&read_message(&mut stream).await?).unwrap();
    sleep(pause).await;
    let entry = answered.entry;
    let (message, channel) = answered.finish().unwrap();
    stream.write_all(&message).await.ok()?;
    let mut client = Visitor::of(stream, channel, key(seed).public(), entry);
    client.send(&EntryRequest::Hello(keyed_hello(&format!("Client {seed}")))).await;
    matches!(client.receive().await?, ServerMessage::Welcome(_)).then_some(client)
}

#[tokio::test(start_paused = true)]
async fn crowd_delays_no_known_client() {
    let (host, lan) = host();
    acquaint(&host, &lan).await;
    let _crowd = crowd(&lan);
    sleep(3 * SECOND).await;
    for seed in 1..=KNOWN {
        let entering = timeout(SECOND, enter(&lan, seed, Duration::ZERO)).await;
        assert!(entering.is_ok_and(|client| client.is_some()), "client {seed}");
    }
    assert!(host.stats().rejected > STRANGERS.into(), "the crowd was there");
}

#[tokio::test(start_paused = true)]
async fn slow_client_keeps_its_slot_in_a_crowd() {
    let (host, lan) = host();
    acquaint(&host, &lan).await;
    let _crowd = crowd(&lan);
    sleep(3 * SECOND).await;
    let mut slow = JoinSet::new();
    for seed in 1..=KNOWN {
        let lan = lan.clone();
        slow.spawn(async move { enter(&lan, seed, 4 * SECOND).await.is_some() });
    }
    let before = host.stats().rejected;
    let entered = slow.join_all().await;
    assert!(host.stats().rejected > before + 128, "every slot was needed");
    assert_eq!(entered, [true; KNOWN as usize]);
}
