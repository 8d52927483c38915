//! The mDNS packets themselves, written and parsed without the library: a query to
//! an announced session, and announcements of an untrusted responder.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use tokio::time::timeout;

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

/// A raw mDNS socket on the loopback interface.
struct RawResponder {
    socket: UdpSocket,
    group: SocketAddr,
}

impl RawResponder {
    fn on(lan: &DiscoveryConfig) -> Self {
        // Bound to this address, it sends multicast on the loopback interface.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { socket, group: (Ipv4Addr::new(224, 0, 0, 251), lan.port).into() }
    }

    /// Sends a query, and returns all records of the first response.
    fn query(&self, name: &str, kind: u16) -> Vec<Record> {
        let mut question = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(encoded_name(name));
        question.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
        let mut answer = [0; 9000];
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            self.socket.send_to(&question, self.group).unwrap();
            if let Ok((size, _)) = self.socket.recv_from(&mut answer) {
                return Reader { packet: &answer[..size], at: 0 }.records();
            }
        }
        panic!("no response")
    }

    /// Announces `records` for 120 s.
    fn send(&self, records: &[Record]) {
        self.send_with_ttl(120, records);
    }

    /// Announces `records` with a TTL in seconds; 0 is a goodbye.
    fn send_with_ttl(&self, seconds: u32, records: &[Record]) {
        let count = u8::try_from(records.len()).unwrap();
        let mut answer = vec![0, 0, 0x84, 0, 0, 0, 0, count, 0, 0, 0, 0];
        for (name, kind, data) in records {
            let size = u16::try_from(data.len()).unwrap();
            answer.extend(encoded_name(name));
            answer.extend([kind.to_be_bytes(), 1_u16.to_be_bytes()].concat());
            answer.extend(seconds.to_be_bytes());
            answer.extend(size.to_be_bytes());
            answer.extend(data);
        }
        self.socket.send_to(&answer, self.group).unwrap();
    }
}

/// Name, type and data.
type Record = (String, u16, Vec<u8>);

/// The wire format of a name whose labels contain no dots.
fn encoded_name(name: &str) -> Vec<u8> {
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

/// The records of a session on another machine.
fn session(label: &str, port: u16, entries: &[&[u8]]) -> [Record; 4] {
    let name = format!("{label}.{SERVICE}");
    let srv = [&[0, 0, 0, 0], &port.to_be_bytes()[..], &encoded_name("stranger.local")].concat();
    [
        (SERVICE.into(), PTR, encoded_name(&name)),
        (name.clone(), SRV, srv),
        (name, TXT, txt(entries)),
        ("stranger.local".into(), A, vec![127, 0, 0, 1]),
    ]
}

#[test]
fn announcement_matches_the_protocol_document() {
    let lan = lan();
    let _server = announce("Friday Jam", 9999, &lan);
    let records = RawResponder::on(&lan).query(SERVICE, PTR);
    let of = |kind| {
        let found = records.iter().find(|(_, one, _)| *one == kind);
        found.unwrap_or_else(|| panic!("no record of type {kind} in {records:?}"))
    };
    let instance = String::from_utf8(of(PTR).2.clone()).unwrap();
    assert!(instance.starts_with("friday jam on ") && instance.ends_with(SERVICE), "{instance}");
    assert_eq!(of(SRV).0, instance);
    assert_eq!(of(SRV).2[4..6], 9999_u16.to_be_bytes());
    assert_eq!(of(TXT).0, instance);
    let mut announced = entries(&of(TXT).2);
    assert!(announced.remove("host").is_some_and(|host| !host.is_empty()));
    let announced: Vec<_> = announced.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let model = Studio::NAME;
    let version = Studio::VERSION;
    assert_eq!(
        announced,
        [
            "here=1",
            "max=64",
            &format!("model={model}"),
            &format!("modelver={version}"),
            "name=Friday Jam",
            &format!("proto={}", PROTOCOL_VERSION),
            "rev=0",
            "secret=1",
            "txtvers=1",
        ]
    );
    assert_eq!(of(A).2, [127, 0, 0, 1]);
}

#[tokio::test]
async fn answer_without_address_is_not_found() {
    let lan = lan();
    let mut client = browse(&lan);
    assert!(client.browse_for(Duration::from_millis(500)).await.is_empty());
    let responder = RawResponder::on(&lan);
    let records = session("jam", 7777, &[b"name=Jam", b"here=2"]);
    responder.send(&records[..3]);
    assert!(client.browse_for(Duration::from_millis(500)).await.is_empty());
    responder.send(&records[3..]);
    let session = found(&mut client).await;
    assert_eq!(session.address(), SocketAddr::from(([127, 0, 0, 1], 7777)));
    assert_eq!((session.name.as_str(), session.participants), ("Jam", Some(2)));
}

#[tokio::test]
async fn garbled_entries_are_unknown() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let responder = RawResponder::on(&lan);
    let garbled: [&[u8]; 6] =
        [b"name=\x1b[2J", b"proto=99999999999", b"here=\xff", b"=", b"max", b"host=a\nb"];
    responder.send(&session("e\u{1b}vil\u{202e}", 7777, &garbled));
    let session = found(&mut client).await;
    assert_eq!(session.name, "evil");
    assert_eq!(session.compatibility::<Studio>(), Compatibility::Unknown);
    assert_eq!((session.host, session.participants, session.max_participants), (None, None, None));
}

