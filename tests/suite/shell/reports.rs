//! What the engine says, on its way to the clients: metering and notices.

use imbolc_net::{
    Dispatcher, Event,
    authority::inline,
    dispatcher::{CloseReason, ConnectionError, Events, Status},
    model::{EngineFault, EngineOutput, EngineWorker, InstrumentId},
    protocol::{ReconnectRefusal, ServerMessage, framing, limits},
    server::{HostDispatcher, HostOptions},
    studio::{
        BusId, Metering, NetworkAction, SoundEngine, Studio, StudioEffect, StudioNotice,
        StudioState, TransportAction,
    },
    transport::in_memory,
    util::{
        quantity::{Bpm, Decibels, Ticks},
        time::Timestamp,
    },
};
use serde::Serialize;
use tokio::{
    io::AsyncWriteExt,
    time::{sleep, timeout},
};

use super::{
    Remote, SECOND, options,
    scripted_host::{ScriptedHost, frame},
};

async fn next_notice(events: &mut Events<Studio>) -> StudioNotice {
    loop {
        if let Event::Notice(notice) = events.next().await.expect("the session goes on") {
            return notice;
        }
    }
}

/// Panics when it has something to do.
struct Fragile;

impl EngineWorker<Studio> for Fragile {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {
        panic!("no device");
    }

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        EngineOutput::default()
    }
}

/// Something sounds until it has something to do.
#[derive(Default)]
struct Failing {
    failed: bool,
}

impl EngineWorker<Studio> for Failing {
    fn reset(&mut self, _: Timestamp, _: &StudioState) {}

    fn perform(&mut self, _: Timestamp, _: &StudioState, _: StudioEffect) {
        self.failed = true;
    }

