//! The rows of the table in docs/protocol.md, "Entering": from the first byte of a
//! connection to the `Hello`.

use imbolc_net::{
    Dispatcher, Event,
    admission::{AdmissionPolicy, DecisionError, Verdict},
    dispatcher::{DispatchError, HostCommand},
    installation::Installation,
    model::InstrumentId,
    protocol::{
        ClientId, ClientMessage, EntryRefusal, Hello, ProtocolError, Role, ServerMessage,
        entry::{EntryReply, EntryRequest},
    },
    security::{Element, Entry, Initiator, WordsNonce},
    server::{HostDispatcher, HostOptions},
    studio::Studio,
    sync::session::SessionConfig,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep, timeout},
};

use super::{
    SECOND,
    visitor::{Lan, Visitor, host_on_a_lan, key, keyed_hello, read_message},
};
use crate::{
    conformance::{event, eventually},
    harness::BASS,
};

fn host_with(admission: AdmissionPolicy) -> (HostDispatcher, Lan) {
    host_on_a_lan(HostOptions { admission, ..HostOptions::default() })
}

fn code(host: &HostDispatcher) -> String {
    host.admission().unwrap().code.shown()
}

/// A code that the host does not have.
fn wrong(host: &HostDispatcher) -> String {
    if code(host) == "000-000" { "111-111".into() } else { "000-000".into() }
}

fn hello_of(name: &str) -> EntryRequest {
    EntryRequest::Hello(keyed_hello(name))
}

#[tokio::test(start_paused = true)]
async fn code_admits_and_is_not_needed_again() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = Visitor::connect(&lan, 1).await;
    assert_eq!(ana.entry, Entry::Code);
    ana.prove_code(&code(&host)).await;
    assert_eq!(ana.join("Ana").await, "Ana");
    let shown = host.state().roster.participants[&ClientId::HOST].key;
    assert_eq!(shown, Some(ana.channel.peer), "everybody sees the key of the host");
    drop(ana);
    let mut ana = Visitor::connect(&lan, 1).await;
    ana.join("Ana").await;
}