#[tokio::test]
async fn session_of_another_version_is_incompatible() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let entries: [&[u8]; 4] = [b"name=Old Jam", b"proto=99", b"model=studio", b"modelver=1"];
    RawResponder::on(&lan).send(&session("old", 7777, &entries));
    assert_eq!(found(&mut client).await.compatibility::<Studio>(), Compatibility::OtherProtocol);
}

#[tokio::test]
async fn one_packet_can_end_two_sessions() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let responder = RawResponder::on(&lan);
    let records =
        [session("one", 1001, &[b"name=One"]), session("two", 1002, &[b"name=Two"])].concat();
    responder.send(&records);
    assert_eq!(client.browse_for(Duration::from_millis(200)).await.len(), 2);
    responder.send_with_ttl(0, &records);
    assert!(client.browse_for(Duration::from_millis(2000)).await.is_empty());
}

/// On a busy wireless link two answers in a row may be lost.
#[tokio::test]
async fn two_missed_queries_do_not_lose_a_session() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let responder = RawResponder::on(&lan);
    let records = session("jam", 7777, &[b"name=Jam", b"here=1"]);
    responder.send(&records);
    found(&mut client).await;
    // It is queried after 0.5 s and 1.5 s, and missing after 2.5 s.
    for pause in [3500, 1500] {
        assert_eq!(client.browse_for(Duration::from_millis(pause)).await.len(), 1);
        responder.send(&records);
    }
}

#[tokio::test]
async fn announcements_are_limited_to_one_a_second() {
    let lan = lan();
    let (name, address) = ("mia".into(), "127.0.0.1:0".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    let host = imbolc_net::open(mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!("it hosts") };
    let server = DiscoveryServer::announce(Advert::new("jam").unwrap(), address, &lan).unwrap();
    let joins_and_leaves = async {
        for number in 0..10 {
            let options = JoinOptions { name: format!("guest {number}"), ..Default::default() };
            let address = address.to_string();
            let guest = imbolc_net::open(Mode::Remote { address, options }).await.unwrap();
            guest.close().await.unwrap();
        }
    };
    let since = Instant::now();
    tokio::select! {
        () = server.follow(&*host, host.events()) => panic!("the session has not ended"),
        () = joins_and_leaves => {}
    }
    let responder = RawResponder::on(&lan);
    let records = tokio::task::spawn_blocking(move || responder.query(SERVICE, PTR)).await.unwrap();
    let (_, _, data) = records.iter().find(|(_, kind, _)| *kind == TXT).unwrap();
    let revision: u64 = entries(data)["rev"].parse().unwrap();
    assert!(revision <= 1 + since.elapsed().as_secs(), "{revision}");
}

#[tokio::test]
async fn repeated_answers_are_one_session() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let responder = RawResponder::on(&lan);
    for _ in 0..5 {
        responder.send(&session("jam", 7777, &[b"name=Jam", b"here=1"]));
    }
    found(&mut client).await;
    responder.send(&session("jam", 7777, &[b"name=Jam", b"here=9"]));
    changed_to(&mut client, 9).await;
    // The responder does not answer the verification.
    let since = Instant::now();
    assert!(matches!(next(&mut client).await, DiscoveryEvent::Lost(_)));
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

#[tokio::test]
async fn session_is_found_behind_two_thousand_forged_ones() {
    let lan = lan();
    let mut client = browse(&lan);
    client.browse_for(Duration::from_millis(500)).await;
    let forged = |number: usize| {
        let entries: [&[u8]; 3] = [b"name=Friday jam", b"here=99999", b"max=4294967295"];
        session(&format!("forged {number}"), 7777, &entries)
    };
    let responder = RawResponder::on(&lan);
    let flood = async {
        for number in (0..2000).step_by(20) {
            responder.send(&(number..number + 20).flat_map(forged).collect::<Vec<_>>());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        announce("Real jam", 9999, &lan)
    };
    let real = async {
        let mut forged = 0;
        loop {
            match client.next().await.expect("browsing goes on") {
                DiscoveryEvent::Found(found) if found.name == "Real jam" => return (found, forged),
                DiscoveryEvent::Found(found) => {
                    assert_eq!((found.participants, found.max_participants), (None, None));
                    forged += 1;
                }
                _ => {}
            }
        }
    };
    let (_server, found) = tokio::join!(flood, timeout(LIMIT, real));
    let (real, forged) = found.expect("it is found");
    assert!(forged > 1000, "{forged} forged sessions came before");
    assert_eq!(real.participants, Some(1));
    // It stays, though there are more records than the browser can be told of at once.
    let sessions = client.browse_for(Duration::from_secs(5)).await;
    assert!(sessions.iter().any(|session| session.name == "Real jam"));
}
