//! Announcing and browsing, by real mDNS on the loopback interface. Each test uses
//! its own UDP port, so the tests do not see each other.

mod following;
mod namespaces;
mod raw;

use std::{
    env,
    net::{SocketAddr, UdpSocket},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Mode,
    client::JoinOptions,
    discovery::{
        Advert, Compatibility, DiscoveryClient, DiscoveryConfig, DiscoveryEvent, DiscoveryServer,
        FoundSession, Interfaces,
    },
    dispatcher::Status,
    server::HostOptions,
    studio::Studio,
};
use tokio::time::{Instant, timeout};

/// Only a broken program exceeds it.
const LIMIT: Duration = Duration::from_secs(30);

/// A configuration that no other test shares.
fn lan() -> DiscoveryConfig {
    let port = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    DiscoveryConfig { interfaces: Interfaces::Loopback, port }
}

fn announce(name: &str, port: u16, lan: &DiscoveryConfig) -> DiscoveryServer {
    let address = SocketAddr::from(([0, 0, 0, 0], port));
    DiscoveryServer::announce(Advert::new(name).unwrap(), address, lan).unwrap()
}

fn browse(lan: &DiscoveryConfig) -> DiscoveryClient {
    DiscoveryClient::browse(lan).unwrap()
}

async fn next(client: &mut DiscoveryClient) -> DiscoveryEvent {
    timeout(LIMIT, client.next()).await.expect("an event arrives").expect("browsing goes on")
}

/// The next event, which must be `Found`.
async fn found(client: &mut DiscoveryClient) -> FoundSession {
    match next(client).await {
        DiscoveryEvent::Found(session) => session,
        other => panic!("{other:?}"),
    }
}

