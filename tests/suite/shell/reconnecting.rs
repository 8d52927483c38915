//! Reconnecting: resuming, joining again, and giving up.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{CloseReason, ConnectionError, DispatchError, Status},
    model::InstrumentId,
    protocol::{
        ActionNumber, Hello, Presence, ProtocolError, Resume, ServerMessage,
        framing::{self, Codec},
    },
    studio::{Added, NetworkAction, SourceKind},
    transport::{Listener, in_memory},
    util::quantity::Pitch,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

use super::{Raw, Remote, SECOND, host, options};
use crate::{
    cable::Cable,
    conformance::{event, eventually},
    harness::{BASS, cutoff, cutoff_of, hello, play_key},
};

#[tokio::test(start_paused = true)]
async fn client_resumes_with_its_instruments_and_edits() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let me = ana.identity();
    let mut events = ana.events();
    for turn in 0..50_u16 {
        ana.dispatch(play_key(BASS, 40)).unwrap();
        eventually("the host has the key", || {
            let state = host.state();
            state.model.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40)).is_some()
        })
        .await;
        cable.pull();
        event(&mut events, |event| {
            matches!(event, Event::Status(Status::Reconnecting { .. })).then_some(())
        })
        .await;
        eventually("the host notices", || host.state().roster.is_away(me.client_id)).await;
        let held = host.state().model.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40));
        assert_eq!(held, None, "a suspended client's notes are released");

        // Edits are predicted while disconnected.
        let hertz = 1000.0 + f32::from(turn);
        ana.dispatch(cutoff(BASS, hertz)).unwrap();
        assert_eq!(cutoff_of(&ana.state().model, BASS), hertz);
        assert_eq!(ana.request_privilege(), Err(DispatchError::Offline));
        sleep(10 * SECOND).await;
        cable.plug();
        event(&mut events, |event| {
            matches!(event, Event::Status(Status::Connected { .. })).then_some(())
        })
        .await;
        eventually("both agree", || ana.state() == host.state()).await;
        assert_eq!(cutoff_of(&host.state().model, BASS), hertz);
        assert_eq!(ana.identity(), me);
    }
}

#[tokio::test(start_paused = true)]
async fn confirmed_state_and_deadline_are_known_offline() {
    let (host, connector) = host();
    sleep(3 * SECOND).await;
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    ana.commit(cutoff(BASS, 700.0)).await.unwrap();
    eventually("it is confirmed", || ana.confirmed() == ana.state()).await;

    cable.pull();
    eventually("the connection is lost", || matches!(ana.status(), Status::Reconnecting { .. }))
        .await;
    ana.dispatch(cutoff(BASS, 800.0)).unwrap();
    assert_eq!(cutoff_of(&ana.state().model, BASS), 800.0);
    assert_eq!(cutoff_of(&ana.confirmed().model, BASS), 700.0);
    let Status::Reconnecting { since, until, .. } = ana.status() else { panic!() };
    assert_eq!(until - since, 60 * SECOND, "the resume window that the host announced");
    let left = ana.status().time_left().unwrap();
    assert!(left <= 60 * SECOND && left > 50 * SECOND, "{left:?}");

    // Both clocks show how long Ana has been suspended.
    sleep(5 * SECOND).await;
    let Presence::Away { since } =
        host.state().roster.participants[&ana.identity().client_id].presence
    else {
        panic!("Ana is not suspended");
    };
    for clock in [host.clock(), ana.clock()] {
        let away = (clock - since).as_secs_f64();
        assert!((4.9..5.2).contains(&away), "{away} s");
    }

    cable.plug();
    eventually("the offline edit is confirmed", || {
        cutoff_of(&ana.confirmed().model, BASS) == 800.0
    })
    .await;
    assert_eq!(ana.status().time_left(), None);
}

#[tokio::test(start_paused = true)]
async fn reconnect_backoff_doubles_up_to_its_maximum() {
    let (_host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[])).await.unwrap();
    cable.pull();
    sleep(40 * SECOND).await;
    let attempts = cable.attempts();
    let pauses: Vec<_> =
        attempts[1..].windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    let mut expected = 0.2;
    for (turn, pause) in pauses.iter().enumerate() {
        let range = expected / 2.0 - 0.002..=expected + 0.002;
        assert!(range.contains(pause), "pause {turn} of {pauses:?} is not in {range:?}");
        expected = f64::min(expected * 2.0, 5.0);
    }
    assert!(pauses.len() >= 10, "{pauses:?}");
    let Status::Reconnecting { reason, attempt, .. } = ana.status() else { panic!() };
    assert_eq!(reason, ConnectionError::Closed, "why the connection was lost");
    assert_eq!(attempt, Some(ConnectionError::Network("it cannot be reached".into())));
}

