//! The live output: packets for a running `scsynth`, each at its time.
//!
//! It never blocks. Messages that the server cannot take yet are queued: at most 32 KB are in
//! its socket at a time, and `scsynth` 3.13 silently drops bundles beyond 2,048 that wait for
//! their time. It must not know what is played.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    io,
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{studio::Content, util::time::Timestamp};
use rosc::{OscMessage, OscPacket, OscType};

use super::wall_clock::WallClock;
use crate::{
    commands,
    output::{Buffer, Output, Spectrum, When},
    server::{Audio, ServerEvent, ServerLink, ServerOptions},
    synth_def::Definition,
};

/// The least latency.
const LATENCY: Duration = Duration::from_millis(30);

/// The most bytes that the server has not acknowledged.
const UNACKNOWLEDGED: usize = 32 * 1024;

/// What a datagram costs in the buffer of the server's socket, beside its bytes.
const DATAGRAM: usize = 256;

/// An acknowledgement is asked for after so many bytes.
const ASK_AFTER: usize = 4 * 1024;

/// It is asked for again if it does not come.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The most bundles that wait in the server for their time.
const PENDING: usize = 1000;

/// The largest datagram that is made of several messages.
const DATAGRAM_OF_SEVERAL: usize = 16 * 1024;

/// The largest that `scsynth` reads.
const LARGEST_DATAGRAM: usize = 65_507;

/// Packets in the queue. Beyond, the server is too far behind: it is started again.
const QUEUE: usize = 100_000;

/// The time tag for "as soon as possible".
const AT_ONCE: u64 = 1;

/// An [`Output`] that plays to a running server.
#[derive(Debug)]
pub struct LiveOutput {
    link: ServerLink,
    clock: WallClock,
    latency: Duration,
    asked: BTreeSet<Arc<str>>,
    defined: BTreeSet<Arc<str>>,
    /// The files that were asked for; `None` until they are loaded.
    buffers: BTreeMap<Content, Option<Buffer>>,
    spectra: BTreeMap<(Content, u8), Option<Spectrum>>,
    /// Messages since the last flush, by time tag: fewer datagrams cost less.
    unsent: Vec<(u64, Vec<OscMessage>)>,
    connection: Option<Connection>,
}

/// The connection to one server.
#[derive(Debug)]
struct Connection {
    socket: UdpSocket,
    queue: VecDeque<Packet>,
    /// When the bundles that wait in the server take effect.
    pending: BinaryHeap<Reverse<u64>>,
    /// The number of each pending acknowledgement, and the bytes that it covers.
    asked: VecDeque<(i32, usize)>,
    /// The bytes that were sent after the last request for an acknowledgement.
    sent: usize,
    last_question: (i32, Instant),
}

#[derive(Debug)]
struct Packet {
    tag: u64,
    bytes: Vec<u8>,
}

impl LiveOutput {
    /// Starts a server in the background.
    #[must_use]
    pub fn start(options: ServerOptions) -> Self {
        Self {
            link: ServerLink::start(options),
            clock: WallClock::new(),
            latency: LATENCY,
            asked: BTreeSet::new(),
            defined: BTreeSet::new(),
            buffers: BTreeMap::new(),
            spectra: BTreeMap::new(),
            unsent: Vec::new(),
            connection: None,
        }
    }

    /// The link to the server, for everything but messages.
    #[must_use]
    pub const fn link(&self) -> &ServerLink {
        &self.link
    }

    /// Whether the server runs. Until it does, messages are dropped.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether messages are queued because the server cannot take them yet.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.queue.is_empty())
    }

    /// Sends queued messages, and returns the events of the server since the last call. `now`
    /// is the present session time. Call it at least every 10 ms, before sending.
    ///
    /// The clock of `scsynth` 3.13 follows the system clock within a minute or so, in which
    /// it is silent or late if the system clock was set; so it is restarted then.
    pub fn poll(&mut self, now: Timestamp) -> Vec<ServerEvent> {
        let stepped = self.clock.observe(now);
        let events: Vec<_> = self.link.poll().collect();
        for event in &events {
            match event {
                ServerEvent::Up(audio) => self.connect(audio),
                ServerEvent::Down(_) => {
                    self.connection = None;
                    self.unsent.clear();
                    self.defined.clear();
                    self.buffers.values_mut().for_each(|buffer| *buffer = None);
                    self.spectra.values_mut().for_each(|spectrum| *spectrum = None);
                }
                ServerEvent::Defined(name) => drop(self.defined.insert(name.clone())),
                ServerEvent::Loaded(content, buffer) => {
                    self.buffers.insert(content.clone(), Some(*buffer));
                }
                ServerEvent::Prepared(content, sixteenths, spectrum) => {
                    self.spectra.insert((content.clone(), *sixteenths), Some(*spectrum));
                }
                _ => {}
            }
        }
        if let Some(connection) = &mut self.connection {
            if stepped {
                self.link.restart("the system clock was set");
                self.connection = None;
            } else if connection.queue.len() > QUEUE {
                self.link.restart("the server is too far behind");
                self.connection = None;
            }
        }
        self.flush();
        events
    }

    /// Gives the server what was sent, as far as it can take it. To be called after that.
    pub fn flush(&mut self) {
        let Some(connection) = &mut self.connection else {
            self.unsent.clear();
            return;
        };
        let packets = self.unsent.drain(..).flat_map(|(tag, messages)| bundles(tag, messages));
        connection.queue.extend(packets);
        connection.flush(self.clock.now());
    }

    fn connect(&mut self, audio: &Audio) {
        let period = f64::from(audio.period) / audio.rate.max(1.0);
        self.latency = LATENCY.max(Duration::from_secs_f64(2.0 * period));
        match Connection::new(audio.port) {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => self.link.restart(&format!("no socket for the server: {error}")),
        }
    }
}

