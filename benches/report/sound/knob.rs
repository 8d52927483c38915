//! Time from a knob of a client until its message leaves for `scsynth`.
//!
//! All messages to the server pass a relay in this process, which notes the time.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher as _,
    client::{JoinOptions, RemoteDispatcher},
    server::{HostDispatcher, HostOptions},
};
use imbolc_supercollider::{commands, server::BUS_OF_SUPERVISOR};
use rosc::OscPacket;

use super::{
    room::{BASS, Room, dry, engine, wait},
    server_bench,
};
use crate::{
    bench::Bench,
    figure::{Samples, Unit},
    fixture,
    row::{Row, Target},
};

/// Name of the bare counterpart in the table.
const BARE: &str = "bare TCP to OSC";

/// Limit in nanoseconds: with the latency of 30 ms, it is heard well within 100 ms.
const MAX_LEAVING: f64 = 10e6;

pub fn measure(bench: &mut Bench) {
    let Some(jack) = server_bench::Bench::alone(256) else { return };
    let (rounds, turns) = if bench.quick { (2, 6) } else { (10, 60) };
    let server = another_port(&jack);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (host, address) = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let engine = engine(jack.options());
        let options = HostOptions::default();
        (HostDispatcher::open("Host", dry(), engine, listener, options).unwrap(), address)
    });
    let room = Room::of(Arc::new(host), jack);
    room.until("scsynth is started", 8.0, |room| room.bench.starts() > 0);
    let port = room.bench.port();
    let passed = relay(port, server);
    room.until("the sound is there", 8.0, Room::sounds);
    let options = JoinOptions { name: "Ana".into(), own: vec![BASS], ..JoinOptions::default() };
    let client: RemoteDispatcher =
        runtime.block_on(RemoteDispatcher::connect(&address, options)).unwrap();
    let mut bare = bare(port);

    // A silent instrument has no parameters in the server.
    client.dispatch(strike()).unwrap();
    wait(500);
    let mut samples = [Samples::new(Unit::Nanoseconds), Samples::new(Unit::Nanoseconds)];
    let mut turn = 0;
    for round in 0..=rounds {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..turns {
            for (times, ours) in times.iter_mut().zip([true, false]) {
                turn += 1;
                // Not in step with anything.
                wait(30 + turn % 11);
                let cutoff = fixture::cutoff(turn);
                let value = cutoff.get().to_be_bytes();
                passed.try_iter().for_each(drop);
                let begun = Instant::now();
                if ours {
                    client.dispatch(fixture::turn_to(BASS, cutoff)).unwrap();
                } else {
                    bare.write_all(&value).unwrap();
                }
                times.push((leaving(&passed, value) - begun).as_secs_f64() * 1e9);
            }
        }
        // The first round warms up.
        if round > 0 {
            samples.iter_mut().zip(times).for_each(|(samples, times)| samples.push(times));
        }
    }
    let what = "knob of a client, of an instrument that sounds, until its message leaves the host \
                for `scsynth`, after 30 ms of quiet";
    bench.row(
        Row::new("sound/knob", what, samples[0].median())
            .peer(BARE, samples[1].median())
            .target(Target::AtMost(MAX_LEAVING)),
    );
}

fn strike() -> imbolc_net::studio::NetworkAction {
    use imbolc_net::{
        studio::{InstrumentAction, NetworkAction},
        util::quantity::{Pitch, Velocity},
    };

    NetworkAction::Instrument(BASS, InstrumentAction::Play(Pitch::of(48), Velocity::of(100)))
}

/// Has `scsynth` listen on this port instead of the one that it is told.
fn another_port(jack: &server_bench::Bench) -> u16 {
    let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    let script = fs::read_to_string(jack.script()).unwrap();
    fs::write(jack.script(), script.replace("\"$@\"", &format!("\"$@\" -u {port}"))).unwrap();
    port
}

/// Passes on what comes to `port`, and the answers. Its threads end with this process.
fn relay(port: u16, server: u16) -> mpsc::Receiver<(Instant, Vec<u8>)> {
    let (tell, passed) = mpsc::channel();
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
    thread::spawn(move || {
        let mut ways: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
        let mut buffer = vec![0; 65_536];
        loop {
            let Ok((size, from)) = socket.recv_from(&mut buffer) else { continue };
            drop(tell.send((Instant::now(), buffer[..size].to_vec())));
            let way = ways.entry(from).or_insert_with(|| way(&socket, from, server));
            drop(way.send(&buffer[..size]));
        }
    });
    passed
}

fn way(socket: &Arc<UdpSocket>, from: SocketAddr, server: u16) -> Arc<UdpSocket> {
    let way = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    way.connect((Ipv4Addr::LOCALHOST, server)).unwrap();
    let (back, socket) = (Arc::clone(&way), Arc::clone(socket));
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        loop {
            let Ok(size) = back.recv(&mut buffer) else { continue };
            drop(socket.send_to(&buffer[..size], from));
        }
    });
    way
}

/// When a message with this value passed.
fn leaving(passed: &mpsc::Receiver<(Instant, Vec<u8>)>, value: [u8; 4]) -> Instant {
    loop {
        let (time, bytes) = passed.recv_timeout(Duration::from_secs(5)).unwrap();
        if bytes.windows(4).any(|part| part == value) {
            return time;
        }
    }
}

/// A thread that makes messages for the server of the values that it gets over TCP.
fn bare(port: u16) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    here.set_nodelay(true).unwrap();
    let mut there = listener.accept().unwrap().0;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    thread::spawn(move || {
        let mut value = [0; 4];
        while there.read_exact(&mut value).is_ok() {
            // A control bus that nothing reads.
            let set = commands::set_buses(BUS_OF_SUPERVISOR - 1, &[f32::from_be_bytes(value)]);
            let bytes = rosc::encoder::encode(&OscPacket::Message(set)).unwrap();
            socket.send_to(&bytes, (Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    });
    here
}
