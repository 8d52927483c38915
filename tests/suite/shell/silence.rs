//! Deadlines are for silence and not for size, and a busy client is not silent.

use std::time::Duration;

use imbolc_net::{
    Dispatcher, Event,
    client::{ClientConfig, JoinOptions},
    dispatcher::{ConnectionError, Status},
    installation::{PlaceFile, SavedPlace},
    protocol::{ClientMessage, InstanceId, ServerMessage, SessionId, SessionToken},
    security::{Entry, channel::CHUNK},
    studio::Metering,
    util::quantity::Ticks,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep},
};

use super::{
    Remote, SECOND, options,
    scripted_host::{Accepted, ScriptedHost, frame},
};
use crate::{
    conformance::eventually,
    harness::{BASS, cutoff},
};

const PIPE: usize = 64 * 1024;

/// Sends `bytes` in ten parts, `pause` apart.
async fn trickle(to: &mut Accepted, bytes: &[u8], pause: Duration) {
    for part in bytes.chunks(bytes.len().div_ceil(10)) {
        sleep(pause).await;
        if to.writer.write_all(part).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn joining_takes_as_long_as_bytes_arrive() {
    for (pause, expected) in [(4 * SECOND, None), (6 * SECOND, Some(ConnectionError::Timeout))] {
        let (mut host, connector) = ScriptedHost::new(PIPE).await;
        let joining = tokio::spawn(Remote::join(connector, options("Ana", &[])));
        let (mut accepted, _) = host.accept().await;
        trickle(&mut accepted, &host.welcome_frame(), pause).await;
        assert_eq!(joining.await.unwrap().err(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn full_state_of_a_resume_takes_as_long_as_bytes_arrive() {
    let directory = std::env::temp_dir().join(format!("imbolc-trickle-{}", std::process::id()));
    let file = PlaceFile::claim(&directory, "here", "Ana").unwrap();
    let (session, token) = (SessionId::new([1; 16]), SessionToken::new([1; 16]));
    let instance = InstanceId::new([1; 16]);
    let place = SavedPlace { instance, attempt: 3, session: Some(session), token: Some(token) };
    file.save(place).unwrap();
    let with_file = JoinOptions { place: Some(file), ..options("Ana", &[]) };
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let joining = tokio::spawn(Remote::join(connector, with_file));
    let (mut accepted, hello) = host.resume().await;
    assert_eq!(hello.attempt, 4);
    let begun = Instant::now();
    let full = frame(&ServerMessage::FullStateSync { state: host.state() });
    trickle(&mut accepted, &full, 4 * SECOND).await;
    let _ana = joining.await.unwrap().unwrap();
    // Meanwhile it gave signs of life.
    let mut pings = 0;
    while let Ok(Some(message)) = tokio::time::timeout(SECOND, accepted.receive()).await {
        pings += usize::from(matches!(message, ClientMessage::Ping { .. }));
    }
    let expected = (begun.elapsed().as_secs() / 2) as usize;
    assert!(pings + 1 >= expected, "{pings} of {expected}");
    std::fs::remove_dir_all(directory).unwrap();
}

/// A message of the channel is handed out only as a whole.
#[tokio::test(start_paused = true)]
async fn long_message_of_the_channel_passes_a_slow_link() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    let joining = tokio::spawn(Remote::join(connector, options("Ana", &[])));
    let (mut accepted, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    let mut events = ana.events();
    let payload = format!("{:60000}", r#"{"Pong":{"nonce":0}}"#);
    let long = [&60_000_u32.to_be_bytes()[..], payload.as_bytes()].concat();
    let mut sealed = Vec::new();
    let sealer = &mut accepted.channel.as_mut().unwrap().sealer;
    sealer.set_chunk(CHUNK);
    sealer.seal(&long, &mut sealed).unwrap();
    trickle(&mut accepted, &sealed, 4 * SECOND).await;
    eventually("it is measured", || {
        matches!(ana.status(), Status::Connected { round_trip: Some(_), .. })
    })
    .await;
    while let Some(event) = events.try_next() {
        assert!(!matches!(event, Event::Status(_)), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_uplink_is_not_silence() {
    let (mut host, connector) = ScriptedHost::new(1024).await;
    let joining = tokio::spawn(Remote::join(connector, options("Ana", &[BASS])));
    let (mut accepted, _) = host.accept().await;
    let welcome = host.welcome_frame();
    accepted.writer.write_all(&welcome).await.unwrap();
    let ana = joining.await.unwrap().unwrap();
    for turn in 0..256_u16 {
        ana.resynchronise().unwrap();
        let _ = (turn, cutoff(BASS, 1000.0));
    }
    // 64 bytes every 5 s, and the host talks all the while.
    let begun = Instant::now();
    let mut taken = 0;
    while taken < 1500 {
        let mut part = [0; 64];
        taken += accepted.reader.read(&mut part).await.unwrap();
        accepted.send(&ServerMessage::Metering(Metering::default())).await;
        sleep(5 * SECOND).await;
        assert!(matches!(ana.status(), Status::Connected { .. }), "{}", ana.status());
    }
    assert!(begun.elapsed() > 60 * SECOND, "it takes longer than the deadline");
}

#[tokio::test(start_paused = true)]
async fn busy_client_answers_a_ping_at_once() {
    let (mut host, connector) = ScriptedHost::new(16 * 1024 * 1024).await;
    let config = ClientConfig { ping_interval: 14 * SECOND, ..ClientConfig::default() };
    let quiet = JoinOptions { config, ..options("Ana", &[]) };
    let joining = tokio::spawn(Remote::join(connector, quiet));
    let (mut accepted, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    sleep(SECOND).await;
    // A backlog that is in the client's buffer at once.
    let ping = ServerMessage::Ping { nonce: 7, clock: Default::default(), digest: None };
    let mut backlog = frame(&ping);
    for number in 1..=20_000 {
        let playhead = Ticks::new(number).unwrap();
        let metering = Metering { playhead, ..Metering::default() };
        backlog.extend(frame(&ServerMessage::Metering(metering)));
    }
    accepted.writer.write_all(&backlog).await.unwrap();
    while accepted.receive().await.unwrap() != (ClientMessage::Pong { nonce: 7 }) {}
    let handled = ana.metering().playhead.get();
    assert!(handled < 1000, "{handled} messages came first");
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_a_word_from_the_host() {
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let joining = tokio::spawn(Remote::join(connector, options("Ana", &[])));
    let (mut accepted, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    let heard = || match ana.status() {
        Status::Connected { heard, .. } => heard,
        other => panic!("{other}"),
    };
    let silent = || Instant::now().into_std() - heard();
    sleep(7 * SECOND).await;
    assert_eq!(silent().as_secs(), 7);
    accepted.writer.write_all(&[0]).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(silent().as_secs(), 1, "a part of a frame counts");
}