impl Output for LiveOutput {
    fn send(&mut self, when: When, messages: Vec<OscMessage>) {
        let tag = match when {
            When::Now => AT_ONCE,
            When::At(time) => self.clock.tag(time, self.latency),
        };
        match self.unsent.iter_mut().rev().find(|(other, _)| *other == tag) {
            Some((_, unsent)) => unsent.extend(messages),
            None => self.unsent.push((tag, messages)),
        }
    }

    fn latency(&self) -> Duration {
        self.latency
    }

    fn define(&mut self, definition: &Definition) -> bool {
        if self.asked.insert(definition.name.clone()) {
            self.link.define(definition);
        }
        self.defined.contains(&definition.name)
    }

    fn buffer(&mut self, content: &Content) -> Option<Buffer> {
        *self.buffers.entry(content.clone()).or_insert_with(|| {
            self.link.load(content);
            None
        })
    }

    fn spectrum(&mut self, content: &Content, sixteenths: u8) -> Option<Spectrum> {
        let sixteenths = sixteenths.clamp(1, 16);
        *self.spectra.entry((content.clone(), sixteenths)).or_insert_with(|| {
            self.link.prepare(content, sixteenths);
            None
        })
    }
}

impl Connection {
    fn new(port: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect((Ipv4Addr::LOCALHOST, port))?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            queue: VecDeque::new(),
            pending: BinaryHeap::new(),
            asked: VecDeque::new(),
            sent: 0,
            last_question: (0, Instant::now()),
        })
    }

    /// Sends as much of the queue as the server can take, in order. `now` is a time tag.
    fn flush(&mut self, now: u64) {
        self.hear();
        while self.pending.peek().is_some_and(|Reverse(due)| *due < now) {
            self.pending.pop();
        }
        while let Some(next) = self.queue.front() {
            let waits = next.tag > now;
            if (waits && self.pending.len() >= PENDING) || self.unacknowledged() >= UNACKNOWLEDGED {
                break;
            }
            // If the server is gone, the link will say so.
            let sent = self.socket.send(&next.bytes);
            if matches!(&sent, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                break;
            }
            if waits {
                self.pending.push(Reverse(next.tag));
            }
            self.sent += next.bytes.len() + DATAGRAM;
            self.queue.pop_front();
            if self.sent >= ASK_AFTER {
                self.ask();
            }
        }
        let overdue = !self.asked.is_empty() && self.last_question.1.elapsed() > ASK_AGAIN;
        if overdue {
            self.ask();
        }
    }

    fn unacknowledged(&self) -> usize {
        self.sent + self.asked.iter().map(|(_, bytes)| bytes).sum::<usize>()
    }

    /// Asks for an acknowledgement of all that was sent.
    fn ask(&mut self) {
        let number = self.last_question.0.wrapping_add(1);
        self.last_question = (number, Instant::now());
        let question = encode_message(commands::sync(number)).unwrap_or_default();
        // A question that is lost is asked again.
        drop(self.socket.send(&question));
        self.asked.push_back((number, std::mem::take(&mut self.sent)));
    }

    /// Takes acknowledgements.
    fn hear(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            let size = match self.socket.recv(&mut buffer) {
                Ok(size) => size,
                // An earlier datagram was not received.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            let packet = rosc::decoder::decode_udp(buffer.get(..size).unwrap_or_default());
            let Ok((_, OscPacket::Message(OscMessage { addr, args }))) = packet else { continue };
            let ("/synced", Some(OscType::Int(number))) = (addr.as_str(), args.first()) else {
                continue;
            };
            if let Some(place) = self.asked.iter().position(|(asked, _)| asked == number) {
                self.asked.drain(..=place);
            }
        }
    }
}

