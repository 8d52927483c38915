//! Slow, superseded and surplus connections, the shutdown, and what the host is
//! told about its clients.

use std::time::Duration;

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    dispatcher::{ConnectionError, Status},
    model::InstrumentId,
    protocol::{
        ActionNumber, ClientMessage, Hello, PrivilegeLevel, ProtocolError, Resume, ServerMessage,
        framing::{self, Codec},
    },
    server::HostOptions,
    studio::{NetworkAction, SourceKind, Studio},
    sync::session::SessionConfig,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

use super::{Raw, Remote, SECOND, host, host_with, options};
use crate::{
    cable::Cable,
    conformance::{event, eventually},
    harness::{BASS, LEAD, cutoff, cutoff_of, hello},
};

#[tokio::test(start_paused = true)]
async fn slow_reader_delays_no_other_client_and_is_suspended() {
    let (host, connector) = host();
    let mut slow = Raw::join(&connector, Hello { own: vec![LEAD], ..hello("slow") }).await;
    assert!(matches!(slow.receive().await, Some(ServerMessage::Welcome(_))));
    let ana = Remote::join(connector, options("Ana", &[BASS])).await.unwrap();
    let slow_id = imbolc_net::protocol::ClientId(1);
    // It sends requests without reading. The host accepts what fits into the pipe
    // and the queue of answers.
    let mut asked = 0_u64;
    let mut ask = Vec::new();
    framing::encode(Codec::Json, &ClientMessage::<Studio>::RequestPrivilege, &mut ask).unwrap();
    while timeout(SECOND, slow.writer.write_all(&ask)).await.is_ok_and(|sent| sent.is_ok()) {
        asked += 1;
        assert!(asked < 100_000, "the host reads without limit");
    }
    let begun = Instant::now();
    let mut worst = Duration::ZERO;
    let mut suspended = None;
    for turn in 0..600_u16 {
        let sent = Instant::now();
        ana.dispatch(cutoff(BASS, 1000.0 + f32::from(turn))).unwrap();
        eventually("the host has it", || {
            cutoff_of(&host.state().model, BASS) == 1000.0 + f32::from(turn)
        })
        .await;
        worst = worst.max(sent.elapsed());
        sleep(Duration::from_millis(50)).await;
        if suspended.is_none() && host.state().roster.is_away(slow_id) {
            suspended = Some(begun.elapsed());
        }
    }
    assert!(worst < Duration::from_millis(10), "{worst:?}");
    let suspended = suspended.expect("a client that does not read is suspended");
    assert!(suspended <= 16 * SECOND, "{suspended:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_reader_is_suspended_however_much_it_sends() {
    let session =
        SessionConfig { min_full_sync_interval: Duration::ZERO, ..SessionConfig::default() };
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut slow = Raw::join(&connector, hello("slow")).await;
    assert!(matches!(slow.receive().await, Some(ServerMessage::Welcome(_))));
    let slow_id = imbolc_net::protocol::ClientId(1);
    let mut noise = Vec::new();
    let ask = ClientMessage::<Studio>::RequestFullSync;
    framing::encode(Codec::Json, &ask, &mut noise).unwrap();
    framing::encode(Codec::Json, &ClientMessage::<Studio>::Ping { nonce: 1 }, &mut noise).unwrap();
    let begun = Instant::now();
    while !host.state().roster.is_away(slow_id) {
        let _ = timeout(SECOND, slow.writer.write_all(&noise)).await;
        sleep(SECOND / 20).await;
        assert!(begun.elapsed() < 60 * SECOND, "it is never suspended");
    }
    assert!(begun.elapsed() > 15 * SECOND, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < 25 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn participant_list_shows_the_newer_connection() {
    let (host, connector) = host();
    let mut old = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = old.receive().await else { panic!() };
    let resume =
        Resume { token: welcome.token, client_id: None, seq: None, answered: None, history: 0 };
    let mut new = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert!(matches!(new.receive().await, Some(ServerMessage::ReconnectSuccessful(_))));
    assert_eq!(old.receive_error().await, ProtocolError::Superseded);
    assert_eq!(old.receive().await, None);
    sleep(SECOND).await;
    let people = host.participants();
    assert!(!people[1].away);
    assert_eq!(people[1].peer.as_deref(), Some("memory"));
}

#[tokio::test(start_paused = true)]
async fn clients_with_the_same_base_share_a_frame() {
    let (host, connector) = host();
    let mut guests = vec![];
    for number in 0..8 {
        let name = format!("guest {number}");
        guests.push(Remote::join(connector.clone(), options(&name, &[])).await.unwrap());
    }
    host.request_ownership(&[BASS]).unwrap();
    sleep(SECOND).await;
    let before = host.stats();
    host.dispatch(cutoff(BASS, 321.0)).unwrap();
    eventually("all clients have it", || {
        guests.iter().all(|guest| cutoff_of(&guest.state().model, BASS) == 321.0)
    })
    .await;
    let after = host.stats();
    assert_eq!(after.updates_sent - before.updates_sent, 8);
    assert_eq!(after.updates_encoded - before.updates_encoded, 1);
    assert_eq!(after.open, 8);
    assert!(after.bytes_out > before.bytes_out && after.bytes_in > 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_is_sent_to_every_client() {
    let session = SessionConfig::default();
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    let mut silent = Raw::connect(&connector).await;
    let ben = Remote::join(connector, options("Ben", &[])).await.unwrap();
    let mut events = ben.events();
    assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
    host.close().await.unwrap();
    loop {
        match raw.receive().await {
            Some(ServerMessage::Shutdown) => break,
            Some(_) => {}
            None => panic!("closed without a shutdown message"),
        }
    }
    assert_eq!(raw.receive().await, None);
    assert_eq!(silent.receive().await, Some(ServerMessage::Shutdown));
    let (reason, kept) = event(&mut events, |event| match event {
        Event::Status(Status::Reconnecting { reason, since, until, .. }) => {
            Some((reason, until - since))
        }
        _ => None,
    })
    .await;
    assert_eq!(
        (reason, kept),
        (ConnectionError::Shutdown, Duration::ZERO),
        "a session that has ended keeps no place"
    );
    assert_eq!(host.stats().open, 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_follows_a_welcome_in_progress() {
    let (host, connector) = host();
    // The welcome exceeds the capacity of the pipe.
    for id in 0..300 {
        let (id, name) = (InstrumentId(5000 + id), Default::default());
        let source = SourceKind::Kick;
        host.dispatch(NetworkAction::AddInstrument { id, name, source }).unwrap();
    }
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    eventually("she is admitted", || host.state().roster.participants.len() == 2).await;
    assert!(raw.reader.read_buf(&mut raw.buffer).await.unwrap() < 80_000);
    let listen = async {
        assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
        assert!(matches!(raw.receive().await, Some(ServerMessage::Shutdown)));
        assert!(raw.receive().await.is_none());
    };
    let slowly = async {
        // The shutdown starts first.
        sleep(SECOND).await;
        listen.await;
    };
    let (closed, ()) = tokio::join!(host.close(), slowly);
    closed.unwrap();
    assert_eq!(host.state().roster.participants.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_removes_a_client_stuck_in_its_welcome() {
    let (host, connector) = host();
    for id in 0..300 {
        let (id, name) = (InstrumentId(5000 + id), Default::default());
        let source = SourceKind::Kick;
        host.dispatch(NetworkAction::AddInstrument { id, name, source }).unwrap();
    }
    let _raw = Raw::join(&connector, hello("Ana")).await;
    eventually("she is admitted", || host.state().roster.participants.len() == 2).await;
    host.close().await.unwrap();
    assert_eq!(host.state().roster.participants.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn slow_reader_does_not_delay_the_shutdown() {
    let (host, connector) = host();
    let mut slow = Raw::join(&connector, hello("slow")).await;
    assert!(matches!(slow.receive().await, Some(ServerMessage::Welcome(_))));
    let mut asks = Vec::new();
    for _ in 0..10_000 {
        framing::encode(Codec::Json, &ClientMessage::<Studio>::RequestPrivilege, &mut asks)
            .unwrap();
    }
    // It sends continuously and leaves the pipe full.
    let sending = async {
        loop {
            slow.writer.write_all(&asks).await.unwrap();
        }
    };
    let _ = timeout(5 * SECOND, sending).await;
    let begun = Instant::now();
    host.close().await.unwrap();
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
}

/// Peers that neither read nor close: idle, in their handshake, and with full pipes.
#[tokio::test(start_paused = true)]
async fn blocked_peers_end_within_2_s_of_close_and_drop() {
    for closes in [true, false] {
        let (host, connector) = host();
        let _idle = Raw::connect(&connector).await;
        let mut members = Vec::new();
        for name in ["Ana", "Ben"] {
            let mut raw = Raw::join(&connector, hello(name)).await;
            assert!(matches!(raw.receive().await, Some(ServerMessage::Welcome(_))));
            members.push(raw);
        }
        let mut asks = Vec::new();
        let ask = ClientMessage::<Studio>::RequestPrivilege;
        (0..20_000).for_each(|_| framing::encode(Codec::Json, &ask, &mut asks).unwrap());
        assert!(timeout(SECOND, members[0].writer.write_all(&asks)).await.is_err(), "it is full");
        let begun = Instant::now();
        if closes {
            host.close().await.unwrap();
            assert_eq!(host.stats().open, 0);
        } else {
            drop(host);
            // What was written before may still be read, and then the end.
            for raw in &mut members {
                while raw.receive().await.is_some() {}
            }
        }
        assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn host_lists_present_and_suspended_participants() {
    let (host, connector) = host();
    let cable = Cable::new(connector.clone());
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let mut events = host.events();
    sleep(SECOND).await;
    cable.pull();
    let suspended = event(&mut events, |event| match event {
        Event::Session(SessionEvent::Suspended(owner)) => Some(owner),
        _ => None,
    })
    .await;
    assert_eq!(&*suspended.name, "Ana");
    let people = host.participants();
    assert_eq!(people.len(), 2);
    assert_eq!(people[0].name, "host");
    assert_eq!(people[0].privilege, PrivilegeLevel::Privileged);
    assert!(!people[0].away && people[0].peer.is_none());
    assert!(people[1].away && people[1].peer.is_none());
    cable.plug();
    event(&mut events, |event| {
        matches!(event, Event::Session(SessionEvent::Resumed(_))).then_some(())
    })
    .await;
    sleep(6 * SECOND).await;
    let people = host.participants();
    assert!(!people[1].away);
    assert_eq!(people[1].peer.as_deref(), Some("memory"));
    assert!(people[1].round_trip.is_some());
    ana.close().await.unwrap();
    event(&mut events, |event| {
        matches!(event, Event::Session(SessionEvent::Left(_))).then_some(())
    })
    .await;
    assert_eq!(host.participants().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn idle_session_sends_almost_nothing() {
    let (host, connector) = host();
    let _ana = Remote::join(connector, options("Ana", &[])).await.unwrap();
    // By then the round trips are measured.
    sleep(6 * SECOND).await;
    let before = host.stats();
    sleep(20 * SECOND).await;
    let after = host.stats();
    assert_eq!(after.updates_sent, before.updates_sent);
    assert!(after.bytes_out - before.bytes_out < 1000, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn first_action_has_number_one() {
    let (_host, connector) = host();
    let mut raw = Raw::join(&connector, Hello { own: vec![BASS], ..hello("Ana") }).await;
    raw.send(&ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 99.0),
    })
    .await;
    let mut received = vec![];
    while received.len() < 3 {
        received.push(raw.receive().await.unwrap());
    }
    let [
        ServerMessage::Welcome(_),
        ServerMessage::ActionsApplied { through: ActionNumber(1), seq },
        ServerMessage::StatePatchUpdate(patch),
    ] = &received[..]
    else {
        panic!("{received:?}");
    };
    assert_eq!(patch.seq, *seq, "the acknowledgement precedes the patch that contains it");
}
