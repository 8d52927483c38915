//! Server and client over an in-memory network, with paused time: minutes of a
//! session in milliseconds.

mod commit;

use std::{sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use imbolc_net::{
    Dispatcher, Event,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{CloseReason, ConnectionError, DispatchError, Resync, Status},
    model::{InstrumentId, Metering},
    protocol::{
        ActionNumber, ClientMessage, Hello, Presence, PrivilegeLevel, ProtocolError, Resume,
        ServerMessage,
        framing::{self, Codec},
    },
    server::{HostDispatcher, HostOptions, ServerConfig},
    studio::{NetworkAction, SilentEngine, SourceKind, Studio, StudioState, TransportAction},
    sync::session::SessionConfig,
    transport::{Connector, Listener, MemoryConnector, in_memory},
    util::quantity::Pitch,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    time::{Instant, sleep, timeout},
};

use crate::{
    cable::Cable,
    conformance::{event, eventually},
    room::{BASS, LEAD, cutoff, cutoff_of, hello, play_key},
};

/// The dispatcher of a studio elsewhere.
type Remote = RemoteDispatcher<Studio>;

const SECOND: Duration = Duration::from_secs(1);

fn host_with(options: HostOptions) -> (HostDispatcher, MemoryConnector) {
    let (listener, connector) = in_memory();
    let (model, engine) = (StudioState::starter(), SilentEngine::default());
    (HostDispatcher::open("host", model, engine, listener, options).unwrap(), connector)
}

pub fn host() -> (HostDispatcher, MemoryConnector) {
    host_with(HostOptions::default())
}

fn options(name: &str, own: &[InstrumentId]) -> JoinOptions {
    JoinOptions { name: name.into(), own: own.into(), ..JoinOptions::default() }
}

/// A client that does nothing by itself.
pub struct Raw {
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    buffer: BytesMut,
}

impl Raw {
    async fn connect(connector: &MemoryConnector) -> Self {
        let (reader, writer) = connector.connect().await.unwrap();
        Self { reader, writer, buffer: BytesMut::new() }
    }

    pub async fn join(connector: &MemoryConnector, hello: Hello) -> Self {
        let mut raw = Self::connect(connector).await;
        raw.say(&ClientMessage::Hello(hello)).await;
        raw
    }

    async fn say(&mut self, message: &ClientMessage) {
        self.say_in(Codec::Json, message).await;
    }

    pub async fn say_in(&mut self, codec: Codec, message: &ClientMessage) {
        let mut frame = Vec::new();
        framing::encode(codec, message, &mut frame).unwrap();
        self.writer.write_all(&frame).await.unwrap();
    }

    /// The next message; `None` at the end.
    async fn hear(&mut self) -> Option<ServerMessage> {
        let payload = self.hear_payload().await?;
        Some(framing::decode(Codec::Json, &payload).unwrap())
    }

    /// The next message as it arrives.
    pub async fn hear_payload(&mut self) -> Option<BytesMut> {
        loop {
            if self.buffer.len() >= 4 {
                let length = u32::from_be_bytes(self.buffer[..4].try_into().unwrap()) as usize;
                if self.buffer.len() >= 4 + length {
                    self.buffer.advance(4);
                    return Some(self.buffer.split_to(length));
                }
            }
            if self.reader.read_buf(&mut self.buffer).await.unwrap() == 0 {
                return None;
            }
        }
    }

    async fn hear_error(&mut self) -> ProtocolError {
        loop {
            match self.hear().await {
                Some(ServerMessage::Error(error)) => return error,
                Some(_) => {}
                None => panic!("the connection ended without an error"),
            }
        }
    }
}

// ---- the timers, as they are seen on the wire

#[tokio::test(start_paused = true)]
async fn a_handshake_that_takes_too_long_is_ended() {
    let (host, connector) = host();
    let begun = Instant::now();
    let mut raw = Raw::connect(&connector).await;
    // A few bytes do not help.
    raw.writer.write_all(&[0, 0]).await.unwrap();
    assert_eq!(raw.hear_error().await, ProtocolError::HandshakeTimeout { seconds: 5 });
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(raw.hear().await, None);
    assert_eq!(host.state().seq.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_pinged_suspended_after_15_s_and_gone_after_75() {
    let (host, connector) = host();
    let mut raw = Raw::join(&connector, Hello { own: vec![BASS], ..hello("Ana") }).await;
    let Some(ServerMessage::Welcome(welcome)) = raw.hear().await else { panic!() };
    let (begun, mut pings) = (Instant::now(), vec![]);
    let error = loop {
        match raw.hear().await {
            Some(ServerMessage::Ping { .. }) => pings.push(begun.elapsed().as_secs()),
            Some(ServerMessage::Error(error)) => break error,
            Some(_) => {}
            None => panic!("closed without a word"),
        }
    };
    assert_eq!(pings, [5, 10]);
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
async fn a_client_that_answers_stays_for_hours_and_gets_everything_twice_a_minute() {
    let (host, connector) = host();
    let remote = Remote::join(connector, options("Ana", &[BASS])).await.unwrap();
    let mut events = remote.events();
    sleep(Duration::from_mins(120)).await;
    assert!(matches!(remote.status(), Status::Connected { round_trip: Some(_) }));
    assert!(!host.state().roster.is_away(remote.identity().client_id));
    let mut fulls = 0;
    while let Some(event) = events.try_next() {
        assert!(!matches!(event, Event::Status(_)), "{event:?}");
        fulls += usize::from(event == Event::Resynchronised(Resync::Routine));
    }
    assert!((239..=240).contains(&fulls), "{fulls}");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_the_host_arrives_as_30_patches_a_second_and_ends_where_it_ended() {
    let (host, connector) = host();
    host.request_ownership(&[BASS]).unwrap();
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = raw.hear().await else { panic!() };
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
            if let ServerMessage::StatePatchUpdate(patch) = raw.hear().await.unwrap() {
                state = state.patched(&patch).unwrap();
                times.push(Instant::now());
            }
        }
    };
    let begun = Instant::now();
    tokio::join!(sweep, listen);
    assert!(times[0] - begun <= Duration::from_millis(2), "the first leaves at once");
    assert!((115..=125).contains(&times.len()), "{} in 4 s", times.len());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(33)));
}

#[tokio::test(start_paused = true)]
async fn the_playhead_is_reported_30_times_a_second_while_it_moves() {
    let (host, connector) = host();
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    let mut heard: Vec<Metering> = vec![];
    let listen = async {
        loop {
            match raw.hear().await.unwrap() {
                ServerMessage::Metering(metering) => heard.push(metering),
                ServerMessage::Ping { nonce, .. } => raw.say(&ClientMessage::Pong { nonce }).await,
                _ => {}
            }
        }
    };
    let _ = timeout(10 * SECOND, listen).await;
    assert!((250..=310).contains(&heard.len()), "{}", heard.len());
    assert!(heard.windows(2).all(|pair| pair[0].playhead < pair[1].playhead));
    // 120 bpm are two quarters of 480 ticks a second.
    let last = heard.last().unwrap().playhead.get();
    assert!((9500..=9600).contains(&last), "{last}");

    host.dispatch(NetworkAction::Transport(TransportAction::Stop)).unwrap();
    let mut after = 0;
    let listen = async {
        while let Some(message) = raw.hear().await {
            after += u32::from(matches!(message, ServerMessage::Metering(_)));
        }
    };
    let _ = timeout(4 * SECOND, listen).await;
    assert!(after <= 3, "{after} after the music stopped");
}

#[tokio::test(start_paused = true)]
async fn the_playhead_starts_to_move_after_any_rest() {
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
async fn a_place_that_is_kept_for_a_moment_is_free_after_it() {
    let session = SessionConfig { resume_window: SECOND, ..SessionConfig::default() };
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    assert!(matches!(raw.hear().await, Some(ServerMessage::Welcome(_))));
    raw.say(&ClientMessage::Pong { nonce: 0 }).await;
    drop(raw);
    eventually("the host notices", || host.participants()[1].away).await;
    sleep(SECOND + SECOND / 10).await;
    assert_eq!(host.participants().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_before_the_welcome_leaves_nothing_behind() {
    let (host, connector) = host();
    drop(Raw::join(&connector, hello("Ana")).await);
    sleep(SECOND).await;
    assert!(host.state().seq.0 >= 2, "it came and went");
    assert_eq!(host.participants().len(), 1);
}

// ---- reconnecting

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_by_itself_with_its_instruments_and_its_edits() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let me = ana.identity();
    let mut events = ana.events();
    for turn in 0..50_u16 {
        ana.dispatch(play_key(BASS, 40)).unwrap();
        eventually("the host hears the key", || {
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
        assert_eq!(held, None, "a note does not hang");

        // One goes on playing in the dark.
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
async fn what_is_certain_and_how_long_ones_place_is_kept_is_known_without_a_connection() {
    let (host, connector) = host();
    sleep(3 * SECOND).await;
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    ana.commit(cutoff(BASS, 700.0)).await.unwrap();
    eventually("it is certain", || ana.confirmed() == ana.state()).await;

    cable.pull();
    eventually("the connection is lost", || matches!(ana.status(), Status::Reconnecting { .. }))
        .await;
    ana.dispatch(cutoff(BASS, 800.0)).unwrap();
    assert_eq!(cutoff_of(&ana.state().model, BASS), 800.0);
    assert_eq!(cutoff_of(&ana.confirmed().model, BASS), 700.0);
    let Status::Reconnecting { since, until, .. } = ana.status() else { panic!() };
    assert_eq!(until - since, 60 * SECOND, "as the host has told");
    let left = ana.status().time_left().unwrap();
    assert!(left <= 60 * SECOND && left > 50 * SECOND, "{left:?}");

    // By the session's clock one knows for how long somebody has been away.
    sleep(5 * SECOND).await;
    let Presence::Away { since } =
        host.state().roster.participants[&ana.identity().client_id].presence
    else {
        panic!("Ana is not away");
    };
    for clock in [host.clock(), ana.clock()] {
        let away = (clock - since).as_secs_f64();
        assert!((4.9..5.2).contains(&away), "{away} s");
    }

    cable.plug();
    eventually("what was done meanwhile is certain", || {
        cutoff_of(&ana.confirmed().model, BASS) == 800.0
    })
    .await;
    assert_eq!(ana.status().time_left(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_tries_again_after_a_tenth_of_a_second_and_then_less_and_less_often() {
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
    assert_eq!(reason, ConnectionError::Closed, "why it was lost at first");
    assert_eq!(attempt, Some(ConnectionError::Network("it cannot be reached".into())));
}

#[tokio::test(start_paused = true)]
async fn those_who_were_cut_off_together_do_not_all_come_back_at_the_same_moment() {
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
async fn the_token_that_is_saved_is_the_one_for_the_next_time() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-renewed-{}", std::process::id()));
    let claim = || imbolc_net::client::TokenFile::claim(&directory, "here", "Ana").unwrap();
    let file = claim();
    let path = file.path().to_owned();
    let cable = Cable::new(connector.clone());
    let with_token = |file| JoinOptions { token_file: Some(file), ..options("Ana", &[BASS]) };
    let ana = Remote::join(cable.clone(), with_token(file)).await.unwrap();
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
        // It is written when she is back, and she goes on meanwhile.
        eventually("it is saved", || !saved.contains(&std::fs::read(&path).unwrap())).await;
        saved.push(std::fs::read(&path).unwrap());
    }
    drop(ana);
    eventually("the host notices", || host.state().roster.is_away(me.client_id)).await;
    let again = Remote::join(connector, with_token(claim())).await.unwrap();
    assert_eq!(again.identity().client_id, me.client_id);
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_commit_waits_through_a_lost_connection_and_counts_once() {
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
    assert_eq!(commit.await.unwrap(), Ok(()));
    assert!(host.state().roster.owns(ana.identity().client_id, id));
    assert_eq!(ana.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_too_long_joins_anew_and_is_told_what_was_lost() {
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
        Event::NewSession { unanswered, .. } => Some(unanswered),
        _ => None,
    })
    .await;
    assert_eq!(unanswered, [cutoff(BASS, 321.0), cutoff(BASS, 654.0)]);
    assert_eq!(commit.await.unwrap(), Err(DispatchError::Unanswered));
    let new = ana.identity();
    assert_ne!(new.client_id, old.client_id);
    assert_eq!(new.instruments, [BASS], "it asks for what it had");
    assert_eq!(ana.state(), host.state());
    ana.dispatch(cutoff(BASS, 42.0)).unwrap();
    eventually("edits arrive", || cutoff_of(&host.state().model, BASS) == 42.0).await;
}

/// What a client does that is welcomed and then told `error`: how it ends or
/// goes on, and how often it has tried to connect a minute later.
async fn told(error: ProtocolError) -> (Status, usize) {
    let (mut listener, connector) = in_memory();
    let (_unserved, real) = host();
    let cable = Cable::new(connector);
    let ana = tokio::spawn(Remote::join(cable.clone(), options("Ana", &[])));
    let welcome = Raw::join(&real, hello("Ana")).await.hear().await.unwrap();
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let mut frames = Vec::new();
    for message in [welcome, ServerMessage::Error(error)] {
        framing::encode(Codec::Json, &message, &mut frames).unwrap();
    }
    writer.write_all(&frames).await.unwrap();
    let ana = ana.await.unwrap().unwrap();
    // Whoever calls again finds nobody.
    drop(listener);
    sleep(Duration::from_mins(1)).await;
    (ana.status(), cable.attempts().len())
}

#[tokio::test(start_paused = true)]
async fn what_the_host_can_never_read_is_not_sent_for_ever() {
    for error in [
        ProtocolError::FrameTooLong { limit: 1 },
        ProtocolError::Malformed { detail: "what?".into() },
        ProtocolError::ActionOutOfOrder { expected: ActionNumber(1) },
    ] {
        let reason = CloseReason::ConnectionLost(ConnectionError::Host(error.clone()));
        assert_eq!(told(error).await, (Status::Closed { reason }, 1));
    }
    // What may be otherwise the next time is tried again.
    let (status, attempts) = told(ProtocolError::SessionFull { limit: 64 }).await;
    assert!(matches!(status, Status::Reconnecting { .. }), "{status}");
    assert!(attempts > 10, "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn any_number_of_instruments_can_be_asked_for_at_once() {
    let (_host, connector) = host();
    let many: Vec<_> = (1..=3000).map(InstrumentId).collect();
    let ana = Remote::join(connector, options("Ana", &many)).await.unwrap();
    let mut events = ana.events();
    for _ in 0..2 {
        // The answers come in order.
        event(&mut events, |event| {
            let last = |id| id == InstrumentId(3000);
            matches!(event, Event::OwnershipRefused { instrument, .. } if last(instrument))
                .then_some(())
        })
        .await;
        ana.request_ownership(&many).unwrap();
    }
    assert_eq!(ana.identity().instruments.len(), 3);
    assert!(matches!(ana.status(), Status::Connected { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_taken_over_ends_at_once() {
    let (_host, connector) = host();
    let mut first = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = first.hear().await else { panic!() };
    let begun = Instant::now();
    let resume = Resume { token: welcome.token, seq: None, answered: None };
    let _second = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert_eq!(first.hear_error().await, ProtocolError::Superseded);
    assert!(begun.elapsed() < SECOND / 10, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_falls_silent_is_noticed_after_15_s() {
    let (mut listener, connector) = in_memory();
    let (_unserved, real) = host();
    let ana = tokio::spawn(Remote::join(connector, options("Ana", &[])));
    // The host says hello, and nothing ever after.
    let mut there = Raw::join(&real, hello("Ana")).await;
    let welcome = there.hear().await.unwrap();
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
    assert_eq!(kept, 45 * SECOND, "the host may have heard as little");
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_place_somebody_took_with_its_token_stops() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-takeover-{}", std::process::id()));
    let file = imbolc_net::client::TokenFile::claim(&directory, "here", "Ana").unwrap();
    let path = file.path().to_owned();
    let first = Remote::join(
        connector.clone(),
        JoinOptions { token_file: Some(file), ..options("Ana", &[BASS]) },
    )
    .await
    .unwrap();
    let mut events = first.events();
    let saved: imbolc_net::client::SavedToken =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let resume = Resume { token: saved.token, seq: None, answered: None };
    let mut second = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert!(matches!(second.hear().await, Some(ServerMessage::ReconnectSuccessful(_))));
    assert!(matches!(second.hear().await, Some(ServerMessage::FullStateSync { .. })));
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
async fn a_restarted_client_resumes_with_the_token_that_it_saved() {
    let (host, connector) = host();
    let directory = std::env::temp_dir().join(format!("imbolc-restart-{}", std::process::id()));
    let with_token = || JoinOptions {
        token_file: Some(imbolc_net::client::TokenFile::claim(&directory, "here", "Ana").unwrap()),
        ..options("Ana", &[BASS])
    };
    let first = Remote::join(connector.clone(), with_token()).await.unwrap();
    first.commit(cutoff(BASS, 100.0)).await.unwrap();
    let before = first.identity();
    // As a SIGKILL does it.
    drop(first);
    eventually("the host notices", || host.state().roster.is_away(before.client_id)).await;
    sleep(30 * SECOND).await;
    let again = Remote::join(connector.clone(), with_token()).await.unwrap();
    assert_eq!(again.identity(), before);
    assert_eq!(cutoff_of(&again.state().model, BASS), 100.0);
    again.commit(cutoff(BASS, 200.0)).await.unwrap();
    assert_eq!(cutoff_of(&host.state().model, BASS), 200.0);
    again.close().await;
    drop(again);

    // Who said goodbye is somebody new the next time.
    let third = Remote::join(connector, with_token()).await.unwrap();
    assert_ne!(third.identity().client_id, before.client_id);
    std::fs::remove_dir_all(directory).unwrap();
}

// ---- who does not behave, and the others

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_holds_up_nobody_and_is_suspended() {
    let (host, connector) = host();
    let mut deaf = Raw::join(&connector, Hello { own: vec![LEAD], ..hello("deaf") }).await;
    assert!(matches!(deaf.hear().await, Some(ServerMessage::Welcome(_))));
    let ana = Remote::join(connector, options("Ana", &[BASS])).await.unwrap();
    let deaf_id = imbolc_net::protocol::ClientId(1);
    // It asks without end and never listens; of what it says, so much fits
    // into the pipe and the answers that may wait.
    let mut asked = 0_u64;
    let mut ask = Vec::new();
    framing::encode(Codec::Json, &ClientMessage::<Studio>::RequestPrivilege, &mut ask).unwrap();
    while timeout(SECOND, deaf.writer.write_all(&ask)).await.is_ok_and(|sent| sent.is_ok()) {
        asked += 1;
        assert!(asked < 100_000, "it is listened to without end");
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
        if suspended.is_none() && host.state().roster.is_away(deaf_id) {
            suspended = Some(begun.elapsed());
        }
    }
    assert!(worst < Duration::from_millis(10), "{worst:?}");
    let suspended = suspended.expect("a client that cannot be written to is suspended");
    assert!(suspended <= 16 * SECOND, "{suspended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_given_up_after_15_s_however_much_it_says() {
    let session =
        SessionConfig { min_full_sync_interval: Duration::ZERO, ..SessionConfig::default() };
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut deaf = Raw::join(&connector, hello("deaf")).await;
    assert!(matches!(deaf.hear().await, Some(ServerMessage::Welcome(_))));
    let deaf_id = imbolc_net::protocol::ClientId(1);
    let mut noise = Vec::new();
    let ask = ClientMessage::<Studio>::RequestFullSync;
    framing::encode(Codec::Json, &ask, &mut noise).unwrap();
    framing::encode(Codec::Json, &ClientMessage::<Studio>::Ping { nonce: 1 }, &mut noise).unwrap();
    let begun = Instant::now();
    while !host.state().roster.is_away(deaf_id) {
        let _ = timeout(SECOND, deaf.writer.write_all(&noise)).await;
        sleep(SECOND / 20).await;
        assert!(begun.elapsed() < 60 * SECOND, "it is waited for without end");
    }
    assert!(begun.elapsed() > 15 * SECOND, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < 25 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_has_taken_over_a_connection_is_seen_at_its_place() {
    let (host, connector) = host();
    let mut old = Raw::join(&connector, hello("Ana")).await;
    let Some(ServerMessage::Welcome(welcome)) = old.hear().await else { panic!() };
    let resume = Resume { token: welcome.token, seq: None, answered: None };
    let mut new = Raw::join(&connector, Hello { resume: Some(resume), ..hello("Ana") }).await;
    assert!(matches!(new.hear().await, Some(ServerMessage::ReconnectSuccessful(_))));
    assert_eq!(old.hear_error().await, ProtocolError::Superseded);
    assert_eq!(old.hear().await, None);
    sleep(SECOND).await;
    let people = host.participants();
    assert!(!people[1].away);
    assert_eq!(people[1].peer.as_deref(), Some("memory"));
}

#[tokio::test(start_paused = true)]
async fn those_who_stand_on_the_same_moment_get_the_same_bytes() {
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
    eventually("everyone has it", || {
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
async fn there_are_so_many_connections_and_no_more_and_who_waits_gets_in_later() {
    let server = ServerConfig { max_connections: 2, ..ServerConfig::default() };
    let (host, connector) = host_with(HostOptions { server, ..HostOptions::default() });
    let one = Remote::join(connector.clone(), options("one", &[])).await.unwrap();
    let _two = Remote::join(connector.clone(), options("two", &[])).await.unwrap();
    let full = ConnectionError::Host(ProtocolError::SessionFull { limit: 2 });
    let three = Remote::join(connector.clone(), options("three", &[])).await;
    assert_eq!(three.err(), Some(full));
    assert_eq!(host.stats().turned_away, 1);
    one.close().await;
    sleep(2 * SECOND).await;
    Remote::join(connector, options("three", &[])).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everyone_is_told_when_the_session_ends() {
    let session = SessionConfig::default();
    let (host, connector) = host_with(HostOptions { session, ..HostOptions::default() });
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    let mut shy = Raw::connect(&connector).await;
    let ben = Remote::join(connector, options("Ben", &[])).await.unwrap();
    let mut events = ben.events();
    assert!(matches!(raw.hear().await, Some(ServerMessage::Welcome(_))));
    host.close().await;
    loop {
        match raw.hear().await {
            Some(ServerMessage::Shutdown) => break,
            Some(_) => {}
            None => panic!("not told"),
        }
    }
    assert_eq!(raw.hear().await, None);
    assert_eq!(shy.hear().await, Some(ServerMessage::Shutdown));
    let (reason, kept) = event(&mut events, |event| match event {
        Event::Status(Status::Reconnecting { reason, since, until, .. }) => {
            Some((reason, until - since))
        }
        _ => None,
    })
    .await;
    assert_eq!((reason, kept), (ConnectionError::Shutdown, Duration::ZERO), "no place is kept");
    assert_eq!(host.stats().open, 0);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_while_somebody_is_welcomed_says_so_after_the_welcome() {
    let (host, connector) = host();
    // A welcome that does not fit into the pipe at once.
    for id in 0..300 {
        let (id, name) = (InstrumentId(5000 + id), Default::default());
        let source = SourceKind::Kick;
        host.dispatch(NetworkAction::AddInstrument { id, name, source }).unwrap();
    }
    let mut raw = Raw::join(&connector, hello("Ana")).await;
    eventually("she is let in", || host.state().roster.participants.len() == 2).await;
    assert!(raw.reader.read_buf(&mut raw.buffer).await.unwrap() < 80_000);
    let listen = async {
        assert!(matches!(raw.hear().await, Some(ServerMessage::Welcome(_))));
        assert!(matches!(raw.hear().await, Some(ServerMessage::Shutdown)));
        assert!(raw.hear().await.is_none());
    };
    let slowly = async {
        // The end is announced first.
        sleep(SECOND).await;
        listen.await;
    };
    tokio::join!(host.close(), slowly);
    assert_eq!(host.state().roster.participants.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn somebody_who_never_takes_the_welcome_is_gone_when_the_session_has_ended() {
    let (host, connector) = host();
    for id in 0..300 {
        let (id, name) = (InstrumentId(5000 + id), Default::default());
        let source = SourceKind::Kick;
        host.dispatch(NetworkAction::AddInstrument { id, name, source }).unwrap();
    }
    let _raw = Raw::join(&connector, hello("Ana")).await;
    eventually("she is let in", || host.state().roster.participants.len() == 2).await;
    host.close().await;
    assert_eq!(host.state().roster.participants.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_within_seconds_even_if_somebody_does_not_listen() {
    let (host, connector) = host();
    let mut deaf = Raw::join(&connector, hello("deaf")).await;
    assert!(matches!(deaf.hear().await, Some(ServerMessage::Welcome(_))));
    let mut asks = Vec::new();
    for _ in 0..10_000 {
        framing::encode(Codec::Json, &ClientMessage::<Studio>::RequestPrivilege, &mut asks)
            .unwrap();
    }
    // It talks all the time and leaves no room in the pipe.
    let talk = async {
        loop {
            deaf.writer.write_all(&asks).await.unwrap();
        }
    };
    let _ = timeout(5 * SECOND, talk).await;
    let begun = Instant::now();
    host.close().await;
    assert!(begun.elapsed() <= 3 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_host_sees_who_is_there_and_who_is_away() {
    let (host, connector) = host();
    let cable = Cable::new(connector.clone());
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let mut events = host.events();
    sleep(SECOND).await;
    cable.pull();
    let who = event(&mut events, |event| match event {
        Event::Suspended(who) => Some(who),
        _ => None,
    })
    .await;
    assert_eq!(&*who.name, "Ana");
    let people = host.participants();
    assert_eq!(people.len(), 2);
    assert_eq!(people[0].name, "host");
    assert_eq!(people[0].privilege, PrivilegeLevel::Privileged);
    assert!(!people[0].away && people[0].peer.is_none());
    assert!(people[1].away && people[1].peer.is_none());
    cable.plug();
    event(&mut events, |event| matches!(event, Event::Resumed(_)).then_some(())).await;
    sleep(6 * SECOND).await;
    let people = host.participants();
    assert!(!people[1].away);
    assert_eq!(people[1].peer.as_deref(), Some("memory"));
    assert!(people[1].round_trip.is_some());
    ana.close().await;
    event(&mut events, |event| matches!(event, Event::Left(_)).then_some(())).await;
    assert_eq!(host.participants().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_sends_next_to_nothing() {
    let (host, connector) = host();
    let _ana = Remote::join(connector, options("Ana", &[])).await.unwrap();
    // By then everyone knows how long the line is.
    sleep(6 * SECOND).await;
    let before = host.stats();
    sleep(20 * SECOND).await;
    let after = host.stats();
    assert_eq!(after.updates_sent, before.updates_sent);
    assert!(after.bytes_out - before.bytes_out < 1000, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_action_is_numbered_from_one() {
    let (_host, connector) = host();
    let mut raw = Raw::join(&connector, Hello { own: vec![BASS], ..hello("Ana") }).await;
    raw.say(&ClientMessage::Action {
        number: ActionNumber(1),
        continues: false,
        action: cutoff(BASS, 99.0),
    })
    .await;
    let mut heard = vec![];
    while heard.len() < 3 {
        heard.push(raw.hear().await.unwrap());
    }
    let [
        ServerMessage::Welcome(_),
        ServerMessage::ActionsApplied { through: ActionNumber(1), seq },
        ServerMessage::StatePatchUpdate(patch),
    ] = &heard[..]
    else {
        panic!("{heard:?}");
    };
    assert_eq!(patch.seq, *seq, "the acknowledgement precedes the patch that contains it");
}
