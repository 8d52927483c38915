//! What is on the wire, without the library that puts it there: a question, and
//! the answers of strangers.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use super::{LIMIT, announce, browse, changed_to, found, lan, next};
use imbolc_net::{
    Mode,
    client::JoinOptions,
    discovery::{Advert, Compatibility, DiscoveryConfig, DiscoveryEvent, DiscoveryServer},
    dispatcher::Status,
    model::Model as _,
    protocol::PROTOCOL_VERSION,
    server::HostOptions,
    studio::Studio,
};

const SERVICE: &str = "_imbolc._tcp.local";
const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// Speaks mDNS on the loopback interface.
struct Stranger {
    socket: UdpSocket,
    group: SocketAddr,
}

impl Stranger {
    fn on(lan: &DiscoveryConfig) -> Self {
        // From this address, multicast goes out on the loopback interface.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { socket, group: (Ipv4Addr::new(224, 0, 0, 251), lan.port).into() }
    }

    /// Asks one question, and returns the answers to it and what is told besides.
    fn ask(&self, name: &str, kind: u16) -> Vec<Record> {
        let mut question = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(written(name));
        question.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
        let mut answer = [0; 9000];
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            self.socket.send_to(&question, self.group).unwrap();
            if let Ok((size, _)) = self.socket.recv_from(&mut answer) {
                return Reader { packet: &answer[..size], at: 0 }.records();
            }
        }
        panic!("nobody answers")
    }

    /// Answers, though nobody has asked.
    fn say(&self, records: &[Record]) {
        self.say_for(120, records);
    }

    /// Answers something that is true for so many seconds; for none, it is a
    /// goodbye.
    fn say_for(&self, seconds: u32, records: &[Record]) {
        let count = u8::try_from(records.len()).unwrap();
        let mut answer = vec![0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0];
        for (name, kind, data) in records {
            let size = u16::try_from(data.len()).unwrap();
            answer.extend(written(name));
            answer.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
            answer.extend(seconds.to_be_bytes());
            answer.extend(size.to_be_bytes());
            answer.extend(data);
        }
        self.socket.send_to(&answer, self.group).unwrap();
    }
}

/// Name, kind, and data.
type Record = (String, u16, Vec<u8>);

/// A name without dots in its labels.
fn written(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

struct Reader<'a> {
    packet: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> u16 {
        self.at += 2;
        u16::from_be_bytes([self.packet[self.at - 2], self.packet[self.at - 1]])
    }

    fn name(&mut self) -> String {
        let mut labels = Vec::new();
        loop {
            let size = usize::from(self.packet[self.at]);
            if size >= 0xc0 {
                let at = usize::from(self.number() & 0x3fff);
                labels.push(Reader { packet: self.packet, at }.name());
                return labels.join(".");
            }
            self.at += 1;
            if size == 0 {
                return labels.join(".");
            }
            let label = &self.packet[self.at..self.at + size];
            labels.push(String::from_utf8(label.to_vec()).unwrap());
            self.at += size;
        }
    }

    fn records(mut self) -> Vec<Record> {
        self.at = 4;
        let questions = self.number();
        let records: u16 = (0..3).map(|_| self.number()).sum();
        for _ in 0..questions {
            self.name();
            self.at += 4;
        }
        let mut read = Vec::new();
        for _ in 0..records {
            let (name, kind) = (self.name(), self.number());
            self.at += 6;
            let size = usize::from(self.number());
            let data = match kind {
                PTR => Reader { packet: self.packet, at: self.at }.name().into_bytes(),
                _ => self.packet[self.at..self.at + size].to_vec(),
            };
            self.at += size;
            read.push((name, kind, data));
        }
        read
    }
}

fn txt(entries: &[&[u8]]) -> Vec<u8> {
    let size = |entry: &[u8]| u8::try_from(entry.len()).unwrap();
    entries.iter().flat_map(|entry| [&[size(entry)], *entry].concat()).collect()
}

fn entries(mut txt: &[u8]) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    while let [size, rest @ ..] = txt {
        let (entry, rest) = rest.split_at(usize::from(*size));
        let (key, value) = std::str::from_utf8(entry).unwrap().split_once('=').unwrap();
        entries.insert(key.to_owned(), value.to_owned());
        txt = rest;
    }
    entries
}

/// The records of a session that a stranger announces.
fn session(label: &str, port: u16, said: &[&[u8]]) -> [Record; 4] {
    let name = format!("{label}.{SERVICE}");
    let srv = [&[0, 0, 0, 0], &port.to_be_bytes()[..], &written("stranger.local")].concat();
    [
        (SERVICE.into(), PTR, written(&name)),
        (name.clone(), SRV, srv),
        (name, TXT, txt(said)),
        ("stranger.local".into(), A, vec![127, 0, 0, 1]),
    ]
}

#[test]
fn what_is_announced_stands_on_the_wire_as_documented() {
    let lan = lan();
    let _server = announce("Friday Jam", 9999, &lan);
    let records = Stranger::on(&lan).ask(SERVICE, PTR);
    let of = |kind| {
        let found = records.iter().find(|(_, one, _)| *one == kind);
        found.unwrap_or_else(|| panic!("there is no record of kind {kind} in {records:?}"))
    };
    let instance = String::from_utf8(of(PTR).2.clone()).unwrap();
    assert!(instance.starts_with("friday jam on ") && instance.ends_with(SERVICE), "{instance}");
    assert_eq!(of(SRV).0, instance);
    assert_eq!(of(SRV).2[4..6], 9999_u16.to_be_bytes());
    assert_eq!(of(TXT).0, instance);
    let mut said = entries(&of(TXT).2);
    assert!(said.remove("host").is_some_and(|host| !host.is_empty()));
    let said: Vec<_> = said.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let model = Studio::NAME;
    let version = Studio::VERSION;
    assert_eq!(
        said,
        [
            "here=1",
            "max=64",
            &format!("model={model}"),
            &format!("modelver={version}"),
            "name=Friday Jam",
            &format!("proto={}", PROTOCOL_VERSION),
            "rev=0",
            "secret=0",
            "txtvers=1",
        ]
    );
    assert_eq!(of(A).2, [127, 0, 0, 1]);
}