    fn advance(&mut self, _: Timestamp, _: &StudioState) -> EngineOutput<Studio> {
        let loud = [Decibels::of(-6.5), Decibels::of(-12.0)];
        let sounding = Metering {
            instruments: [(InstrumentId(2), loud)].into_iter().collect(),
            buses: [(BusId(1), loud)].into_iter().collect(),
            engine: SoundEngine::Sounding { cpu: 12, late: 1, rate: 48_000 },
            ..Metering::default()
        };
        let missing = Metering { engine: SoundEngine::Missing, ..Metering::default() };
        let notice = StudioNotice::Sound("no JACK server runs".into());
        EngineOutput {
            metering: if self.failed { missing } else { sounding },
            notices: if self.failed { vec![notice] } else { vec![] },
            ..EngineOutput::default()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn guest_sees_how_the_sound_is() {
    let (listener, connector) = in_memory();
    let (model, engine) = (StudioState::starter(), inline(Failing::default));
    let host =
        HostDispatcher::open("host", model, engine, listener, HostOptions::default()).unwrap();
    let ana = Remote::join(connector, options("Ana", &[])).await.unwrap();
    sleep(SECOND).await;
    let sounding = ana.metering();
    assert_eq!(sounding, host.metering());
    assert_eq!(sounding.instruments.get(InstrumentId(2)).map(Decibels::get), [-6.5, -12.0]);
    assert_eq!(sounding.buses.get(BusId(1)).map(Decibels::get), [-6.5, -12.0]);
    assert_eq!(sounding.engine, SoundEngine::Sounding { cpu: 12, late: 1, rate: 48_000 });

    let mut events = ana.events();
    host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    let notice = timeout(SECOND, next_notice(&mut events)).await.unwrap();
    assert_eq!(notice.to_string(), "no JACK server runs");
    sleep(SECOND).await;
    assert_eq!(ana.metering().engine, SoundEngine::Missing);
    assert_eq!(ana.metering(), host.metering());
}

#[tokio::test(start_paused = true)]
async fn guest_sees_a_notice() {
    let (listener, connector) = in_memory();
    let (model, engine) = (StudioState::starter(), inline(|| Fragile));
    let host =
        HostDispatcher::open("host", model, engine, listener, HostOptions::default()).unwrap();
    let ana = Remote::join(connector.clone(), options("Ana", &[])).await.unwrap();
    let ben = Remote::join(connector, options("Ben", &[])).await.unwrap();
    let mut all = [host.events(), ana.events(), ben.events()];
    host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    for events in &mut all {
        let seen =
            timeout(SECOND, async { [next_notice(events).await, next_notice(events).await] });
        let seen = seen.await.expect("both arrive, though nothing else happens");
        let seen = seen.map(|notice| notice.to_string());
        assert_eq!(seen, ["the sound is gone: no device", "the sound is back"]);
    }
}

/// A frame of `message` with spaces behind it, `length` bytes without the prefix.
fn padded_frame(message: &ServerMessage, length: usize) -> Vec<u8> {
    let mut frame = frame(message).split_off(4);
    frame.resize(length, b' ');
    [&u32::try_from(length).unwrap().to_be_bytes()[..], &frame].concat()
}

/// Why the host does not send `report`.
fn refusal<T: Serialize>(report: &T) -> Option<String> {
    framing::check_report(report).err().map(|error| error.detail())
}

#[test]
fn metering_over_16_kib_is_not_sent() {
    // Two quotation marks in JSON; a length of two bytes in Postcard.
    assert_eq!(refusal(&"x".repeat(limits::REPORT - 2)), None);
    let too_long = refusal(&"x".repeat(limits::REPORT - 1));
    assert_eq!(too_long.as_deref(), Some("it has 16385 bytes in postcard, over 16384"));
    // 8 bytes each in Postcard, 4 in JSON; then 1 and 5.
    let long = |text: Option<String>, codec: &str| text.is_some_and(|why| why.contains(codec));
    assert!(long(refusal(&[1.0_f64; 3000].as_slice()), "postcard"));
    assert!(long(refusal(&[true; 5000].as_slice()), "json"));
    assert!(refusal(&[1.0, f32::NAN]).is_some_and(|why| why.contains("finite")));
    let loud = [Decibels::MAX; 2];
    let full = Metering {
        playhead: Ticks::MAX,
        tempo: Bpm::of(123.456_78),
        peaks: [Decibels::of(-100.123_45); 2],
        instruments: (0..u32::MAX).rev().map(|id| (InstrumentId(id), loud)).collect(),
        buses: (0..u32::MAX).rev().map(|id| (BusId(id), loud)).collect(),
        engine: SoundEngine::Sounding { cpu: u16::MAX, late: u32::MAX, rate: u32::MAX },
        playing: false,
    };
    assert_eq!(refusal(&full), None);
}

#[tokio::test(start_paused = true)]
async fn host_that_sends_metering_over_16_kib_is_left() {
    let notice = StudioNotice::Engine(EngineFault::Restarted);
    for message in [ServerMessage::Metering(Metering::default()), ServerMessage::Notice(notice)] {
        let (mut host, connector) = ScriptedHost::new(64 * 1024).await;
        let joining = tokio::spawn(Remote::join(connector, options("Ana", &[])));
        let (mut accepted, _) = host.welcome().await;
        let ana = joining.await.unwrap().unwrap();
        let most = limits::REPORT_MESSAGE;
        accepted.writer.write_all(&padded_frame(&message, most)).await.unwrap();
        sleep(SECOND).await;
        assert!(matches!(ana.status(), Status::Connected { .. }), "{}", ana.status());
        accepted.writer.write_all(&padded_frame(&message, most + 1)).await.unwrap();
        sleep(SECOND).await;
        let detail = "a report of the engine has 16401 bytes, over 16400";
        let reason = CloseReason::ConnectionLost(ConnectionError::Malformed(detail.into()));
        assert_eq!(ana.status(), Status::Closed { reason });
    }
}

#[tokio::test(start_paused = true)]
async fn metering_of_another_session_is_forgotten() {
    let (mut host, connector) = ScriptedHost::new(64 * 1024).await;
    let joining = tokio::spawn(Remote::join(connector, options("Ana", &[])));
    let (mut accepted, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    let playing = Metering { playing: true, ..Metering::default() };
    accepted.send(&ServerMessage::Metering(playing.clone())).await;
    sleep(SECOND).await;
    assert_eq!(ana.metering(), playing);

    drop(accepted);
    let (mut accepted, _) = host.resume().await;
    sleep(SECOND).await;
    assert_eq!(ana.metering(), playing, "the same session says so when it has changed");

    drop(accepted);
    host.restart();
    for _ in 0..2 {
        accepted = host.accept().await.0;
        let reason = ReconnectRefusal::UnknownToken;
        accepted.send(&ServerMessage::ReconnectFailed { reason }).await;
    }
    let (_accepted, _) = host.welcome().await;
    sleep(SECOND).await;
    assert_eq!(ana.metering(), Metering::default(), "nothing moves in the new one");
}