/// The bundles with these messages: one, unless it would be too large. Not even then is there
/// a bundle in a bundle, beside which `scsynth` 3.13 loses messages.
fn bundles(tag: u64, messages: Vec<OscMessage>) -> Vec<Packet> {
    let mut packets: Vec<Packet> = Vec::new();
    for message in messages {
        let Some(message) = encode_message(message) else { continue };
        let largest = LARGEST_DATAGRAM - 20;
        let Some(length) = u32::try_from(message.len()).ok().filter(|_| message.len() <= largest)
        else {
            tracing::error!(bytes = message.len(), "a message is too large for the server");
            continue;
        };
        let fits = |packet: &&mut Packet| packet.bytes.len() + message.len() <= DATAGRAM_OF_SEVERAL;
        if let Some(packet) = packets.last_mut().filter(fits) {
            packet.bytes.extend(length.to_be_bytes());
            packet.bytes.extend(message);
        } else {
            let bytes = [&b"#bundle\0"[..], &tag.to_be_bytes(), &length.to_be_bytes(), &message];
            packets.push(Packet { tag, bytes: bytes.concat() });
        }
    }
    packets
}

/// `None` for a string that contains a zero, which rosc 0.11 cannot encode; we send none.
fn encode_message(message: OscMessage) -> Option<Vec<u8>> {
    rosc::encoder::encode(&OscPacket::Message(message)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers when it is told to.
    struct Server(UdpSocket);

    impl Server {
        fn start() -> (Self, Connection) {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let connection = Connection::new(socket.local_addr().unwrap().port()).unwrap();
            (Self(socket), connection)
        }

        /// The bytes of the bundles that have arrived. Answers the last question if `answers`.
        fn receive(&self, answers: bool) -> usize {
            let (mut buffer, mut bytes, mut question) = (vec![0; 65_536], 0, None);
            while let Ok((size, from)) = self.0.recv_from(&mut buffer) {
                match rosc::decoder::decode_udp(&buffer[..size]).unwrap().1 {
                    OscPacket::Message(message) => question = Some((message.args, from)),
                    OscPacket::Bundle(_) => bytes += size,
                }
            }
            if let Some((args, from)) = question.filter(|_| answers) {
                let answer = encode_message(commands::message("/synced", args)).unwrap();
                self.0.send_to(&answer, from).unwrap();
            }
            bytes
        }
    }

    fn packets(count: usize, size: usize, tag: u64) -> impl Iterator<Item = Packet> {
        let blob = OscType::Blob(vec![0; size]);
        (0..count)
            .flat_map(move |_| bundles(tag, vec![commands::message("/x", vec![blob.clone()])]))
    }

    #[test]
    fn at_most_32_kb_are_unacknowledged() {
        let (server, mut connection) = Server::start();
        connection.queue.extend(packets(100, 1000, AT_ONCE));
        connection.flush(10);
        let first = server.receive(false);
        assert!((20_000..=UNACKNOWLEDGED + 2000).contains(&first), "{first}");
        // The answer is lost: the question comes again.
        std::thread::sleep(ASK_AGAIN + Duration::from_millis(10));
        connection.flush(10);
        assert_eq!(server.receive(true), 0);
        connection.flush(10);
        let second = server.receive(true);
        assert!((20_000..=UNACKNOWLEDGED + 2000).contains(&second), "{second}");
        for _ in 0..20 {
            connection.flush(10);
            server.receive(true);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(connection.queue.is_empty());
    }

    #[test]
    fn at_most_1000_bundles_wait_in_the_server() {
        let (server, mut connection) = Server::start();
        connection.queue.extend(packets(1500, 4, 100));
        connection.queue.extend(packets(1, 4, AT_ONCE));
        for _ in 0..100 {
            connection.flush(10);
            server.0.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            server.receive(true);
        }
        // What comes after one that waits keeps its place.
        assert_eq!((connection.pending.len(), connection.queue.len()), (PENDING, 501));
        connection.flush(101);
        assert!(connection.queue.len() < 500, "{}", connection.queue.len());
    }

    #[test]
    fn bundles_are_split_by_messages_and_never_nested() {
        let message = |size| commands::message("/x", vec![OscType::Blob(vec![0; size])]);
        let messages = vec![message(10_000), message(10_000), message(40_000), message(70_000)];
        let packets = bundles(7, messages);
        let sizes: Vec<_> = packets.iter().map(|packet| packet.bytes.len()).collect();
        // The one that no datagram holds is left out.
        assert_eq!(sizes.len(), 3, "{sizes:?}");
        for packet in packets {
            assert!(packet.bytes.len() < LARGEST_DATAGRAM);
            let (_, OscPacket::Bundle(bundle)) = rosc::decoder::decode_udp(&packet.bytes).unwrap()
            else {
                panic!("no bundle")
            };
            assert_eq!((bundle.timetag.seconds, bundle.timetag.fractional), (0, 7));
            assert!(bundle.content.iter().all(|part| matches!(part, OscPacket::Message(_))));
        }
    }
}
