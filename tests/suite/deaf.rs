//! Somebody who talks and never listens, in a session in which others play: what
//! is kept for it, how long it is borne, and what the others notice.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use imbolc_net::{
    ClientMessage, Dispatcher, NetworkState,
    client::{JoinOptions, RemoteDispatcher},
    protocol::{
        ActionNumber, ClientId, Hello,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions, Stats},
    studio::{SilentEngine, Studio, StudioState},
    transport::{Connector, MemoryConnector, in_memory},
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use crate::{
    conformance::eventually,
    room::{BASS, LEAD, PAD, cutoff, cutoff_of, hello},
};

/// As often as a hand turns a knob.
const EDIT: Duration = Duration::from_millis(33);

/// A minute of edits.
const EDITS: u16 = 1800;

/// What a minute was like.
struct Minute {
    /// How long each edit took to somebody else's screen, the quickest first.
    times: Vec<Duration>,
    /// How many moments were in memory, at most.
    moments: usize,
    stats: Stats,
    /// When the one who does not listen was suspended.
    suspended: Option<Duration>,
}

fn frame(message: &ClientMessage<Studio>) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(Codec::Json, message, &mut frame).unwrap();
    frame
}

/// Joins, and says what has to be answered as fast as it is taken. Nothing is
/// ever read.
async fn talk(connector: MemoryConnector) {
    let (_never_read, mut writer) = connector.connect().await.unwrap();
    let joins = ClientMessage::Hello(Hello { own: vec![LEAD], ..hello("deaf") });
    let mut said = writer.write_all(&frame(&joins)).await;
    for number in 1..50_000 {
        // It may not, and it does not get it.
        let action = cutoff(PAD, 500.0);
        let number = ActionNumber(number);
        let refused = ClientMessage::Action { number, continues: false, action };
        for message in [refused, ClientMessage::RequestPrivilege] {
            if said.is_ok() {
                said = writer.write_all(&frame(&message)).await;
            }
        }
    }
    std::future::pending().await
}

async fn a_minute(with_deaf: bool) -> Minute {
    let (listener, connector) = in_memory();
    let (studio, engine) = (StudioState::starter(), SilentEngine::default());
    let host =
        HostDispatcher::open("Mia", studio, engine, listener, HostOptions::default()).unwrap();
    let join = async |name: &str, own: &[_]| {
        let options = JoinOptions { name: name.into(), own: own.into(), ..JoinOptions::default() };
        RemoteDispatcher::<Studio>::join(connector.clone(), options).await.unwrap()
    };
    let (ana, ben) = (join("Ana", &[BASS]).await, join("Ben", &[]).await);
    let deaf = ClientId(3);
    if with_deaf {
        tokio::spawn(talk(connector.clone()));
        eventually("it is in", || host.state().roster.participants.contains_key(&deaf)).await;
    }

    let begun = Instant::now();
    let (mut times, mut moments, mut suspended) = (Vec::new(), 0, None);
    let mut seen: Vec<Weak<NetworkState<Studio>>> = Vec::new();
    for turn in 0..EDITS {
        let hertz = 1000.0 + f32::from(turn);
        let sent = Instant::now();
        ana.dispatch(cutoff(BASS, hertz)).unwrap();
        eventually("Ben sees it", || cutoff_of(&ben.state().model, BASS) == hertz).await;
        times.push(sent.elapsed());
        seen.push(Arc::downgrade(&host.state()));
        seen.retain(|moment| moment.strong_count() > 0);
        moments = moments.max(seen.len());
        if suspended.is_none() && host.state().roster.is_away(deaf) {
            suspended = Some(begun.elapsed());
        }
        sleep(EDIT.saturating_sub(sent.elapsed())).await;
    }
    times.sort();
    Minute { times, moments, stats: host.stats(), suspended }
}

#[tokio::test(start_paused = true)]
async fn who_talks_and_never_listens_is_kept_little_for_and_suspended_and_nobody_else_notices() {
    let (quiet, disturbed) = (a_minute(false).await, a_minute(true).await);
    assert_eq!(quiet.suspended, None);
    let suspended = disturbed.suspended.expect("who takes nothing is suspended");
    let seconds = suspended.as_secs_f64();
    assert!((14.9..16.0).contains(&seconds), "after {seconds} s");

    // The answers that may wait, twice the pipe, and no more is taken or given.
    let (with, without) = (disturbed.stats, quiet.stats);
    let (taken, given) = (with.bytes_in - without.bytes_in, with.bytes_out - without.bytes_out);
    assert!(taken < 200_000, "{taken} bytes were taken from it");
    assert!(given < 200_000, "{given} bytes were meant for it");
    let (more, less) = (disturbed.moments, quiet.moments);
    println!(
        "taken {taken}, given {given}, moments {more} (without it {less}), away at {seconds} s"
    );
    assert!(less < 330 && more < less + 20, "{more} moments are kept, {less} without it");

    let p99 = |minute: &Minute| minute.times[minute.times.len() * 99 / 100];
    let (with, without) = (p99(&disturbed), p99(&quiet));
    println!("p99 {with:?} (without it {without:?})");
    assert!(with <= without + Duration::from_millis(4), "{with:?} instead of {without:?}");
    assert!(*disturbed.times.last().unwrap() < 2 * EDIT, "{:?}", disturbed.times.last());
}
