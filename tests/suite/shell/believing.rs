//! What a client believes of a host, and what it says before that.

use imbolc_net::{
    Dispatcher, Event,
    client::{JoinOptions, WordsPrompt},
    dispatcher::{CloseReason, ConnectionError, HostTrust, Status},
    installation::{HostLabels, Installation},
    protocol::{
        ClientMessage, EntryRefusal, Hello, ProtocolError, ServerMessage,
        entry::{EntryReply, EntryRequest},
    },
    security::{
        ChannelError, CodeMac, CodeRun, Element, Entry, JoinCode, PrivateKey, PublicKey, Words,
        WordsNonce, words,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    Remote, SECOND, options,
    scripted_host::{Accepted, ScriptedConnector, ScriptedHost, frame},
};
use crate::conformance::{event, eventually};

const CODE: &str = "123-456";

fn code(digits: &str) -> Option<JoinCode> {
    JoinCode::parse(digits)
}

fn key(number: u8) -> PublicKey {
    PrivateKey::new([number; 32]).public()
}

fn not_admitted(refusal: EntryRefusal) -> ProtocolError {
    ProtocolError::NotAdmitted(refusal)
}

type Joining = JoinHandle<Result<Remote, ConnectionError>>;

fn join(connector: &ScriptedConnector, options: JoinOptions) -> Joining {
    tokio::spawn(Remote::join(connector.clone(), options))
}

async fn failure(joining: Joining) -> ConnectionError {
    joining.await.unwrap().expect_err("it must not join")
}

/// Ana with `installation`.
fn ana(installation: &Installation) -> JoinOptions {
    JoinOptions { installation: Some(installation.clone()), ..options("Ana", &[]) }
}

fn with_code(installation: &Installation) -> JoinOptions {
    JoinOptions { code: code(CODE), ..ana(installation) }
}

fn installation() -> Installation {
    Installation::in_memory().unwrap()
}

/// A stranger has connected, and shown its key.
async fn shown(host: &mut ScriptedHost) -> Accepted {
    host.accept_stranger().await.expect("the client believes the host")
}

/// The next client closes the connection, and has not shown its key.
async fn assert_told_nothing(host: &mut ScriptedHost) {
    assert!(host.accept_stranger().await.is_none(), "the client has shown its key");
}

async fn begin_run(client: &mut Accepted) -> Element {
    match client.request().await {
        Some(EntryRequest::ProveCode { element }) => element,
        other => panic!("{other:?}"),
    }
}

/// Answers a run of the code as a host that has the code of these digits. Returns the right
/// MAC of the host, and whether the client's was right.
async fn answer_run(client: &mut Accepted, digits: &str, host: PublicKey) -> (CodeMac, bool) {
    let theirs = begin_run(client).await;
    let channel = client.channel.as_ref().unwrap();
    let (joiner, hash) = (channel.peer, channel.hash);
    let (run, element) = CodeRun::host(&code(digits).unwrap(), joiner, host);
    client.reply(&EntryReply::CodeElement { element }).await;
    let proof = run.finish(&theirs, &hash).unwrap();
    match client.request().await {
        Some(EntryRequest::ConfirmCode { mac }) => (proof.own(), proof.verify(&mac)),
        other => panic!("{other:?}"),
    }
}

/// The host admits the next client by the code.
async fn admit_by_code(host: &mut ScriptedHost) -> Accepted {
    let mut client = shown(host).await;
    let own = host.channel.as_ref().unwrap().0.public();
    let (mac, is_right) = answer_run(&mut client, CODE, own).await;
    assert!(is_right);
    client.reply(&EntryReply::CodeConfirmed { mac }).await;
    greet(host, &mut client).await;
    client
}

/// Answers the `Hello` of an admitted client.
async fn greet(host: &mut ScriptedHost, client: &mut Accepted) -> Hello {
    let Some(ClientMessage::Hello(hello)) = client.receive().await else { panic!("no hello") };
    client.send_bytes(&host.welcome_frame()).await;
    hello
}

fn trust_of(client: &Remote) -> HostTrust {
    match client.status() {
        Status::Connected { trust, .. } => trust,
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_host_is_told_nothing() {
    for entry in [Entry::Code, Entry::Ask] {
        let (mut host, connector) = ScriptedHost::encrypted(1, entry).await;
        // Where nobody sits, nobody is asked.
        let (prompt, _shown, _verdict) = prompt();
        let ask = (entry == Entry::Code).then_some(prompt);
        let joining = join(&connector, JoinOptions { ask, ..ana(&installation()) });
        assert_told_nothing(&mut host).await;
        assert_eq!(failure(joining).await, ConnectionError::UnknownHost { host: key(1), entry });
    }
}

#[tokio::test(start_paused = true)]
async fn host_that_has_the_code_is_known_from_then_on() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    let joining = join(&connector, with_code(&installation));
    let _first = admit_by_code(&mut host).await;
    assert_eq!(trust_of(&joining.await.unwrap().unwrap()), HostTrust::Verified);
    assert!(installation.is_pinned(key(1)));

    // The next day, without a code.
    let joining = join(&connector, ana(&installation));
    let (_second, _) = host.welcome().await;
    assert_eq!(trust_of(&joining.await.unwrap().unwrap()), HostTrust::Verified);
}

/// A host that is known has moved, and announces the machine of another one.
#[tokio::test(start_paused = true)]
async fn known_host_keeps_its_new_labels_and_takes_none() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    installation.pin(key(1), &labels("Friday jam", "stage", "10.0.0.1:9999")).unwrap();
    installation.pin(key(2), &labels("Monday jam", "cellar", "10.0.0.2:9999")).unwrap();
    let key_at = |address: &str| {
        let address = address.to_owned();
        installation.pinned_under(&HostLabels { address, ..HostLabels::default() })
    };
    let moved = "192.168.1.20:9999";
    for address in [moved, "127.0.0.1:9999"] {
        let machine = Some("cellar".to_owned());
        let joining = join(&connector.at(address), JoinOptions { machine, ..ana(&installation) });
        let (_client, _) = host.welcome().await;
        drop(joining.await.unwrap().unwrap());
    }
    assert_eq!(key_at(moved), Some((key(1), moved.into())));
    assert_eq!(key_at("127.0.0.1:9999"), None, "others are there, too");
    let cellar = labels("other", "cellar", "other:1");
    assert_eq!(installation.pinned_under(&cellar), Some((key(2), "cellar".into())));
}

#[tokio::test(start_paused = true)]
async fn prompt_that_was_not_needed_is_dropped() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    let (prompt, shown, _verdict) = prompt();
    let options = JoinOptions { ask: Some(prompt), ..ana(&installation()) };
    let joining = join(&connector, options);
    let (_client, _) = host.welcome().await;
    let _ana = joining.await.unwrap().unwrap();
    assert!(matches!(timeout(SECOND, shown).await, Ok(Err(_))));
}

