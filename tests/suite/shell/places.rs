//! How a client keeps its place: numbered attempts, refusals, and the goodbye.

use std::{
    io,
    path::{Path, PathBuf},
};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    client::JoinOptions,
    dispatcher::{CloseError, CloseReason, ConnectionError, Status},
    installation::{PlaceFile, SavedPlace},
    protocol::{
        ActionNumber, ClientMessage, Hello, NetworkState, ReconnectRefusal, Seq, ServerMessage,
    },
    sync::PlaceLoss,
    transport::{Connector, MemoryConnector},
};
use tokio::{
    io::{DuplexStream, ReadHalf, WriteHalf},
    time::{Instant, sleep},
};

use super::{
    Raw, Remote, SECOND, host, options,
    scripted_host::{Accepted, ScriptedConnector, ScriptedHost},
};
use crate::{
    cable::Cable,
    conformance::{event, eventually},
    harness::{BASS, LEAD, cutoff, cutoff_of, hello},
};

const PIPE: usize = 64 * 1024;

/// A directory for the place files of a test, removed at its end.
struct Places(PathBuf);

impl Places {
    fn new(test: &str) -> Self {
        let name = format!("imbolc-places-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn claim(&self) -> PlaceFile {
        PlaceFile::claim(&self.0, "here", "Ana").unwrap()
    }

    fn options(&self) -> JoinOptions {
        JoinOptions { place: Some(self.claim()), ..options("Ana", &[]) }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn saved(path: &Path) -> Option<SavedPlace> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

async fn join(connector: ScriptedConnector, options: JoinOptions) -> Remote {
    Remote::join(connector, options).await.unwrap()
}

async fn welcomed(
    host: &mut ScriptedHost,
    connector: &ScriptedConnector,
    options: JoinOptions,
) -> (Remote, Accepted) {
    let joining = tokio::spawn(join(connector.clone(), options));
    let (accepted, hello) = host.welcome().await;
    assert!(hello.checks_digests);
    (joining.await.unwrap(), accepted)
}

#[tokio::test(start_paused = true)]
async fn attempt_number_rises_on_disk_before_each_attempt() {
    let places = Places::new("attempts");
    let file = places.claim();
    let path = file.path().to_owned();
    let with_file = JoinOptions { place: Some(file), ..options("Ana", &[]) };
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let (ana, accepted) = welcomed(&mut host, &connector, with_file).await;
    let mut last = saved(&path).unwrap().attempt;
    drop(accepted);
    for _ in 0..4 {
        // The host is paused: it accepts and does not answer.
        let (_silent, hello) = host.accept().await;
        assert!(hello.attempt > last, "{} after {last}", hello.attempt);
        assert_eq!(saved(&path).unwrap().attempt, hello.attempt);
        last = hello.attempt;
    }
    let (_accepted, hello) = host.resume().await;
    assert!(hello.attempt > last);
    eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;

    // As after a SIGKILL.
    drop(ana);
    eventually("its file is free", || places.claim().path() == path).await;
    let again = tokio::spawn(join(connector, places.options()));
    let (mut accepted, next) = host.resume().await;
    assert!(next.attempt > hello.attempt, "{} after {}", next.attempt, hello.attempt);
    assert_eq!(next.instance, hello.instance);
    accepted.send(&ServerMessage::FullStateSync { state: host.state() }).await;
    assert_eq!(again.await.unwrap().identity().name, "Ana");
}

#[tokio::test(start_paused = true)]
async fn attempt_number_rises_without_a_place_file() {
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let (_ana, accepted) = welcomed(&mut host, &connector, options("Ana", &[])).await;
    drop(accepted);
    let (_silent, first) = host.accept().await;
    let (_accepted, second) = host.resume().await;
    assert!(second.attempt > first.attempt);
}

#[tokio::test(start_paused = true)]
async fn one_refused_resume_does_not_cost_the_place() {
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let (ana, accepted) = welcomed(&mut host, &connector, options("Ana", &[])).await;
    let mut events = ana.events();
    drop(accepted);
    let (mut refused, _) = host.accept().await;
    let reason = ReconnectRefusal::UnknownToken;
    refused.send(&ServerMessage::ReconnectFailed { reason }).await;
    let (_accepted, _) = host.resume().await;
    eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;
    while let Some(event) = events.try_next() {
        assert!(!matches!(event, Event::Session(SessionEvent::NewSession { .. })), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_programs_with_one_place_end_with_one() {
    let (host, connector) = host();
    let (places, copied) = (Places::new("original"), Places::new("copy"));
    let first = Remote::join(connector.clone(), places.options()).await.unwrap();
    let me = first.identity();
    let copy = copied.claim();
    let original = places.0.join(copy.path().file_name().unwrap());
    copy.save(saved(&original).unwrap()).unwrap();
    let with_copy = JoinOptions { place: Some(copy), ..options("Ana", &[]) };
    let second = Remote::join(connector, with_copy).await.unwrap();
    assert_eq!(second.identity(), me);
    eventually("the older ends", || matches!(first.status(), Status::Closed { .. })).await;
    assert_eq!(first.status().to_string(), "closed: another program has taken your place");
    let mut events = second.events();
    sleep(120 * SECOND).await;
    assert!(matches!(second.status(), Status::Connected { .. }), "{}", second.status());
    while let Some(event) = events.try_next() {
        assert!(!matches!(event, Event::Status(_)), "{event:?}");
    }
    assert_eq!(host.state().roster.participants.len(), 2);
}

/// Ana says goodbye in the same breath as two actions, of which one is refused.
#[tokio::test(start_paused = true)]
async fn refusals_arrive_before_the_goodbye() {
    let (_host, connector) = host();
    let mut ana = Raw::join(&connector, Hello { own: vec![BASS], ..hello("Ana") }).await;
    let action = |number, instrument| {
        let (number, action) = (ActionNumber(number), cutoff(instrument, 700.0));
        ClientMessage::Action { number, continues: false, action }
    };
    ana.send_all(&[action(1, LEAD), action(2, BASS), ClientMessage::Goodbye]).await;
    let mut refused = Vec::new();
    loop {
        match ana.receive().await.expect("the answer to the goodbye") {
            ServerMessage::ActionRejected { number, .. } => refused.push(number),
            ServerMessage::Goodbye => break,
            _ => {}
        }
    }
    assert_eq!(refused, [ActionNumber(1)]);
}

#[tokio::test(start_paused = true)]
async fn commit_is_done_when_the_host_answers_the_goodbye() {
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let (ana, mut accepted) = welcomed(&mut host, &connector, options("Ana", &[BASS])).await;
    let mut roster = (*host.state().roster).clone();
    roster.owners.insert(BASS, roster.as_owner(ana.identity().client_id).unwrap());
    let owning = NetworkState { seq: Seq(99), roster: roster.into(), ..host.state() };
    accepted.send(&ServerMessage::FullStateSync { state: owning }).await;
    eventually("she owns it", || ana.identity().instruments == [BASS]).await;
    let (done, closed, ()) = tokio::join!(
        ana.commit(cutoff(BASS, 700.0)),
        async {
            sleep(SECOND / 10).await;
            ana.close().await
        },
        async {
            accepted.receive_goodbye().await;
            accepted.send(&ServerMessage::Goodbye).await;
        }
    );
    assert_eq!((done, closed), (Ok(None), Ok(())));
}

/// Whether a client that has closed comes back to its place.
async fn kept_after_close(test: &str, script: impl AsyncFnOnce(Accepted)) -> bool {
    let places = Places::new(test);
    let file = places.claim();
    let path = file.path().to_owned();
    let with_file = JoinOptions { place: Some(file), ..options("Ana", &[]) };
    let (mut host, connector) = ScriptedHost::new(PIPE).await;
    let (ana, accepted) = welcomed(&mut host, &connector, with_file).await;
    let has_place = || saved(&path).unwrap().session.is_some();
    assert!(has_place());
    let begun = Instant::now();
    let closing = async {
        assert_eq!(ana.close().await, Ok(()), "no action is pending");
        assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
    };
    tokio::join!(closing, script(accepted));
    assert_eq!(ana.status(), Status::Closed { reason: CloseReason::ByRequest });
    has_place()
}

#[tokio::test(start_paused = true)]
async fn place_stays_until_the_host_answers_the_goodbye() {
    let offline = async |accepted: Accepted| drop(accepted);
    assert!(kept_after_close("offline", offline).await);
    let silent = async |accepted: Accepted| {
        sleep(10 * SECOND).await;
        drop(accepted);
    };
    assert!(kept_after_close("silent", silent).await);
    let lost = async |mut accepted: Accepted| accepted.receive_goodbye().await;
    assert!(kept_after_close("lost", lost).await);
    let half_answered = async |mut accepted: Accepted| {
        accepted.receive_goodbye().await;
        let answer = super::scripted_host::frame(&ServerMessage::Goodbye);
        let half = &answer[..answer.len() / 2];
        tokio::io::AsyncWriteExt::write_all(&mut accepted.writer, half).await.unwrap();
    };
    assert!(kept_after_close("half", half_answered).await);
    let answered = async |mut accepted: Accepted| {
        accepted.receive_goodbye().await;
        accepted.send(&ServerMessage::Goodbye).await;
    };
    assert!(!kept_after_close("answered", answered).await);
    let ended = async |mut accepted: Accepted| accepted.send(&ServerMessage::Shutdown).await;
    assert!(!kept_after_close("ended", ended).await);
}

#[tokio::test(start_paused = true)]
async fn guest_who_quits_in_an_outage_comes_back_to_its_place() {
    let (host, connector) = host();
    let places = Places::new("quits");
    let cable = Cable::new(connector.clone());
    let with_bass = || JoinOptions { own: vec![BASS], ..places.options() };
    let ana = Remote::join(cable.clone(), with_bass()).await.unwrap();
    let me = ana.identity();
    ana.commit(cutoff(BASS, 700.0)).await.unwrap();
    cable.pull();
    eventually("it is lost", || matches!(ana.status(), Status::Reconnecting { .. })).await;
    ana.dispatch(cutoff(BASS, 800.0)).unwrap();
    ana.dispatch(cutoff(BASS, 900.0)).unwrap();
    let unsent = Err(CloseError::Unanswered { actions: 2 });
    assert_eq!(ana.close().await, unsent, "a UI can say what was not sent");
    drop(ana);
    let again = Remote::join(connector, with_bass()).await.unwrap();
    assert_eq!(again.identity(), me);
    assert_eq!(host.state().roster.participants.len(), 2);
    assert_eq!(cutoff_of(&host.state().model, BASS), 700.0);
    assert_eq!(again.close().await, Ok(()));
    eventually("she has left", || host.state().roster.participants.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn lost_place_says_why_it_is_lost() {
    for (restarted, why, words) in [
        (false, PlaceLoss::Expired, "your place has expired"),
        (true, PlaceLoss::OtherSession, "the host has another session"),
    ] {
        let places = Places::new("why");
        let (mut host, connector) = ScriptedHost::new(PIPE).await;
        let (ana, accepted) = welcomed(&mut host, &connector, places.options()).await;
        if restarted {
            host.restart();
        }
        let mut events = ana.events();
        drop(accepted);
        let told = |event| match event {
            Event::Session(SessionEvent::NewSession { why, .. }) => Some(why),
            _ => None,
        };
        refuse_twice_and_welcome(&mut host).await;
        assert_eq!(event(&mut events, told).await, why);
        assert_eq!(why.to_string(), words);

        // The same for a program that was restarted.
        drop(ana);
        if restarted {
            host.restart();
        }
        eventually("its file is free", || {
            let file = places.claim();
            file.load().is_some()
        })
        .await;
        let joining = tokio::spawn(join(connector, places.options()));
        refuse_twice_and_welcome(&mut host).await;
        let mut events = joining.await.unwrap().events();
        assert_eq!(events.try_next().and_then(told), Some(why));
    }
}

async fn refuse_twice_and_welcome(host: &mut ScriptedHost) {
    for _ in 0..2 {
        let (mut refused, hello) = host.accept().await;
        assert!(hello.resume.is_some());
        let reason = ReconnectRefusal::UnknownToken;
        refused.send(&ServerMessage::ReconnectFailed { reason }).await;
    }
    let (mut accepted, hello) = host.welcome().await;
    assert!(hello.resume.is_none());
    // It stays connected.
    tokio::spawn(async move { while accepted.receive().await.is_some() {} });
}

/// A connector that fails with a panic, once it is used again.
struct Panicking(MemoryConnector, std::sync::atomic::AtomicBool);

impl Connector for Panicking {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(
        &self,
    ) -> io::Result<(Self::Reader, Self::Writer, Option<std::net::SocketAddr>)> {
        assert!(!self.1.swap(true, std::sync::atomic::Ordering::Relaxed), "a bug of ours");
        self.0.connect().await
    }
}

#[tokio::test(start_paused = true)]
async fn local_panic_is_not_blamed_on_the_host() {
    let (host, connector) = host();
    let connector = Panicking(connector, std::sync::atomic::AtomicBool::new(false));
    let ana = Remote::join(connector, options("Ana", &[])).await.unwrap();
    host.close().await.unwrap();
    eventually("it fails", || matches!(ana.status(), Status::Closed { .. })).await;
    let Status::Closed { reason: CloseReason::ConnectionLost(reason) } = ana.status() else {
        panic!("{}", ana.status());
    };
    assert!(matches!(&reason, ConnectionError::Internal(_)), "{reason}");
    assert!(reason.to_string().starts_with("this program has failed"), "{reason}");
}
