//! Timeouts and intervals, as they show on the wire.

use std::time::Duration;

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    dispatcher::Status,
    protocol::{ClientMessage, Hello, ProtocolError, ServerMessage},
    server::HostOptions,
    studio::{Metering, NetworkAction, TransportAction},
    sync::session::SessionConfig,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep, timeout},
};

use super::{Raw, Remote, SECOND, host, host_with, options};
use crate::{
    conformance::eventually,
    harness::{BASS, cutoff, cutoff_of, hello},
};

#[tokio::test(start_paused = true)]
async fn handshake_times_out() {
    let (host, connector) = host();
    let begun = Instant::now();
    let mut raw = Raw::connect(&connector).await;
    // A partial frame does not extend the timeout.
    raw.writer.write_all(&[0, 0]).await.unwrap();
    assert_eq!(raw.receive_error().await, ProtocolError::HandshakeTimeout { seconds: 5 });
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(raw.receive().await, None);
    assert_eq!(host.state().seq.0, 0);
}

#[tokio::test(start_paused = true)]
async fn silent_client_is_pinged_suspended_and_removed() {
    let (host, connector) = host();
    let mut raw = Raw::join(&connector, Hello { own: vec![BASS], ..hello("Ana") }).await;
    let Some(ServerMessage::Welcome(welcome)) = raw.receive().await else { panic!() };
    // Without a message the host does not know that the token arrived.
    raw.send(&ClientMessage::Pong { nonce: 0 }).await;
    let (begun, mut pings) = (Instant::now(), vec![]);
    let error = loop {
        match raw.receive().await {
            Some(ServerMessage::Ping { .. }) => pings.push(begun.elapsed().as_secs()),
            Some(ServerMessage::Error(error)) => break error,
            Some(_) => {}
            None => panic!("closed without an error"),
        }
    };
    // A third one is due together with the end.
    assert_eq!(pings[..2], [5, 10]);
    assert_eq!(error, ProtocolError::Silent { seconds: 15 });
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert!(host.state().roster.is_away(welcome.client_id));
    assert!(host.state().roster.owns(welcome.client_id, BASS));

    sleep(59 * SECOND).await;
    assert!(host.state().roster.owns(welcome.client_id, BASS));
    sleep(SECOND + SECOND / 10).await;
    assert!(host.state().roster.owners.is_empty());
    assert_eq!(host.participants().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn idle_client_stays_and_gets_no_full_state() {
    let (host, connector) = host();
    let remote = Remote::join(connector, options("Ana", &[BASS])).await.unwrap();
    let mut events = remote.events();
    sleep(Duration::from_mins(120)).await;
    assert!(matches!(remote.status(), Status::Connected { round_trip: Some(_), .. }));
    assert!(!host.state().roster.is_away(remote.identity().client_id));
    while let Some(event) = events.try_next() {
        let is_full = matches!(event, Event::Session(SessionEvent::Resynchronised(_)));
        assert!(!is_full && !matches!(event, Event::Status(_)), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sweep_arrives_at_30_patches_a_second() {
    let (host, connector) = host();
    host.request_ownership(&[BASS]).unwrap();
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = raw.receive().await else { panic!() };
    let mut state = welcome.state;
    let sweep = async {
        for step in 0..4000_u16 {
            host.dispatch(cutoff(BASS, 1000.0 + f32::from(step))).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
    };
    let mut times = vec![];
    let listen = async {
        while cutoff_of(&state.model, BASS) != 4999.0 {
            if let ServerMessage::StatePatchUpdate(patch) = raw.receive().await.unwrap() {
                state = state.patched(&patch).unwrap();
                times.push(Instant::now());
            }
        }
    };
    let begun = Instant::now();
    tokio::join!(sweep, listen);
    assert!(times[0] - begun <= Duration::from_millis(2), "the first patch is sent at once");
    assert!((115..=125).contains(&times.len()), "{} in 4 s", times.len());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(33)));
}

#[tokio::test(start_paused = true)]
async fn metering_is_sent_30_times_a_second_while_playing() {
    let (host, connector) = host();
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    let mut received: Vec<Metering> = vec![];
    let listen = async {
        loop {
            match raw.receive().await.unwrap() {
                ServerMessage::Metering(metering) => received.push(metering),
                ServerMessage::Ping { nonce, .. } => raw.send(&ClientMessage::Pong { nonce }).await,
                _ => {}
            }
        }
    };
    let _ = timeout(10 * SECOND, listen).await;
    assert!((250..=310).contains(&received.len()), "{}", received.len());
    assert!(received.windows(2).all(|pair| pair[0].playhead < pair[1].playhead));
    // 120 bpm: two quarter notes of 480 ticks per second.
    let last = received.last().unwrap().playhead.get();
    assert!((9500..=9600).contains(&last), "{last}");

    host.dispatch(NetworkAction::Transport(TransportAction::Stop)).unwrap();
    let mut after = 0;
    let listen = async {
        while let Some(message) = raw.receive().await {
            after += u32::from(matches!(message, ServerMessage::Metering(_)));
        }
    };
    let _ = timeout(4 * SECOND, listen).await;
    assert!(after <= 3, "{after} after playback stopped");
}

#[tokio::test(start_paused = true)]
async fn playhead_moves_after_any_pause() {
    let (host, _connector) = host();
    for _ in 0..3 {
        let before = host.metering().playhead;
        sleep(Duration::from_mins(10)).await;
        host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
        sleep(SECOND).await;
        assert!(host.metering().playhead.get() >= before.get() + 900);
        host.dispatch(NetworkAction::Transport(TransportAction::Stop)).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn place_is_freed_after_the_resume_window() {
    let session = SessionConfig { resume_window: SECOND, ..SessionConfig::default() };
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
    raw.send(&ClientMessage::Pong { nonce: 0 }).await;
    drop(raw);
    eventually("the host notices", || host.participants()[1].away).await;
    sleep(SECOND + SECOND / 10).await;
    assert_eq!(host.participants().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn disconnect_before_the_welcome_leaves_no_participant() {
    let (host, connector) = host();
    let raw = Raw::join(&connector, hello("Ana")).await;
    eventually("it joins", || host.participants().len() == 2).await;
    drop(raw);
    sleep(SECOND).await;
    assert_eq!(host.participants().len(), 1);
}