/// Waits until a session is lost. Returns the time that took, and the session.
async fn lost(client: &mut DiscoveryClient) -> (Duration, FoundSession) {
    let since = Instant::now();
    loop {
        match next(client).await {
            DiscoveryEvent::Lost(session) => return (since.elapsed(), session),
            DiscoveryEvent::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until the session announces `participants`.
async fn changed_to(client: &mut DiscoveryClient, participants: u32) -> FoundSession {
    loop {
        match next(client).await {
            DiscoveryEvent::Changed(session) if session.participants == Some(participants) => {
                return session;
            }
            DiscoveryEvent::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn found_session_carries_its_announcement() {
    let lan = lan();
    let since = Instant::now();
    let _server = announce("Łukasz' Jam. Nr \\ 7 🎹", 9999, &lan);
    let mut client = browse(&lan);
    let session = found(&mut client).await;
    println!("found after {:?}", since.elapsed());
    assert_eq!(session.name, "Łukasz' Jam. Nr \\ 7 🎹");
    assert_eq!(session.address(), SocketAddr::from(([127, 0, 0, 1], 9999)));
    assert_eq!(session.compatibility::<Studio>(), Compatibility::Same);
    assert_eq!((session.participants, session.max_participants), (Some(1), Some(64)));
    assert!(session.host.is_some());
    assert!(session.secret && !session.is_full());
    assert_eq!(client.sessions().collect::<Vec<_>>(), [&session]);
}

#[tokio::test]
async fn later_session_is_found_at_once() {
    let lan = lan();
    let mut client = browse(&lan);
    assert!(client.browse_for(Duration::from_millis(300)).await.is_empty());
    let since = Instant::now();
    let _server = announce("jam", 9999, &lan);
    let session = found(&mut client).await;
    let took = since.elapsed();
    println!("found after {took:?}");
    assert_eq!(session.name, "jam");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn browse_for_finds_all_sessions() {
    let lan = lan();
    let _servers = [announce("one", 1, &lan), announce("two", 2, &lan)];
    let sessions = browse(&lan).browse_for(Duration::from_millis(2500)).await;
    let mut names: Vec<_> = sessions.iter().map(|session| session.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test]
async fn try_next_serves_a_frame_loop() {
    let lan = lan();
    let mut client = browse(&lan);
    let server = announce("jam", 9999, &lan);
    let until = |client: &mut DiscoveryClient, seen: fn(&DiscoveryEvent) -> bool| {
        let deadline = std::time::Instant::now() + LIMIT;
        while std::time::Instant::now() < deadline {
            match client.try_next() {
                Some(event) if seen(&event) => return true,
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(16)),
            }
        }
        false
    };
    assert!(until(&mut client, |seen| matches!(seen, DiscoveryEvent::Found(_))));
    drop(server);
    assert!(until(&mut client, |seen| matches!(seen, DiscoveryEvent::Lost(_))));
}

#[tokio::test]
async fn participant_count_is_kept_current() {
    let lan = lan();
    let server = announce("jam", 9999, &lan);
    let mut client = browse(&lan);
    found(&mut client).await;
    let since = Instant::now();
    server.update(2).unwrap();
    server.update(2).unwrap();
    changed_to(&mut client, 2).await;
    println!("changed after {:?}", since.elapsed());
    // Several changes within a second: the last one counts.
    for participants in [3, 2, 3, 2, 5, 2] {
        server.update(participants).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(4);
    while let Ok(Some(event)) = tokio::time::timeout_at(deadline, client.next()).await {
        assert!(matches!(event, DiscoveryEvent::Changed(_)), "{event:?}");
    }
    let sessions: Vec<_> = client.sessions().map(|session| session.participants).collect();
    assert_eq!(sessions, [Some(2)]);
}

#[tokio::test]
async fn renamed_session_keeps_its_id() {
    let lan = lan();
    let server = announce("jam", 9999, &lan);
    let mut client = browse(&lan);
    let before = found(&mut client).await;
    assert!(server.rename("a\u{1b}[2J").is_err());
    server.rename("Late Jam").unwrap();
    loop {
        match next(&mut client).await {
            DiscoveryEvent::Changed(after) if after.name == "Late Jam" => {
                assert_eq!(after.id, before.id);
                break;
            }
            DiscoveryEvent::Changed(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn follow_announces_joins_leaves_and_the_end() {
    let lan = lan();
    let (name, address) = ("mia".into(), "127.0.0.1:0".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    let host = imbolc_net::open(mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!("it hosts") };
    let server = DiscoveryServer::announce(Advert::new("jam").unwrap(), address, &lan).unwrap();
    let followed: Arc<dyn Dispatcher> = Arc::clone(&host);
    let following = tokio::spawn(async move {
        server.follow(&*followed, followed.events()).await;
        server.shut_down().await;
    });

    let mut client = browse(&lan);
    let session = found(&mut client).await;
    assert_eq!(session.address(), address);
    // The address of a found session can be joined.
    let (address, options) =
        (session.address().to_string(), JoinOptions { name: "ana".into(), ..Default::default() });
    let guest = imbolc_net::open(Mode::Remote { address, options }).await.unwrap();
    changed_to(&mut client, 2).await;
    guest.close().await.unwrap();
    changed_to(&mut client, 1).await;
    host.close().await.unwrap();
    let (_, session) = lost(&mut client).await;
    assert_eq!(session.name, "jam");
    following.await.unwrap();
}

#[tokio::test]
async fn goodbye_loses_the_session_at_once() {
    let lan = lan();
    let mut client = browse(&lan);
    for graceful in [true, false] {
        let server = announce("jam", 9999, &lan);
        found(&mut client).await;
        let since = Instant::now();
        if graceful {
            server.shut_down().await;
        } else {
            drop(server);
        }
        lost(&mut client).await;
        let took = since.elapsed();
        println!("lost after {took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}

#[tokio::test]
async fn sessions_of_the_same_name_are_distinct() {
    let lan = lan();
    let mut client = browse(&lan);
    let one = announce("jam", 1001, &lan);
    let _two = announce("jam", 1002, &lan);
    let found = [found(&mut client).await, found(&mut client).await];
    assert!(found.iter().all(|session| session.name == "jam"));
    assert_ne!(found[0].id, found[1].id);
    let mut ports = found.each_ref().map(|session| session.address().port());
    ports.sort_unstable();
    assert_eq!(ports, [1001, 1002]);
    drop(one);
    let (_, session) = lost(&mut client).await;
    assert_eq!(session.address().port(), 1001);
    assert!(client.sessions().all(|session| session.address().port() == 1002));
}

#[tokio::test]
async fn two_browsers_see_the_same() {
    let lan = lan();
    let server = announce("jam", 9999, &lan);
    let mut clients = [browse(&lan), browse(&lan)];
    let [one, other] = &mut clients;
    assert_eq!(found(one).await.id, found(other).await.id);
    server.update(4).unwrap();
    tokio::join!(changed_to(one, 4), changed_to(other, 4));
    drop(server);
    tokio::join!(lost(one), lost(other));
}

#[tokio::test]
async fn verified_session_is_not_lost() {
    let lan = lan();
    let _server = announce("jam", 9999, &lan);
    let mut clients = [browse(&lan), browse(&lan), browse(&lan)];
    let deadline = Instant::now() + Duration::from_secs(9);
    let look = async |client: &mut DiscoveryClient| {
        found(client).await;
        while let Ok(event) = tokio::time::timeout_at(deadline, client.next()).await {
            assert!(matches!(event, Some(DiscoveryEvent::Changed(_))), "{event:?}");
        }
    };
    let [one, two, three] = &mut clients;
    tokio::join!(look(one), look(two), look(three));
}

#[tokio::test]
async fn killed_host_is_lost_within_seconds() {
    const TEST: &str = "discovery::killed_host_is_lost_within_seconds";
    if let Some(port) = role("announce") {
        let lan = DiscoveryConfig { interfaces: Interfaces::Loopback, port: port.parse().unwrap() };
        let _server = announce("jam", 9999, &lan);
        return wait_for_the_end_of_input();
    }
    let lan = lan();
    let _stays = announce("another", 1, &lan);
    let mut client = browse(&lan);
    found(&mut client).await;
    let mut host = role_command(TEST, "announce", &lan.port.to_string());
    let mut host = host.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(found(&mut client).await.name, "jam");
    host.kill().unwrap();
    host.wait().unwrap();
    let (took, session) = lost(&mut client).await;
    println!("lost after {took:?}");
    assert_eq!(session.name, "jam");
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(client.sessions().count(), 1, "the other session is still known");
}

const ROLE: &str = "IMBOLC_NET_TEST_ROLE";

/// The argument of the role `name`, if this process was started in that role.
fn role(name: &str) -> Option<String> {
    let role = env::var(ROLE).ok()?;
    role.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
}

/// The command that runs `test` in another process, in the role `role`.
fn role_command(test: &str, role: &str, what: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(ROLE, format!("{role}={what}"));
    command
}

/// Blocks until the test that started this process ends.
fn wait_for_the_end_of_input() {
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
}
