//! An attacker that changes what is on its way, and holds it back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    authority::inline,
    client::{JoinOptions, RemoteDispatcher},
    installation::Installation,
    model::{InstrumentId, NoEngine},
    server::HostDispatcher,
};
use tokio::{
    io::{AsyncWriteExt, copy_bidirectional},
    time::{Instant, sleep},
};

use super::{
    ANA, Way, ana, failure, host, is_connected, message, options, participants, relay, wire,
    with_code,
};
use crate::{
    conformance::eventually,
    ledger::{Ledger, Pages, Write},
    shell::visitor::lan,
};

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harm {
    Changed,
    Dropped,
    Doubled,
    Swapped,
    Truncated,
    /// A message that is not sealed comes before it.
    Forged,
    /// A message of an earlier connection of the client comes in its place.
    Spliced,
    /// The connection ends in an orderly way, in its place.
    Ended,
}

/// Harms one message on `way`. The client must notice, come back by itself, and have each
/// of its edits counted once.
async fn assert_recovers(harm: Harm, way: Way) {
    let (network, listener) = lan();
    let pages = Pages::empty(1);
    let host: HostDispatcher<Ledger> = HostDispatcher::open(
        "host",
        pages,
        inline(|| NoEngine),
        listener,
        options(AdmissionPolicy::Open),
    )
    .unwrap();
    let (wire, taps) = wire();
    let is_armed = Arc::new(AtomicBool::new(false));
    let connections = Arc::new(AtomicUsize::new(0));
    let (armed, seen) = (Arc::clone(&is_armed), Arc::clone(&connections));
    let (mut held, mut earlier) = (None, Vec::new());
    relay(taps, network, move |passing| {
        seen.fetch_max(passing.connection + 1, Relaxed);
        let mut bytes = passing.bytes;
        if passing.way != way || passing.number < 3 {
            return Some(bytes);
        }
        if passing.connection == 1 && harm == Harm::Spliced && passing.number == 3 {
            return Some(std::mem::take(&mut earlier));
        }
        if passing.connection > 0 {
            return Some(bytes);
        }
        if let Some(held) = held.take() {
            return Some([bytes, held].concat());
        }
        if !armed.swap(false, Relaxed) {
            earlier = bytes.clone();
            return Some(bytes);
        }
        match harm {
            Harm::Changed => {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
            }
            Harm::Dropped => bytes.clear(),
            Harm::Doubled => bytes = bytes.repeat(2),
            Harm::Swapped => held = Some(std::mem::take(&mut bytes)),
            Harm::Truncated => bytes.truncate(bytes.len() / 2),
            Harm::Forged => bytes.splice(0..0, [0, 17].into_iter().chain([7; 17])).for_each(drop),
            Harm::Spliced | Harm::Ended => return None,
        }
        Some(bytes)
    });
    let options =
        JoinOptions { own: vec![InstrumentId(1)], ..ana(&Installation::in_memory().unwrap()) };
    let ana: RemoteDispatcher<Ledger> = RemoteDispatcher::join(wire, options).await.unwrap();
    let mut written = Vec::new();
    for line in 0..12 {
        if line == 3 {
            // Enough has passed to take a message from.
            sleep(Duration::from_secs(6)).await;
            is_armed.store(true, Relaxed);
        }
        ana.dispatch(Write { page: 1, line }).unwrap();
        written.push(line);
        sleep(Duration::from_millis(500)).await;
    }
    let expected = if harm == Harm::Spliced { 3 } else { 2 };
    eventually("it comes back", || is_connected(&ana) && connections.load(Relaxed) == expected)
        .await;
    eventually("its edits arrive", || host.state().model.lines(1).len() >= written.len()).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(host.state().model.lines(1), written, "{harm:?} {way:?}");
    assert_eq!(ana.state().model.lines(1), written, "{harm:?} {way:?}");
    assert_eq!(connections.load(Relaxed), expected, "{harm:?} {way:?}");
    assert_eq!(participants(&host), 2, "it has its place again");
}

#[tokio::test(start_paused = true)]
async fn tampered_connection_is_lost_and_each_edit_counts_once() {
    use Harm::{Changed, Doubled, Dropped, Ended, Forged, Spliced, Swapped, Truncated};

    for harm in [Changed, Dropped, Doubled, Swapped, Truncated, Forged, Spliced, Ended] {
        for way in [Way::ToHost, Way::ToClient] {
            assert_recovers(harm, way).await;
        }
    }
}

/// The host, or the network, stands still for so long before message 2.
#[tokio::test(start_paused = true)]
async fn host_that_pauses_in_the_handshake_costs_no_code() {
    let (host, lan) = host(AdmissionPolicy::Code);
    let installation = Installation::in_memory().unwrap();
    for (pause, waited) in [(5500, 5500), (9000, 6000)] {
        let (wire, mut taps) = wire();
        let lan = lan.clone();
        tokio::spawn(async move {
            let mut client = taps.recv().await.unwrap();
            let mut far = lan.connect(ANA);
            far.write_all(&message(&mut client).await.unwrap()).await.unwrap();
            let reply = message(&mut far).await.unwrap();
            sleep(Duration::from_millis(pause)).await;
            // The client may have given up.
            let _ = client.write_all(&reply).await;
            let _ = copy_bidirectional(&mut client, &mut far).await;
        });
        let begun = Instant::now();
        let failed = failure(wire, with_code(&installation, &host)).await;
        assert!(!failed.is_final(), "{failed}");
        let took = begun.elapsed().as_millis();
        assert!((waited..waited + 50).contains(&took), "{took} ms: {failed}");
    }
    assert_eq!(participants(&host), 1);
    let (wire, taps) = wire();
    relay(taps, lan, |passing| Some(passing.bytes));
    let _ana: RemoteDispatcher =
        RemoteDispatcher::join(wire, with_code(&installation, &host)).await.unwrap();
}