#[tokio::test(start_paused = true)]
async fn reconnects_are_jittered() {
    let (_host, connector) = host();
    let mut guests = vec![];
    for number in 0..8 {
        let cable = Cable::new(connector.clone());
        let name = format!("guest {number}");
        let guest = Remote::join(cable.clone(), options(&name, &[])).await.unwrap();
        guests.push((cable, guest));
    }
    for (cable, _) in &guests {
        cable.pull();
    }
    sleep(10 * SECOND).await;
    for turn in 1..5 {
        let mut times: Vec<_> = guests.iter().map(|(cable, _)| cable.attempts()[turn]).collect();
        times.sort();
        times.dedup();
        assert!(times.len() > 4, "attempt {turn}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn place_file_holds_the_newest_token() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-renewed-{}", std::process::id()));
    let claim = || imbolc_net::installation::PlaceFile::claim(&directory, "here", "Ana").unwrap();
    let file = claim();
    let path = file.path().to_owned();
    let cable = Cable::new(connector.clone());
    let with_place = |file| JoinOptions { place: Some(file), ..options("Ana", &[BASS]) };
    let ana = Remote::join(cable.clone(), with_place(file)).await.unwrap();
    let me = ana.identity();
    let mut saved = vec![std::fs::read(&path).unwrap()];
    let mut events = ana.events();
    sleep(SECOND).await;
    for _ in 0..3 {
        cable.pull();
        eventually("the host notices", || host.state().roster.is_away(me.client_id)).await;
        cable.plug();
        event(&mut events, |event| {
            matches!(event, Event::Status(Status::Connected { .. })).then_some(())
        })
        .await;
        // The file is written after the status changes.
        eventually("it is saved", || !saved.contains(&std::fs::read(&path).unwrap())).await;
        saved.push(std::fs::read(&path).unwrap());
    }
    drop(ana);
    eventually("the host notices", || host.state().roster.is_away(me.client_id)).await;
    let again = Remote::join(connector, with_place(claim())).await.unwrap();
    assert_eq!(again.identity().client_id, me.client_id);
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(start_paused = true)]
async fn commit_survives_a_lost_connection() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Arc::new(Remote::join(cable.clone(), options("Ana", &[])).await.unwrap());
    sleep(SECOND).await;
    cable.pull();
    let id = InstrumentId(1001);
    let commit = tokio::spawn({
        let ana = Arc::clone(&ana);
        async move {
            ana.commit(NetworkAction::AddInstrument {
                id,
                name: Default::default(),
                source: SourceKind::Kick,
            })
            .await
        }
    });
    sleep(20 * SECOND).await;
    assert!(!commit.is_finished());
    assert!(!host.state().model.instruments.contains(id));
    cable.plug();
    assert_eq!(commit.await.unwrap(), Ok(Some(Added::Instrument(id))));
    assert!(host.state().roster.owns(ana.identity().client_id, id));
    assert_eq!(ana.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn expired_client_rejoins_and_learns_what_was_lost() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Arc::new(Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap());
    let old = ana.identity();
    let mut events = ana.events();
    cable.pull();
    ana.dispatch(cutoff(BASS, 321.0)).unwrap();
    let commit = tokio::spawn({
        let ana = Arc::clone(&ana);
        async move { ana.commit(cutoff(BASS, 654.0)).await }
    });
    sleep(80 * SECOND).await;
    cable.plug();
    let unanswered = event(&mut events, |event| match event {
        Event::Session(SessionEvent::NewSession { unanswered, .. }) => Some(unanswered),
        _ => None,
    })
    .await;
    assert_eq!(unanswered, [cutoff(BASS, 321.0), cutoff(BASS, 654.0)]);
    assert_eq!(commit.await.unwrap(), Err(DispatchError::Unanswered));
    let new = ana.identity();
    assert_ne!(new.client_id, old.client_id);
    assert_eq!(new.instruments, [BASS], "it requests what it had");
    assert_eq!(ana.state(), host.state());
    ana.dispatch(cutoff(BASS, 42.0)).unwrap();
    eventually("edits arrive", || cutoff_of(&host.state().model, BASS) == 42.0).await;
}

/// Sends `error` to a client after its welcome. Returns the client's status a
/// minute later, and the number of its connection attempts.
async fn status_after(error: ProtocolError) -> (Status, usize) {
    let (mut listener, connector) = in_memory();
    let (_unserved, real) = host();
    let cable = Cable::new(connector);
    let ana = tokio::spawn(Remote::join(cable.clone(), options("Ana", &[])));
    let welcome = Raw::join(&real, hello("Ana")).await.receive().await.unwrap();
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let mut frames = Vec::new();
    for message in [welcome, ServerMessage::Error(error)] {
        framing::encode(Codec::Json, &message, &mut frames).unwrap();
    }
    writer.write_all(&frames).await.unwrap();
    let ana = ana.await.unwrap().unwrap();
    // A further attempt is refused.
    drop(listener);
    sleep(Duration::from_mins(1)).await;
    (ana.status(), cable.attempts().len())
}