#[tokio::test]
async fn an_answer_without_an_address_is_waited_for() {
    let lan = lan();
    let mut client = browse(&lan);
    assert!(client.browse_for(Duration::from_millis(500)).await.is_empty());
    let stranger = Stranger::on(&lan);
    let records = session("jam", 7777, &[b"name=Jam", b"here=2"]);
    stranger.say(&records[..3]);
    assert!(client.browse_for(Duration::from_millis(500)).await.is_empty());
    stranger.say(&records[3..]);
    let session = found(&mut client).await;
    assert_eq!(session.address(), SocketAddr::from(([127, 0, 0, 1], 7777)));
    assert_eq!((session.name.as_str(), session.participants), ("Jam", Some(2)));
}

#[tokio::test]
async fn what_a_stranger_garbles_is_unknown_and_upsets_nothing() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let stranger = Stranger::on(&lan);
    let garbled: [&[u8]; 6] =
        [b"name=\x1b[2J", b"proto=99999999999", b"here=\xff", b"=", b"max", b"host=a\nb"];
    stranger.say(&session("e\u{1b}vil\u{202e}", 7777, &garbled));
    let session = found(&mut client).await;
    assert_eq!(session.name, "evil");
    assert_eq!(session.compatibility::<Studio>(), Compatibility::Unknown);
    assert_eq!((session.host, session.participants, session.max_participants), (None, None, None));
}

#[tokio::test]
async fn a_session_of_another_version_shows_it() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let said: [&[u8]; 4] = [b"name=Old Jam", b"proto=99", b"model=studio", b"modelver=1"];
    Stranger::on(&lan).say(&session("old", 7777, &said));
    assert_eq!(found(&mut client).await.compatibility::<Studio>(), Compatibility::OtherProtocol);
}

#[tokio::test]
async fn two_who_say_goodbye_in_one_breath_are_both_lost() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let stranger = Stranger::on(&lan);
    let records =
        [session("one", 1001, &[b"name=One"]), session("two", 1002, &[b"name=Two"])].concat();
    stranger.say(&records);
    assert_eq!(client.browse_for(Duration::from_millis(200)).await.len(), 2);
    stranger.say_for(0, &records);
    assert!(client.browse_for(Duration::from_millis(2000)).await.is_empty());
}

/// On a wireless link that is busy, two answers are lost now and then.
#[tokio::test]
async fn who_misses_two_questions_and_answers_the_third_was_never_away() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let stranger = Stranger::on(&lan);
    let records = session("jam", 7777, &[b"name=Jam", b"here=1"]);
    stranger.say(&records);
    found(&mut client).await;
    // It is asked after 0.5 s and 1.5 s, and missing after 2.5 s.
    for pause in [3500, 1500] {
        assert_eq!(client.browse_for(Duration::from_millis(pause)).await.len(), 1);
        stranger.say(&records);
    }
}

#[tokio::test]
async fn a_crowd_that_comes_and_goes_is_told_of_once_a_second_at_most() {
    let lan = lan();
    let (name, address) = ("mia".into(), "127.0.0.1:0".into());
    let mode = Mode::Host {
        name,
        address,
        session_name: None,
        projects: None,
        options: HostOptions::default(),
    };
    let host = imbolc_net::open(mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!("it hosts") };
    let server = DiscoveryServer::announce(Advert::new("jam").unwrap(), address, &lan).unwrap();
    let coming_and_going = async {
        for number in 0..10 {
            let options = JoinOptions { name: format!("guest {number}"), ..Default::default() };
            let address = address.to_string();
            let guest = imbolc_net::open(Mode::Remote { address, options }).await.unwrap();
            guest.close().await;
        }
    };
    let since = Instant::now();
    tokio::select! {
        () = server.follow(&*host, host.events()) => panic!("it goes on"),
        () = coming_and_going => {}
    }
    let stranger = Stranger::on(&lan);
    let records = tokio::task::spawn_blocking(move || stranger.ask(SERVICE, PTR)).await.unwrap();
    let (_, _, said) = records.iter().find(|(_, kind, _)| *kind == TXT).unwrap();
    let revision: u64 = entries(said)["rev"].parse().unwrap();
    assert!(revision <= 1 + since.elapsed().as_secs(), "{revision}");
}

#[tokio::test]
async fn repeated_answers_are_one_session() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let stranger = Stranger::on(&lan);
    for _ in 0..5 {
        stranger.say(&session("jam", 7777, &[b"name=Jam", b"here=1"]));
    }
    found(&mut client).await;
    stranger.say(&session("jam", 7777, &[b"name=Jam", b"here=9"]));
    changed_to(&mut client, 9).await;
    // The stranger does not answer when it is asked whether it is there.
    let since = Instant::now();
    assert!(matches!(next(&mut client).await, DiscoveryEvent::Lost(_)));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}