#[tokio::test(start_paused = true)]
async fn unknown_key_learns_how_to_enter() {
    for (policy, entry, reason) in [
        (AdmissionPolicy::Code, Entry::Code, EntryRefusal::CodeNeeded),
        (AdmissionPolicy::Ask, Entry::Ask, EntryRefusal::CodeOrQuestion),
    ] {
        let (host, lan) = host_with(policy);
        let mut eve = Visitor::connect(&lan, 1).await;
        assert_eq!(eve.entry, entry);
        assert_eq!(eve.refused(&hello_of("Eve")).await, reason);
        assert_eq!(host.state().roster.participants.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn open_session_admits_every_key_and_remembers_none() {
    let (host, lan) = host_with(AdmissionPolicy::Open);
    let mut eve = Visitor::connect(&lan, 1).await;
    assert_eq!(eve.entry, Entry::Open);
    eve.join("Eve").await;
    let key = host.state().roster.participants[&ClientId(1)].key;
    assert_eq!(key, Some(eve.own));
}

#[tokio::test(start_paused = true)]
async fn plain_clients_enter_open_and_local_sessions_only() {
    let local = [127, 0, 0, 1];
    let elsewhere = [192, 0, 2, 1];
    for (admission, local_exemption, ip, is_admitted) in [
        (AdmissionPolicy::Open, true, elsewhere, true),
        (AdmissionPolicy::Code, true, local, true),
        (AdmissionPolicy::Code, false, local, false),
        (AdmissionPolicy::Code, true, elsewhere, false),
        (AdmissionPolicy::Ask, true, elsewhere, false),
    ] {
        let options = HostOptions { admission, local_exemption, ..HostOptions::default() };
        let (_host, lan) = host_on_a_lan(options);
        let answer = plain(&lan, ip, &frame_of(&crate::harness::hello("Ana"))).await;
        if is_admitted {
            assert!(answer.contains("Welcome") && answer.contains("\"token\":\""), "{answer}");
        } else {
            let expected = r#"{"Error":{"NotAdmitted":"PlainNotAdmitted"}}"#;
            assert_eq!(&answer[4..], expected, "{admission:?} {ip:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn older_client_is_told_the_version() {
    let (_host, lan) = host_with(AdmissionPolicy::Code);
    for hello in [r#"{"Hello":{"protocol":3,"name":"Ana"}}"#, r#"{"Hello":{"protocol":5}}"#] {
        let answer = plain(&lan, [192, 0, 2, 1], &framed(hello.as_bytes())).await;
        assert_eq!(&answer[4..], r#"{"Error":{"WrongProtocol":{"speaks":4}}}"#);
    }
    let mut ana = Visitor::connect(&lan, 1).await;
    let older = Hello { protocol: 3, ..keyed_hello("Ana") };
    ana.send(&EntryRequest::Hello(older)).await;
    let expected = ServerMessage::Error(ProtocolError::WrongProtocol { speaks: 4 });
    assert_eq!(ana.receive().await, Some(expected));
}

#[tokio::test(start_paused = true)]
async fn frames_of_strangers_are_short() {
    let (_host, lan) = host_with(AdmissionPolicy::Code);
    let too_long = |limit: u64| format!(r#"{{"Error":{{"FrameTooLong":{{"limit":{limit}}}}}}}"#);
    for (first, limit) in [
        (8_193_u32.to_be_bytes().to_vec(), 8_192),
        // A plain frame of 64 KiB or more begins like an opening.
        (65_536_u32.to_be_bytes().to_vec(), 8_192),
        (b"GET / HTTP/1.1\r\n".to_vec(), 8_192),
        ([&[0, 42][..], &[b'x'; 42]].concat(), 8_192),
    ] {
        let answer = plain(&lan, [192, 0, 2, 1], &first).await;
        assert_eq!(&answer[4..], too_long(limit), "{first:?}");
    }
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.send(&EntryRequest::Introduce { name: "x".repeat(1_100) }).await;
    let expected = ServerMessage::Error(ProtocolError::FrameTooLong { limit: 1_024 });
    assert_eq!(eve.receive().await, Some(expected));
    // Of an admitted key it may be as long as a Hello can be.
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = Visitor::connect(&lan, 1).await;
    ana.prove_code(&code(&host)).await;
    let own = (0..1_000).map(InstrumentId).collect();
    ana.send(&EntryRequest::Hello(Hello { own, ..keyed_hello("Ana") })).await;
    assert!(matches!(ana.receive().await, Some(ServerMessage::Welcome(_))));
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
}

fn frame_of(hello: &Hello) -> Vec<u8> {
    framed(serde_json::to_string(&json!({ "Hello": hello })).unwrap().as_bytes())
}

/// What a plain client from `ip` is answered.
async fn plain(lan: &Lan, ip: [u8; 4], bytes: &[u8]) -> String {
    let mut stream = lan.connect(ip);
    stream.write_all(bytes).await.unwrap();
    let mut answer = vec![0; 100];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into()
}

#[tokio::test(start_paused = true)]
async fn wrong_code_is_refused_and_counted() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    for guess in 0..5 {
        let mut eve = Visitor::connect_from(&lan, [192, 0, 2, 9], 9 + guess).await;
        let proof = eve.begin_code(&wrong(&host)).await;
        let confirm = EntryRequest::ConfirmCode { mac: proof.own() };
        assert_eq!(eve.refused(&confirm).await, EntryRefusal::WrongCode);
    }
    // The right code comes too late from there.
    let element = Element::new([0x41; 33]);
    let mut eve = Visitor::connect_from(&lan, [192, 0, 2, 9], 20).await;
    let prove = EntryRequest::ProveCode { element };
    assert_eq!(eve.refused(&prove).await, EntryRefusal::CodesPaused);
    assert!(host.admission().unwrap().paused.is_some());
    host.administer(HostCommand::NewCode).unwrap();
    assert!(host.admission().unwrap().paused.is_none());
    let mut ana = Visitor::connect_from(&lan, [192, 0, 2, 9], 1).await;
    ana.prove_code(&code(&host)).await;
    ana.join("Ana").await;
}

#[tokio::test(start_paused = true)]
async fn code_changed_in_the_middle_of_a_run_is_not_looked_at() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = Visitor::connect(&lan, 1).await;
    let proof = ana.begin_code(&code(&host)).await;
    host.administer(HostCommand::NewCode).unwrap();
    let confirm = EntryRequest::ConfirmCode { mac: proof.own() };
    assert_eq!(ana.refused(&confirm).await, EntryRefusal::CodeReplaced);
}

#[tokio::test(start_paused = true)]
async fn element_that_is_none_is_refused() {
    let (_host, lan) = host_with(AdmissionPolicy::Code);
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.send(&EntryRequest::ProveCode { element: Element::new([0xff; 33]) }).await;
    let answer = eve.receive().await;
    let is_malformed =
        matches!(answer, Some(ServerMessage::Error(ProtocolError::Malformed { .. })));
    assert!(is_malformed, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn question_shows_both_sides_the_same_words() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut events = host.events();
    let mut ana = Visitor::connect(&lan, 1).await;
    let words = ana.ask().await;
    let asked = event(&mut events, |event| match event {
        Event::WantsToJoin(request) => Some(request),
        _ => None,
    })
    .await;
    assert_eq!((asked.words, asked.key, asked.name), (words, ana.own, None));
    ana.introduce("Ana").await;
    let named = event(&mut events, |event| match event {
        Event::WantsToJoin(request) => Some(request),
        _ => None,
    })
    .await;
    assert_eq!((named.id, named.name.as_deref()), (asked.id, Some("Ana")));
    assert_eq!(host.admission().unwrap().requests, [named]);
    host.decide(asked.id, Verdict::Once).unwrap();
    assert_eq!(ana.reply().await, Some(EntryReply::Admitted));
    assert_eq!(ana.join("Ana").await, "Ana");
    assert!(host.admission().unwrap().requests.is_empty());
    let late = host.decide(asked.id, Verdict::No);
    assert_eq!(late, Err(DispatchError::Undecided(DecisionError::NotWaiting)));
}

#[tokio::test(start_paused = true)]
async fn name_may_come_after_the_person_has_decided() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut ana = Visitor::connect(&lan, 1).await;
    ana.ask().await;
    eventually("it waits", || host.admission().unwrap().requests.len() == 1).await;
    host.decide(host.admission().unwrap().requests[0].id, Verdict::ForGood).unwrap();
    ana.introduce("Ana").await;
    assert_eq!(ana.reply().await, Some(EntryReply::Admitted));
    ana.join("Ana").await;
    drop(ana);
    Visitor::connect(&lan, 1).await.join("Ana").await;
}

#[tokio::test(start_paused = true)]
async fn question_is_declined_or_ends_after_60_s() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let begun = Instant::now();
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.ask().await;
    eve.introduce("Eve").await;
    let waits = || host.admission().unwrap().requests.len() == 1;
    eventually("it waits", waits).await;
    host.decide(host.admission().unwrap().requests[0].id, Verdict::No).unwrap();
    assert_eq!(eve.refusal().await, EntryRefusal::Declined);
    assert!(begun.elapsed() < SECOND);
    let mut eve = Visitor::connect(&lan, 2).await;
    eve.ask().await;
    assert_eq!(eve.refusal().await, EntryRefusal::Unanswered);
    assert!((60 * SECOND..62 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn question_of_a_client_that_hangs_up_is_taken_back() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.ask().await;
    eventually("it waits", || host.admission().unwrap().requests.len() == 1).await;
    drop(eve);
    eventually("it is gone", || host.admission().unwrap().requests.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn nonce_of_another_commitment_asks_nobody() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut eve = Visitor::connect(&lan, 1).await;
    let commitment = WordsNonce::new([1; 32]).commitment(&eve.channel.hash);
    eve.send(&EntryRequest::Ask { commitment }).await;
    assert!(matches!(eve.reply().await, Some(EntryReply::Nonce { .. })));
    eve.send(&EntryRequest::Reveal { nonce: WordsNonce::new([2; 32]) }).await;
    assert!(matches!(eve.receive().await, Some(ServerMessage::Error(_))));
    assert!(host.admission().unwrap().requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_where_nobody_sits() {
    let session = SessionConfig { attended: false, ..SessionConfig::default() };
    let (_host, lan) = host_on_a_lan(HostOptions { session, ..HostOptions::default() });
    let mut eve = Visitor::connect(&lan, 1).await;
    assert_eq!(eve.entry, Entry::Code);
    let commitment = WordsNonce::new([1; 32]).commitment(&eve.channel.hash);
    assert_eq!(eve.refused(&EntryRequest::Ask { commitment }).await, EntryRefusal::CodeNeeded);
}

#[tokio::test(start_paused = true)]
async fn message_out_of_turn_ends_the_connection() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let introduce = EntryRequest::Introduce { name: "Eve".into() };
    let mut eve = Visitor::connect(&lan, 1).await;
    assert_eq!(eve.refused(&introduce).await, EntryRefusal::OutOfTurn);
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.begin_code(&code(&host)).await;
    assert_eq!(eve.refused(&hello_of("Eve")).await, EntryRefusal::OutOfTurn);
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.ask().await;
    assert_eq!(eve.refused(&hello_of("Eve")).await, EntryRefusal::OutOfTurn);
}

#[tokio::test(start_paused = true)]
async fn removed_key_is_refused_until_it_is_admitted_by_name() {
    let (host, lan) = host_with(AdmissionPolicy::Open);
    let mut eve = Visitor::connect(&lan, 1).await;
    eve.join("Eve").await;
    let before = code(&host);
    host.administer(HostCommand::Remove { client: ClientId(1) }).unwrap();
    assert_ne!(code(&host), before, "she knew the old code");
    loop {
        if let ServerMessage::Error(error) = eve.receive().await.expect("she is told") {
            break assert_eq!(error, ProtocolError::NotAdmitted(EntryRefusal::Removed));
        }
    }
    let mut eve = Visitor::connect(&lan, 1).await;
    assert_eq!(eve.refused(&hello_of("Eve")).await, EntryRefusal::Removed);
    let mut eve = Visitor::connect(&lan, 1).await;
    let prove = EntryRequest::ProveCode { element: Element::new([0x41; 33]) };
    assert_eq!(eve.refused(&prove).await, EntryRefusal::Removed);
    host.administer(HostCommand::Admit { name: "eve".into() }).unwrap_err();
    host.administer(HostCommand::Admit { name: "Eve".into() }).unwrap();
    Visitor::connect(&lan, 1).await.join("Eve").await;
}

#[tokio::test(start_paused = true)]
async fn removed_plain_client_knows_no_code_either() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = lan.connect([127, 0, 0, 1]);
    ana.write_all(&frame_of(&crate::harness::hello("Ana"))).await.unwrap();
    eventually("she is in", || host.state().roster.participants.len() == 2).await;
    let before = code(&host);
    host.administer(HostCommand::Remove { client: ClientId(1) }).unwrap();
    assert_ne!(code(&host), before);
}

#[tokio::test(start_paused = true)]
async fn removal_ends_every_other_connection_of_the_key() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut member = Visitor::connect(&lan, 1).await;
    member.prove_code(&code(&host)).await;
    member.join("Eve").await;
    let mut entering = Visitor::connect(&lan, 1).await;
    let mut proving = Visitor::connect(&lan, 1).await;
    proving.begin_code(&code(&host)).await;
    let mut asking = Visitor::connect(&lan, 1).await;
    asking.ask().await;
    let mut admitted = Visitor::connect(&lan, 1).await;
    admitted.prove_code(&code(&host)).await;
    eventually("it asks", || host.admission().unwrap().requests.len() == 1).await;
    host.administer(HostCommand::Remove { client: ClientId(1) }).unwrap();
    for other in [&mut entering, &mut proving, &mut asking, &mut admitted] {
        assert_eq!(other.refusal().await, EntryRefusal::Removed);
        assert_eq!(other.receive().await, None);
    }
    assert!(host.admission().unwrap().requests.is_empty());
}

/// One that is away has its own.
#[tokio::test(start_paused = true)]
async fn place_is_kept_for_a_known_key_that_has_none() {
    for is_away in [true, false] {
        let session = SessionConfig { max_participants: 4, ..SessionConfig::default() };
        let admission = AdmissionPolicy::Open;
        let options = HostOptions { admission, session, ..HostOptions::default() };
        let (host, lan) = host_on_a_lan(options);
        let mut ana = Visitor::connect(&lan, 1).await;
        ana.prove_code(&code(&host)).await;
        ana.join("Ana").await;
        if is_away {
            ana.speak().await;
        } else {
            ana.send(&ClientMessage::<Studio>::Goodbye).await;
            eventually("she has left", || host.state().roster.participants.len() == 1).await;
        }
        drop(ana);
        let mut ben = Visitor::connect(&lan, 2).await;
        ben.join("Ben").await;
        let mut cid = Visitor::connect(&lan, 3).await;
        cid.join("Cid").await;
        if !is_away {
            let mut dan = Visitor::connect(&lan, 4).await;
            dan.send(&hello_of("Dan")).await;
            let full = ProtocolError::SessionFull { limit: 4 };
            assert_eq!(dan.receive().await, Some(ServerMessage::Error(full)));
            assert_eq!(Visitor::connect(&lan, 1).await.join("Ana").await, "Ana");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn host_sets_roles_and_frees_what_absent_ones_own() {
    let (host, lan) = host_with(AdmissionPolicy::Open);
    let mut ana = Visitor::connect(&lan, 1).await;
    let hello = Hello { own: vec![BASS], ..keyed_hello("Ana") };
    ana.send(&EntryRequest::Hello(hello)).await;
    assert!(matches!(ana.receive().await, Some(ServerMessage::Welcome(_))));
    let client = ClientId(1);
    let free = HostCommand::Free { client };
    assert_eq!(host.administer(free.clone()), Err(DispatchError::NotAway));
    ana.speak().await;
    drop(ana);
    eventually("she is away", || host.state().roster.is_away(client)).await;
    host.administer(free).unwrap();
    assert!(!host.state().roster.owns(client, BASS));
    host.administer(HostCommand::SetRole { client, role: Role::Viewer }).unwrap();
    assert_eq!(host.state().roster.participants[&client].role, Role::Viewer);
    let absent = HostCommand::SetRole { client: ClientId(9), role: Role::Viewer };
    assert_eq!(host.administer(absent), Err(DispatchError::NoParticipant));
    host.close().await.unwrap();
    assert!(matches!(host.administer(HostCommand::NewCode), Err(DispatchError::Closed(_))));
}

#[tokio::test(start_paused = true)]
async fn known_participants_are_kept_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let installation = || Some(Installation::open(directory.path()).unwrap());
    let admission = AdmissionPolicy::Code;
    let options =
        || HostOptions { admission, installation: installation(), ..HostOptions::default() };
    let (host, lan) = host_on_a_lan(options());
    let mut ana = Visitor::connect(&lan, 1).await;
    let first = ana.channel.peer;
    ana.prove_code(&code(&host)).await;
    ana.join("Ana").await;
    host.close().await.unwrap();
    drop(host);
    // The next day.
    let (host, lan) = host_on_a_lan(options());
    let mut other = Visitor::connect_from(&lan, [127, 0, 0, 1], 2).await;
    assert_eq!(other.channel.peer, first, "the host has the same key");
    assert_eq!(other.join("Ana").await, "Ana 2", "the name belongs to her key");
    let mut ana = Visitor::connect(&lan, 1).await;
    assert_eq!(ana.join("Ana").await, "Ana");
    host.administer(HostCommand::Remove { client: ClientId(2) }).unwrap();
    host.close().await.unwrap();
    assert!(Installation::open(directory.path()).unwrap().known().is_empty());
}

#[tokio::test(start_paused = true)]
async fn strangers_are_told_that_the_session_ends() {
    let (host, lan) = host_with(AdmissionPolicy::Ask);
    let mut entering = Visitor::connect(&lan, 1).await;
    let mut asking = Visitor::connect(&lan, 2).await;
    asking.ask().await;
    let mut opening = lan.connect([192, 0, 2, 3]);
    let (initiator, message) = Initiator::new(&key(3)).unwrap();
    opening.write_all(&message).await.unwrap();
    let reply = read_message(&mut opening).await.unwrap();
    initiator.read_reply(&reply).unwrap();
    host.close().await.unwrap();
    for stranger in [&mut entering, &mut asking] {
        assert_eq!(stranger.receive().await, Some(ServerMessage::Shutdown));
        assert_eq!(stranger.receive().await, None);
    }
    // It would take anything else for a message of the channel.
    assert_eq!(opening.read(&mut [0; 100]).await.unwrap(), 0);
    assert_eq!(host.stats().open, 0);
}

#[tokio::test(start_paused = true)]
async fn handshake_ends_after_5_s_in_every_state() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let begun = Instant::now();
    let _silent = lan.connect([192, 0, 2, 1]);
    let mut half = lan.connect([192, 0, 2, 2]);
    half.write_all(&[0, 43, b'I']).await.unwrap();
    let mut answered = lan.connect([192, 0, 2, 3]);
    answered.write_all(&Initiator::new(&key(3)).unwrap().1).await.unwrap();
    let mut entering = Visitor::connect(&lan, 4).await;
    let told = entering.receive().await;
    let expected = ProtocolError::HandshakeTimeout { seconds: 5 };
    assert_eq!(told, Some(ServerMessage::Error(expected)));
    eventually("all are closed", || host.stats().open == 0).await;
    assert!((5 * SECOND..6 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn known_key_keeps_its_place_among_strangers() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut ana = Visitor::connect(&lan, 1).await;
    ana.prove_code(&code(&host)).await;
    ana.join("Ana").await;
    drop(ana);
    let mut ana = Visitor::connect(&lan, 1).await;
    // She has shown her key, so no stranger displaces her.
    eventually("she has", || host.stats().open == 1).await;
    sleep(SECOND / 10).await;
    let _strangers: Vec<_> = (0..300).map(|_| lan.connect([192, 0, 2, 1])).collect();
    eventually("they displace each other", || host.stats().rejected == 172).await;
    ana.join("Ana").await;
}

#[tokio::test(start_paused = true)]
async fn busy_address_makes_room_first() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    let mut quiet = lan.connect([192, 0, 2, 1]);
    sleep(SECOND / 10).await;
    let _busy: Vec<_> = (0..500).map(|_| lan.connect([192, 0, 2, 2])).collect();
    eventually("it displaces itself", || host.stats().rejected == 373).await;
    quiet.write_all(&[0]).await.unwrap();
    let read = timeout(SECOND, quiet.read(&mut [0])).await;
    assert!(read.is_err(), "it is still open");
}

#[tokio::test(start_paused = true)]
async fn opening_is_answered_at_most_20_times_a_second_for_an_address() {
    let (_host, lan) = host_with(AdmissionPolicy::Code);
    let begun = Instant::now();
    let mut joining = tokio::task::JoinSet::new();
    for seed in 0..30 {
        let stream = lan.connect([192, 0, 2, 1]);
        joining.spawn(async move { Visitor::open(stream, seed).await.map(|_| begun.elapsed()) });
    }
    let mut times: Vec<_> = joining.join_all().await.into_iter().map(Option::unwrap).collect();
    times.sort();
    assert!(times[19] < SECOND, "{times:?}");
    assert!(times[20] >= SECOND, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdown_and_refusal_never_wait_for_a_stranger() {
    let (host, lan) = host_with(AdmissionPolicy::Code);
    // It reads nothing, and its pipe is full at once.
    let mut narrow = lan.connect_by([192, 0, 2, 1], 8);
    narrow.write_all(&[0, 0, 0, 2]).await.unwrap();
    narrow.write_all(b"{}").await.unwrap();
    let begun = Instant::now();
    eventually("it is closed", || host.stats().open == 0).await;
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
}