#[tokio::test(start_paused = true)]
async fn permanent_protocol_errors_end_reconnecting() {
    for error in [
        ProtocolError::FrameTooLong { limit: 1 },
        ProtocolError::Malformed { detail: "what?".into() },
        ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) },
    ] {
        let reason = CloseReason::ConnectionLost(ConnectionError::Host(error.clone()));
        assert_eq!(status_after(error).await, (Status::Closed { reason }, 1));
    }
    // An error that may be temporary is retried.
    let (status, attempts) = status_after(ProtocolError::SessionFull { limit: 64 }).await;
    assert!(matches!(status, Status::Reconnecting { .. }), "{status}");
    assert!(attempts > 10, "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn large_ownership_requests_are_split() {
    let (_host, connector) = host();
    let many: Vec<_> = (1..=3000).map(InstrumentId).collect();
    let ana = Remote::join(connector, options("Ana", &many)).await.unwrap();
    let mut events = ana.events();
    for _ in 0..2 {
        // The answers arrive in the order of the requests.
        event(&mut events, |event| {
            let last = |id| id == InstrumentId(3000);
            matches!(event, Event::Session(SessionEvent::OwnershipRefused { instrument, .. }) if last(instrument))
                .then_some(())
        })
        .await;
        ana.request_ownership(&many).unwrap();
    }
    assert_eq!(ana.identity().instruments.len(), 4);
    assert!(matches!(ana.status(), Status::Connected { .. }));
}

#[tokio::test(start_paused = true)]
async fn superseded_connection_ends_at_once() {
    let (_host, connector) = host();
    let mut first = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = first.receive().await else { panic!() };
    let begun = Instant::now();
    let resume =
        Resume { token: welcome.token, client_id: None, seq: None, answered: None, history: 0 };
    let _second = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert_eq!(first.receive_error().await, ProtocolError::Superseded);
    assert!(begun.elapsed() < SECOND / 10, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn silent_host_is_detected_after_15_seconds() {
    let (mut listener, connector) = in_memory();
    let (_unserved, real) = host();
    let ana = tokio::spawn(Remote::join(connector, options("Ana", &[])));
    // The host sends its welcome and then falls silent.
    let mut there = Raw::join(&real, hello("Ana")).await;
    let welcome = there.receive().await.unwrap();
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let mut frame = Vec::new();
    framing::encode(Codec::Json, &welcome, &mut frame).unwrap();
    writer.write_all(&frame).await.unwrap();
    let ana: RemoteDispatcher = ana.await.unwrap().unwrap();
    let mut events = ana.events();
    let begun = Instant::now();
    let (reason, kept) = event(&mut events, |event| match event {
        Event::Status(Status::Reconnecting { reason, since, until, .. }) => {
            Some((reason, until - since))
        }
        _ => None,
    })
    .await;
    assert_eq!(reason, ConnectionError::Silent(15 * SECOND));
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(kept, 45 * SECOND, "the host may have suspended it as long ago");
}

#[tokio::test(start_paused = true)]
async fn superseded_client_does_not_reconnect() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-takeover-{}", std::process::id()));
    let file = imbolc_net::installation::PlaceFile::claim(&directory, "here", "Ana").unwrap();
    let path = file.path().to_owned();
    let first = Remote::join(
        connector.clone(),
        JoinOptions { place: Some(file), ..options("Ana", &[BASS]) },
    )
    .await
    .unwrap();
    let mut events = first.events();
    let saved: imbolc_net::installation::SavedPlace =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let resume =
        Resume { token: saved.token, client_id: None, seq: None, answered: None, history: 0 };
    let mut second = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert!(matches!(second.receive().await, Some(ServerMessage::ReconnectSuccessful(_))));
    assert!(matches!(second.receive().await, Some(ServerMessage::FullStateSync { .. })));
    let closed = event(&mut events, |event| match event {
        Event::Status(Status::Closed { reason }) => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(
        closed,
        CloseReason::ConnectionLost(ConnectionError::Host(ProtocolError::Superseded))
    );
    assert!(!host.state().roster.is_away(first.identity().client_id));
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(start_paused = true)]
async fn restarted_client_resumes_its_saved_place() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-restart-{}", std::process::id()));
    let with_place = || JoinOptions {
        place: Some(imbolc_net::installation::PlaceFile::claim(&directory, "here", "Ana").unwrap()),
        ..options("Ana", &[BASS])
    };
    let first = Remote::join(connector.clone(), with_place()).await.unwrap();
    first.commit(cutoff(BASS, 100.0)).await.unwrap();
    let before = first.identity();
    // Without a goodbye, as after a SIGKILL.
    drop(first);
    eventually("the host notices", || host.state().roster.is_away(before.client_id)).await;
    sleep(30 * SECOND).await;
    let again = Remote::join(connector.clone(), with_place()).await.unwrap();
    assert_eq!(again.identity(), before);
    assert_eq!(cutoff_of(&again.state().model, BASS), 100.0);
    again.commit(cutoff(BASS, 200.0)).await.unwrap();
    assert_eq!(cutoff_of(&host.state().model, BASS), 200.0);
    again.close().await.unwrap();
    drop(again);

    // After a goodbye the client joins as a new participant.
    let third = Remote::join(connector, with_place()).await.unwrap();
    assert_ne!(third.identity().client_id, before.client_id);
    std::fs::remove_dir_all(directory).unwrap();
}