#[tokio::test(start_paused = true)]
async fn welcome_before_the_mac_is_not_believed() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    for turn in 0..2 {
        let joining = join(&connector, with_code(&installation));
        let mut client = shown(&mut host).await;
        begin_run(&mut client).await;
        if turn == 1 {
            client.reply(&EntryReply::Admitted).await;
        } else {
            client.send_bytes(&host.welcome_frame()).await;
        }
        assert_eq!(client.receive().await, None);
        assert!(matches!(failure(joining).await, ConnectionError::Malformed(_)));
    }
    assert!(!installation.is_pinned(key(1)));
}

/// A user that types a code wants a host that has it.
#[tokio::test(start_paused = true)]
async fn host_that_plays_open_has_to_show_the_code() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    for connector in [connector.clone(), connector.at("127.0.0.1:9999")] {
        let joining = join(&connector, with_code(&installation()));
        let mut client = shown(&mut host).await;
        begin_run(&mut client).await;
        drop(client);
        failure(joining).await;
    }
}

/// How a fake host, which has another code, answers the MAC.
#[derive(Clone, Copy)]
enum Fake {
    WrongMac,
    WrongCode,
    Closes,
    Silent,
}

#[tokio::test(start_paused = true)]
async fn fake_host_gets_one_guess_for_each_code_that_is_typed() {
    for fake in [Fake::WrongMac, Fake::WrongCode, Fake::Closes, Fake::Silent] {
        let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
        let installation = installation();
        let joining = join(&connector, with_code(&installation));
        let mut client = shown(&mut host).await;
        let (mac, is_right) = answer_run(&mut client, "654-321", key(1)).await;
        assert!(!is_right);
        let expected = match fake {
            Fake::WrongMac => {
                client.reply(&EntryReply::CodeConfirmed { mac }).await;
                ConnectionError::HostNotProven
            }
            Fake::WrongCode => {
                let error = not_admitted(EntryRefusal::WrongCode);
                client.reply(&EntryReply::Error(error.clone())).await;
                ConnectionError::Host(error)
            }
            Fake::Closes => {
                client.writer.shutdown().await.unwrap();
                ConnectionError::Closed
            }
            Fake::Silent => ConnectionError::Timeout,
        };
        let begun = Instant::now();
        assert_eq!(failure(joining).await, expected);
        assert!(begun.elapsed() <= 6 * SECOND);
        assert!(!installation.is_pinned(key(1)));

        // The same code once more, to the same key.
        let joining = join(&connector, with_code(&installation));
        assert_told_nothing(&mut host).await;
        assert_eq!(failure(joining).await, ConnectionError::HostNotProven);

        // Another code, or another key.
        let other = JoinOptions { code: code("111-111"), ..ana(&installation) };
        let joining = join(&connector, other);
        begin_run(&mut shown(&mut host).await).await;
        failure(joining).await;
        host.channel = Some((PrivateKey::new([2; 32]), Entry::Code));
        let joining = join(&connector, with_code(&installation));
        let _client = admit_by_code(&mut host).await;
        drop(joining.await.unwrap().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_run_has_spent_the_code() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    let joining = join(&connector, with_code(&installation));
    let mut client = shown(&mut host).await;
    answer_run(&mut client, "654-321", key(1)).await;
    joining.abort();
    let joining = join(&connector, with_code(&installation));
    assert_told_nothing(&mut host).await;
    failure(joining).await;
}

#[tokio::test(start_paused = true)]
async fn run_that_ends_before_the_mac_gives_nothing_away() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    let joining = join(&connector, with_code(&installation));
    begin_run(&mut shown(&mut host).await).await;
    failure(joining).await;
    let joining = join(&connector, with_code(&installation));
    let _client = admit_by_code(&mut host).await;
    drop(joining.await.unwrap().unwrap());
    // A right code is not spent either, if the host is forgotten.
    installation.forget_host(&key(1).to_string()).unwrap();
    let joining = join(&connector, with_code(&installation));
    let _client = admit_by_code(&mut host).await;
    drop(joining.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn known_host_that_asks_for_the_code_is_shown_it_once() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    installation.pin(key(1), &HostLabels::default()).unwrap();
    let asks = not_admitted(EntryRefusal::CodeNeeded);
    let joining = join(&connector, with_code(&installation));
    for turn in 0..2 {
        let mut client = shown(&mut host).await;
        if turn == 1 {
            let (mac, _) = answer_run(&mut client, CODE, key(1)).await;
            client.reply(&EntryReply::CodeConfirmed { mac }).await;
        }
        assert!(matches!(client.receive().await, Some(ClientMessage::Hello(_))));
        client.reply(&EntryReply::Error(asks.clone())).await;
    }
    assert_eq!(failure(joining).await, ConnectionError::Host(asks));
}

/// A host that does not believe its own machine.
#[tokio::test(start_paused = true)]
async fn local_host_that_wants_a_question_is_asked() {
    let (mut host, lan) = ScriptedHost::encrypted(1, Entry::Ask).await;
    let (prompt, _shown, _verdict) = prompt();
    let asking = JoinOptions { ask: Some(prompt), ..ana(&installation()) };
    let _joining = join(&lan.at("127.0.0.1:9999"), asking);
    let (mut client, _) = host.accept().await;
    client.reply(&EntryReply::Error(not_admitted(EntryRefusal::CodeOrQuestion))).await;
    let request = shown(&mut host).await.request().await;
    assert!(matches!(request, Some(EntryRequest::Ask { .. })), "{request:?}");
}

#[tokio::test(start_paused = true)]
async fn no_code_is_shown_in_a_reconnection() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    installation.pin(key(1), &HostLabels::default()).unwrap();
    let joining = join(&connector, with_code(&installation));
    let (first, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    drop(first);
    let (mut second, _) = host.accept().await;
    let asks = not_admitted(EntryRefusal::CodeNeeded);
    second.reply(&EntryReply::Error(asks.clone())).await;
    let reason = CloseReason::ConnectionLost(ConnectionError::Host(asks));
    eventually("it ends", || ana.status() == Status::Closed { reason: reason.clone() }).await;
}

fn labels(session: &str, machine: &str, address: &str) -> HostLabels {
    let name = |label: &str| Some(label.to_owned());
    HostLabels { session: name(session), machine: name(machine), address: address.into() }
}

#[tokio::test(start_paused = true)]
async fn other_key_under_a_known_label_is_refused() {
    let at = "192.168.1.20:9999";
    for (known, label) in [
        (labels("Friday jam", "other", "other:1"), "Friday jam"),
        (labels("other", "stage", "other:1"), "stage"),
        (labels("other", "other", at), at),
    ] {
        for entry in [Entry::Code, Entry::Ask, Entry::Open] {
            let installation = installation();
            installation.pin(key(1), &known).unwrap();
            let (mut host, connector) = ScriptedHost::encrypted(2, entry).await;
            let (prompt, _shown, _verdict) = prompt();
            let joining = join(
                &connector,
                JoinOptions {
                    session: Some("Friday jam".into()),
                    machine: Some("stage".into()),
                    ask: Some(prompt),
                    ..ana(&installation)
                },
            );
            assert_told_nothing(&mut host).await;
            let expected = ConnectionError::OtherHost { label: label.into(), host: key(2) };
            assert_eq!(failure(joining).await, expected);
            assert!(installation.is_pinned(key(1)) && !installation.is_pinned(key(2)));
        }
    }
}

/// A host was reinstalled.
#[tokio::test(start_paused = true)]
async fn code_replaces_the_key_under_its_labels() {
    let installation = installation();
    installation.pin(key(1), &labels("other", "stage", "other:1")).unwrap();
    let (mut host, connector) = ScriptedHost::encrypted(2, Entry::Code).await;
    let options = JoinOptions { machine: Some("stage".into()), ..with_code(&installation) };
    let joining = join(&connector, options);
    let _client = admit_by_code(&mut host).await;
    drop(joining.await.unwrap().unwrap());
    assert!(installation.is_pinned(key(2)) && !installation.is_pinned(key(1)));
}

#[tokio::test(start_paused = true)]
async fn open_session_is_entered_unverified_and_not_pinned() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    let installation = installation();
    let joining = join(&connector, ana(&installation));
    let (_client, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    assert_eq!(trust_of(&ana), HostTrust::Unverified);
    assert_eq!(ana.status().to_string(), "connected, unverified");
    assert!(!installation.is_pinned(key(1)));
}

#[tokio::test(start_paused = true)]
async fn own_machine_is_believed_and_not_pinned() {
    let (mut host, lan) = ScriptedHost::encrypted(1, Entry::Code).await;
    let installation = installation();
    for local in ["127.0.0.1:9999", "127.3.2.1:9999", "[::1]:9999", "[::ffff:127.0.0.1]:9999"] {
        let joining = join(&lan.at(local), ana(&installation));
        let (_client, _) = host.welcome().await;
        assert_eq!(trust_of(&joining.await.unwrap().unwrap()), HostTrust::Verified);
        assert!(!installation.is_pinned(key(1)));

        let strict = JoinOptions { local_exemption: false, ..ana(&installation) };
        let joining = join(&lan.at(local), strict);
        assert_told_nothing(&mut host).await;
        failure(joining).await;
    }
}

type Shown = oneshot::Receiver<Words>;

/// A prompt, what it has shown, and the answer of the person.
fn prompt() -> (WordsPrompt, Shown, oneshot::Sender<bool>) {
    let ((show, shown), (verdict, answer)) = (oneshot::channel(), oneshot::channel());
    let prompt = WordsPrompt::new(|words| {
        let _ = show.send(words);
        answer
    });
    (prompt, shown, verdict)
}

/// A client asks, and both screens show the same words.
async fn ask(
    host: &mut ScriptedHost,
    connector: &ScriptedConnector,
    installation: &Installation,
) -> (Joining, Accepted, oneshot::Sender<bool>) {
    let (prompt, shown_words, verdict) = prompt();
    let joining = join(connector, JoinOptions { ask: Some(prompt), ..ana(installation) });
    let mut client = shown(host).await;
    let Some(EntryRequest::Ask { commitment }) = client.request().await else { panic!() };
    let host_nonce = WordsNonce::new([7; 32]);
    client.reply(&EntryReply::Nonce { nonce: host_nonce }).await;
    let Some(EntryRequest::Reveal { nonce }) = client.request().await else { panic!() };
    let channel = client.channel.as_ref().unwrap();
    assert_eq!(nonce.commitment(&channel.hash), commitment);
    let expected = words(key(1), channel.peer, host_nonce, nonce);
    assert_eq!(shown_words.await.unwrap(), expected);
    (joining, client, verdict)
}

#[tokio::test(start_paused = true)]
async fn name_follows_when_a_person_accepts_the_words() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Ask).await;
    let installation = installation();
    let (joining, mut client, verdict) = ask(&mut host, &connector, &installation).await;
    // Both people take their time.
    sleep(30 * SECOND).await;
    assert!(!installation.is_pinned(key(1)));
    verdict.send(true).unwrap();
    assert_eq!(client.request().await, Some(EntryRequest::Introduce { name: "Ana".into() }));
    sleep(30 * SECOND).await;
    client.reply(&EntryReply::Admitted).await;
    greet(&mut host, &mut client).await;
    assert_eq!(trust_of(&joining.await.unwrap().unwrap()), HostTrust::Verified);
    assert!(installation.is_pinned(key(1)));
}

