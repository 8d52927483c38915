//! The attacker's suite: what a stranger in the network tries, against a whole host and
//! whole clients. Nothing in this network is local, so no client is exempt from the code.

mod entering;
mod guessing;
mod listening;
mod middle;
mod tampering;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use imbolc_net::{
    Dispatcher, Model,
    admission::AdmissionPolicy,
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::{ConnectionError, HostCommand, Status},
    installation::Installation,
    security::JoinCode,
    server::{HostDispatcher, HostOptions},
    studio::Studio,
    transport::Connector,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    sync::mpsc,
};

use crate::shell::visitor::{Lan, host_on_a_lan};

/// Where clients find the host.
const HOST: ([u8; 4], u16) = ([192, 168, 1, 20], 9999);
const ANA: [u8; 4] = [192, 168, 1, 30];
const EVE: [u8; 4] = [192, 168, 1, 66];

fn host(admission: AdmissionPolicy) -> (HostDispatcher, Lan) {
    host_on_a_lan(options(admission))
}

fn options(admission: AdmissionPolicy) -> HostOptions {
    HostOptions { admission, local_exemption: false, ..HostOptions::default() }
}

fn code<M: Model>(host: &HostDispatcher<M>) -> String {
    host.admission().unwrap().code.shown()
}

/// A code that the host does not have.
fn wrong<M: Model>(host: &HostDispatcher<M>) -> &'static str {
    if code(host) == "000-000" { "111-111" } else { "000-000" }
}

fn participants<M: Model>(host: &HostDispatcher<M>) -> usize {
    host.state().roster.participants.len()
}

fn new_code(host: &HostDispatcher) {
    host.administer(HostCommand::NewCode).unwrap();
}

fn ana(installation: &Installation) -> JoinOptions {
    JoinOptions {
        name: "Ana".into(),
        installation: Some(installation.clone()),
        local_exemption: false,
        ..JoinOptions::default()
    }
}

fn with_code<M: Model>(installation: &Installation, host: &HostDispatcher<M>) -> JoinOptions {
    JoinOptions { code: JoinCode::parse(&code(host)), ..ana(installation) }
}

async fn failure<C: Connector>(connector: C, options: JoinOptions) -> ConnectionError {
    RemoteDispatcher::<Studio>::join(connector, options).await.expect_err("it must not join")
}

fn is_connected<M: Model>(client: &RemoteDispatcher<M>) -> bool {
    matches!(client.status(), Status::Connected { .. })
}

/// Connects clients to the attacker in the network between them and the host.
#[derive(Clone)]
struct Wire(mpsc::UnboundedSender<DuplexStream>);

/// The far ends of what a [`Wire`] connects.
type Taps = mpsc::UnboundedReceiver<DuplexStream>;

fn wire() -> (Wire, Taps) {
    let (sender, taps) = mpsc::unbounded_channel();
    (Wire(sender), taps)
}

impl Connector for Wire {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        self.0.send(far).map_err(refused)?;
        let (reader, writer) = tokio::io::split(near);
        Ok((reader, writer, Some(HOST.into())))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    ToHost,
    ToClient,
}

/// A message on its way, with its length.
struct Passing {
    /// The number of its connection.
    connection: usize,
    way: Way,
    /// Its number, of those on this way.
    number: usize,
    bytes: Vec<u8>,
}

/// Relays connections to the host, which sees them come from [`ANA`]. What `tamper` returns
/// goes on in the place of each message; with `None` the connection ends.
fn relay(
    mut taps: Taps,
    lan: Lan,
    tamper: impl FnMut(Passing) -> Option<Vec<u8>> + Send + 'static,
) {
    let tamper = Arc::new(Mutex::new(tamper));
    tokio::spawn(async move {
        for connection in 0.. {
            let Some(client) = taps.recv().await else { break };
            let host = lan.connect(ANA);
            let tamper = Arc::clone(&tamper);
            tokio::spawn(async move {
                let (from_client, to_client) = tokio::io::split(client);
                let (from_host, to_host) = tokio::io::split(host);
                let pass = |way| {
                    let tamper = Arc::clone(&tamper);
                    move |number, bytes| {
                        let passing = Passing { connection, way, number, bytes };
                        tamper.lock().unwrap_or_else(PoisonError::into_inner)(passing)
                    }
                };
                tokio::select! {
                    () = pump(from_client, to_host, pass(Way::ToHost)) => {}
                    () = pump(from_host, to_client, pass(Way::ToClient)) => {}
                }
            });
        }
    });
}

async fn pump(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut pass: impl FnMut(usize, Vec<u8>) -> Option<Vec<u8>>,
) {
    for number in 0.. {
        let Some(bytes) = message(&mut from).await.and_then(|bytes| pass(number, bytes)) else {
            return;
        };
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// The next message, with its length. A plain frame passes as two of them: the two zeros that
/// its length begins with, and the rest.
async fn message(from: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let length = from.read_u16().await.ok()?;
    let mut bytes = vec![0; 2 + usize::from(length)];
    bytes[..2].copy_from_slice(&length.to_be_bytes());
    from.read_exact(&mut bytes[2..]).await.ok()?;
    Some(bytes)
}
