//! A client that sends and never reads, in a session with other players: how much
//! memory it takes, when it is suspended, and whether the others notice.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use imbolc_net::{
    ClientMessage, Dispatcher, NetworkState,
    authority::inline,
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
    harness::{BASS, LEAD, PAD, cutoff, cutoff_of, hello},
};

/// The interval of a knob's edits.
const EDIT: Duration = Duration::from_millis(33);

/// A minute of edits.
const EDITS: u16 = 1800;

/// The measurements of a minute.
struct Measurement {
    /// The latency of each edit to another client, sorted.
    times: Vec<Duration>,
    /// The largest number of snapshots in memory at once.
    snapshots: usize,
    stats: Stats,
    /// When the slow reader was suspended.
    suspended: Option<Duration>,
}

fn frame(message: &ClientMessage<Studio>) -> Vec<u8> {
    let mut frame = Vec::new();
    framing::encode(Codec::Json, message, &mut frame).unwrap();
    frame
}

/// Joins, and sends requests as fast as the host takes them, without reading the
/// answers.
async fn send_without_reading(connector: MemoryConnector) {
    let (_never_read, mut writer, _) = connector.connect().await.unwrap();
    let join = ClientMessage::Hello(Hello { own: vec![LEAD], ..hello("slow") });
    let mut sent_all = writer.write_all(&frame(&join)).await;
    for number in 1..50_000 {
        // The host refuses both.
        let action = cutoff(PAD, 500.0);
        let number = ActionNumber(number);
        let refused = ClientMessage::Action { number, continues: false, action };
        for message in [refused, ClientMessage::RequestPrivilege] {
            if sent_all.is_ok() {
                sent_all = writer.write_all(&frame(&message)).await;
            }
        }
    }
    std::future::pending().await
}

async fn measure(with_slow_reader: bool) -> Measurement {
    let (listener, connector) = in_memory();
    let (studio, engine) = (StudioState::starter(), inline(SilentEngine::default));
    let host =
        HostDispatcher::open("Mia", studio, engine, listener, HostOptions::default()).unwrap();
    let join = async |name: &str, own: &[_]| {
        let options = JoinOptions { name: name.into(), own: own.into(), ..JoinOptions::default() };
        RemoteDispatcher::<Studio>::join(connector.clone(), options).await.unwrap()
    };
    let (ana, ben) = (join("Ana", &[BASS]).await, join("Ben", &[]).await);
    let slow_reader = ClientId(3);
    if with_slow_reader {
        tokio::spawn(send_without_reading(connector.clone()));
        eventually("it is admitted", || {
            host.state().roster.participants.contains_key(&slow_reader)
        })
        .await;
    }

    let begun = Instant::now();
    let (mut times, mut snapshots, mut suspended) = (Vec::new(), 0, None);
    let mut seen: Vec<Weak<NetworkState<Studio>>> = Vec::new();
    for turn in 0..EDITS {
        let hertz = 1000.0 + f32::from(turn);
        let sent = Instant::now();
        ana.dispatch(cutoff(BASS, hertz)).unwrap();
        eventually("Ben sees it", || cutoff_of(&ben.state().model, BASS) == hertz).await;
        times.push(sent.elapsed());
        seen.push(Arc::downgrade(&host.state()));
        seen.retain(|snapshot| snapshot.strong_count() > 0);
        snapshots = snapshots.max(seen.len());
        if suspended.is_none() && host.state().roster.is_away(slow_reader) {
            suspended = Some(begun.elapsed());
        }
        sleep(EDIT.saturating_sub(sent.elapsed())).await;
    }
    times.sort();
    Measurement { times, snapshots, stats: host.stats(), suspended }
}

#[tokio::test(start_paused = true)]
async fn slow_reader_is_bounded_suspended_and_unnoticed() {
    let (quiet, disturbed) = (measure(false).await, measure(true).await);
    assert_eq!(quiet.suspended, None);
    let suspended = disturbed.suspended.expect("a client that does not read is suspended");
    let seconds = suspended.as_secs_f64();
    assert!((14.9..16.0).contains(&seconds), "after {seconds} s");

    // Bounded by the queue of answers and twice the capacity of the pipe.
    let (with, without) = (disturbed.stats, quiet.stats);
    let (taken, given) = (with.bytes_in - without.bytes_in, with.bytes_out - without.bytes_out);
    assert!(taken < 200_000, "{taken} bytes were read from it");
    assert!(given < 200_000, "{given} bytes were written to it");
    let (more, less) = (disturbed.snapshots, quiet.snapshots);
    println!(
        "taken {taken}, given {given}, snapshots {more} (without it {less}), away at {seconds} s"
    );
    assert!(less < 330 && more < less + 20, "{more} snapshots are in memory, {less} without it");

    let p99 = |measured: &Measurement| measured.times[measured.times.len() * 99 / 100];
    let (with, without) = (p99(&disturbed), p99(&quiet));
    println!("p99 {with:?} (without it {without:?})");
    assert!(with <= without + Duration::from_millis(4), "{with:?} instead of {without:?}");
    assert!(*disturbed.times.last().unwrap() < 2 * EDIT, "{:?}", disturbed.times.last());
}