#[tokio::test(start_paused = true)]
async fn admitted_client_says_nothing_until_the_words_are_accepted() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Ask).await;
    let (joining, mut client, verdict) = ask(&mut host, &connector, &installation()).await;
    client.reply(&EntryReply::Admitted).await;
    let mut byte = [0];
    let early = timeout(20 * SECOND, client.reader.read(&mut byte)).await;
    assert!(early.is_err(), "{early:?}");
    verdict.send(true).unwrap();
    greet(&mut host, &mut client).await;
    drop(joining.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn declined_words_end_the_question() {
    for answer in [Some(false), None] {
        let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Ask).await;
        let installation = installation();
        let (joining, mut client, verdict) = ask(&mut host, &connector, &installation).await;
        match answer {
            Some(answer) => verdict.send(answer).unwrap(),
            None => drop(verdict),
        }
        assert_eq!(client.request().await, None);
        assert_eq!(failure(joining).await, ConnectionError::WordsDeclined);
        assert!(!installation.is_pinned(key(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn question_ends_with_the_answer_of_the_host_or_in_time() {
    for refusal in [Some(EntryRefusal::Declined), Some(EntryRefusal::Unanswered), None] {
        let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Ask).await;
        let (joining, mut client, _verdict) = ask(&mut host, &connector, &installation()).await;
        let begun = Instant::now();
        let expected = match refusal.map(not_admitted) {
            Some(error) => {
                client.reply(&EntryReply::Error(error.clone())).await;
                ConnectionError::Host(error)
            }
            None => ConnectionError::Timeout,
        };
        assert_eq!(failure(joining).await, expected);
        assert_eq!(begun.elapsed().as_secs(), if refusal.is_none() { 65 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn client_reads_16_kib_at_most_before_it_believes() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let joining = join(&connector, with_code(&installation()));
    let mut client = shown(&mut host).await;
    begin_run(&mut client).await;
    // One byte more, of which nothing but the length comes.
    client.send_bytes(&(16 * 1024 + 1_u32).to_be_bytes()).await;
    let begun = Instant::now();
    assert!(matches!(failure(joining).await, ConnectionError::Malformed(_)));
    assert_eq!(begun.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn host_that_does_not_answer_is_given_up_in_6_seconds() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Code).await;
    let begun = Instant::now();
    let joining = join(&connector, with_code(&installation()));
    let mut silent = host.accept_raw().await;
    // Bytes that complete nothing do not buy time.
    for byte in [0, 98, 1] {
        sleep(SECOND).await;
        silent.writer.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(failure(joining).await, ConnectionError::Timeout);
    assert_eq!(begun.elapsed().as_secs(), 6);
}

/// Bytes in clear where message 2 belongs.
async fn answer_in_clear(host: &mut ScriptedHost, bytes: &[u8]) {
    let mut client = host.accept_raw().await;
    let mut opening = [0; 10];
    client.reader.read_exact(&mut opening).await.unwrap();
    assert_eq!(&opening[2..8], b"IMBOLC", "it speaks in clear");
    client.writer.write_all(bytes).await.unwrap();
    let mut rest = Vec::new();
    client.reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() <= 64, "it has said more");
}

#[tokio::test(start_paused = true)]
async fn client_never_falls_back_to_plain() {
    let wrong = ProtocolError::WrongProtocol { speaks: 5 };
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    let error = |error: &ProtocolError| frame(&ServerMessage::Error(error.clone()));
    let malformed = || ConnectionError::Channel(ChannelError::Malformed);
    let cases = [
        (error(&ProtocolError::FrameTooLong { limit: 1 }), ConnectionError::NoEncryption),
        (error(&wrong), ConnectionError::Unverified(wrong.clone())),
        (host.welcome_frame(), malformed()),
        (frame(&ServerMessage::Shutdown), malformed()),
        (vec![0, 0, 0x40, 1], malformed()),
        (vec![0, 99], malformed()),
    ];
    for (bytes, expected) in &cases {
        assert!(!expected.is_final(), "an attacker in the network could end it for good");
        let joining = join(&connector, ana(&installation()));
        answer_in_clear(&mut host, bytes).await;
        assert_eq!(failure(joining).await, *expected);
    }

    // Nor when it comes back.
    let joining = join(&connector, ana(&installation()));
    let (client, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    drop(client);
    for (bytes, expected) in cases {
        answer_in_clear(&mut host, &bytes).await;
        eventually("it tries again", || match ana.status() {
            Status::Reconnecting { attempt, .. } => attempt.as_ref() == Some(&expected),
            other => panic!("{other}"),
        })
        .await;
    }
    let (_client, _) = host.resume().await;
    eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn client_comes_back_to_the_same_key_only() {
    for entry in [Entry::Code, Entry::Open] {
        let (mut host, connector) = ScriptedHost::encrypted(1, entry).await;
        let installation = installation();
        if entry == Entry::Code {
            // Another known host is not this one either.
            installation.pin(key(1), &labels("one", "one", "one:1")).unwrap();
            installation.pin(key(2), &labels("two", "two", "two:1")).unwrap();
        }
        let joining = join(&connector, ana(&installation));
        let (client, hello) = host.welcome().await;
        let ana = joining.await.unwrap().unwrap();
        drop(client);
        host.channel = Some((PrivateKey::new([2; 32]), entry));
        for _ in 0..3 {
            assert_told_nothing(&mut host).await;
        }
        let label = "192.168.1.20:9999".to_owned();
        let expected = Some(ConnectionError::OtherHost { label, host: key(2) });
        eventually("it says so", || match ana.status() {
            Status::Reconnecting { attempt, .. } => attempt == expected,
            other => panic!("{other}"),
        })
        .await;
        host.channel = Some((PrivateKey::new([1; 32]), entry));
        let (_client, back) = host.resume().await;
        assert_eq!(back.instance, hello.instance);
        assert!(back.instance.is_some() && back.attempt > hello.attempt);
        assert_eq!(back.resume.unwrap().token, None);
        eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;
    }
}

#[tokio::test(start_paused = true)]
async fn attacked_connection_is_lost_and_comes_back() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    let joining = join(&connector, ana(&installation()));
    let (mut client, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    let mut events = ana.events();
    let does_not_open = ConnectionError::Channel(ChannelError::DoesNotOpen);
    for turn in 0..4 {
        let expected = match turn {
            // A message that was changed, one that is repeated, one that is cut, an end.
            0 => {
                client.writer.write_all(&[&[0, 20][..], &[7; 20]].concat()).await.unwrap();
                does_not_open.clone()
            }
            1 => {
                let mut sealed = Vec::new();
                let channel = client.channel.as_mut().unwrap();
                channel
                    .sealer
                    .seal(&frame(&ServerMessage::Pong { nonce: 1 }), &mut sealed)
                    .unwrap();
                client.writer.write_all(&sealed.repeat(2)).await.unwrap();
                does_not_open.clone()
            }
            2 => {
                client.writer.write_all(&[0, 20, 7]).await.unwrap();
                client.writer.shutdown().await.unwrap();
                ConnectionError::Network("the connection was cut".into())
            }
            _ => {
                client.writer.shutdown().await.unwrap();
                ConnectionError::Closed
            }
        };
        let reason = event(&mut events, |event| match event {
            Event::Status(Status::Reconnecting { reason, .. }) => Some(reason),
            _ => None,
        })
        .await;
        assert_eq!(reason, expected);
        (client, _) = host.resume().await;
        eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_ends_the_client_unless_the_host_is_busy() {
    for refusal in [EntryRefusal::Removed, EntryRefusal::Declined, EntryRefusal::Busy] {
        let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
        let joining = join(&connector, ana(&installation()));
        let (mut client, _) = host.welcome().await;
        let ana = joining.await.unwrap().unwrap();
        let error = not_admitted(refusal);
        client.send(&ServerMessage::Error(error.clone())).await;
        if refusal == EntryRefusal::Busy {
            let (_client, _) = host.resume().await;
            eventually("it is back", || matches!(ana.status(), Status::Connected { .. })).await;
        } else {
            let reason = CloseReason::ConnectionLost(ConnectionError::Host(error));
            eventually("it ends", || ana.status() == Status::Closed { reason: reason.clone() })
                .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plain_is_an_explicit_option() {
    let (mut host, connector) = ScriptedHost::encrypted(1, Entry::Open).await;
    host.channel = None;
    let plain = JoinOptions { plain: true, ..ana(&installation()) };
    let joining = join(&connector, plain);
    let (_client, _) = host.welcome().await;
    let ana = joining.await.unwrap().unwrap();
    assert_eq!(trust_of(&ana), HostTrust::Plain);
    assert_eq!(ana.status().to_string(), "connected, plain");
}
