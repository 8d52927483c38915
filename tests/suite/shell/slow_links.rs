//! Deadlines are for silence, not for size: whatever a link transfers, however
//! slowly, its client is there.

use std::time::Duration;

use imbolc_net::{
    Dispatcher,
    model::InstrumentId,
    protocol::{ClientId, ClientMessage, ServerMessage},
    server::HostDispatcher,
    studio::{NetworkAction, SourceKind},
    transport::MemoryConnector,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{Raw, SECOND, host};
use crate::harness::hello;

const SLOW: ClientId = ClientId(1);

/// A host with a state of several times the capacity of the pipe.
fn large_host() -> (HostDispatcher, MemoryConnector) {
    let (host, connector) = host();
    for id in 0..300 {
        let (id, name) = (InstrumentId(5000 + id), Default::default());
        let source = SourceKind::Kick;
        host.dispatch(NetworkAction::AddInstrument { id, name, source }).unwrap();
    }
    (host, connector)
}

/// Reads `rate` bytes a second until `message` is there, without sending anything.
async fn receive_slowly(raw: &mut Raw, rate: usize) -> ServerMessage {
    loop {
        if raw.buffer.len() >= 4 {
            let length = u32::from_be_bytes(raw.buffer[..4].try_into().unwrap()) as usize;
            if raw.buffer.len() >= 4 + length {
                return raw.receive().await.expect("it has arrived");
            }
        }
        let mut piece = vec![0; rate];
        let read = raw.reader.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "the connection ended");
        raw.buffer.extend_from_slice(&piece[..read]);
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn large_welcome_passes_a_slow_link() {
    let (host, connector) = large_host();
    let begun = Instant::now();
    let mut raw = Raw::join(&connector, hello("slow")).await;
    let welcome = receive_slowly(&mut raw, 4096).await;
    assert!(matches!(welcome, ServerMessage::Welcome(_)));
    assert!(begun.elapsed() > 30 * SECOND, "{:?}", begun.elapsed());
    assert!(!host.state().roster.is_away(SLOW));
    raw.send(&ClientMessage::Ping { nonce: 7 }).await;
    while raw.receive().await.expect("it is connected") != (ServerMessage::Pong { nonce: 7 }) {}
}

#[tokio::test(start_paused = true)]
async fn large_full_state_passes_a_slow_link() {
    let (host, connector) = large_host();
    let mut raw = Raw::join(&connector, hello("slow")).await;
    assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
    raw.send(&ClientMessage::RequestFullSync).await;
    let begun = Instant::now();
    while !matches!(receive_slowly(&mut raw, 4096).await, ServerMessage::FullStateSync { .. }) {}
    assert!(begun.elapsed() > 30 * SECOND, "{:?}", begun.elapsed());
    assert!(!host.state().roster.is_away(SLOW));
    raw.send(&ClientMessage::Ping { nonce: 7 }).await;
    while raw.receive().await.expect("it is connected") != (ServerMessage::Pong { nonce: 7 }) {}
}

#[tokio::test(start_paused = true)]
async fn client_that_takes_no_byte_is_suspended_after_15_s() {
    let (host, connector) = large_host();
    let mut raw = Raw::join(&connector, hello("slow")).await;
    assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
    raw.send(&ClientMessage::RequestFullSync).await;
    sleep(14 * SECOND).await;
    assert!(!host.state().roster.is_away(SLOW));
    sleep(3 * SECOND).await;
    assert!(host.state().roster.is_away(SLOW));
}

#[tokio::test(start_paused = true)]
async fn bytes_of_an_unfinished_message_are_a_sign_of_life() {
    let (host, connector) = host();
    let mut raw = Raw::join(&connector, hello("slow")).await;
    assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
    // A message of 20 bytes, one of them in 3 s.
    let payload = br#"{"Ping":{"nonce":7}}"#;
    raw.writer.write_all(&u32::try_from(payload.len()).unwrap().to_be_bytes()).await.unwrap();
    for byte in payload {
        sleep(3 * SECOND).await;
        raw.writer.write_all(&[*byte]).await.unwrap();
        assert!(!host.state().roster.is_away(SLOW));
    }
    while raw.receive().await.expect("it is connected") != (ServerMessage::Pong { nonce: 7 }) {}
    sleep(14 * SECOND).await;
    assert!(!host.state().roster.is_away(SLOW));
    sleep(Duration::from_secs(7)).await;
    assert!(host.state().roster.is_away(SLOW), "then it is silent");
}
