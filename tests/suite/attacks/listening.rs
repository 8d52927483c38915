//! An attacker that listens, and one that repeats what it has heard.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use imbolc_net::{
    Dispatcher,
    admission::AdmissionPolicy,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    installation::{Installation, PlaceFile},
    model::InstrumentId,
    protocol::framing::Codec,
    server::HostDispatcher,
    studio::{Name, NetworkAction, SourceKind, Studio},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ANA, EVE, Way, host, is_connected, participants, relay, wire, with_code};
use crate::{conformance::eventually, shell::visitor::Lan};

/// The messages of the connections of one client.
#[derive(Default)]
struct Heard {
    connections: Vec<[Vec<Vec<u8>>; 2]>,
}

impl Heard {
    fn holds(&self, needle: &[u8]) -> bool {
        let ways = self.connections.iter().flatten();
        ways.map(|messages| messages.concat())
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    }
}

/// A client that has joined, edited, was cut off, resumed and edited again, and is still
/// there.
struct Overheard {
    host: HostDispatcher,
    lan: Lan,
    client: RemoteDispatcher,
    heard: Arc<Mutex<Heard>>,
    /// What it would be bad to hear.
    secrets: Vec<Vec<u8>>,
}

async fn add(host: &HostDispatcher, client: &RemoteDispatcher, id: u32) {
    let (id, name) = (InstrumentId(id), Name::new("Obertonsalat").unwrap());
    let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Fm };
    client.dispatch(add).unwrap();
    eventually("it is added", || host.state().model.instruments.get(id).is_some()).await;
}

async fn overhear(codec: Codec, plain: bool) -> Overheard {
    let (host, lan) = host(if plain { AdmissionPolicy::Open } else { AdmissionPolicy::Code });
    let (wire, taps) = wire();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let is_cut = Arc::new(AtomicBool::new(false));
    let (hearing, cutting) = (Arc::clone(&heard), Arc::clone(&is_cut));
    relay(taps, lan.clone(), move |passing| {
        let mut heard = hearing.lock().unwrap();
        if heard.connections.len() == passing.connection {
            heard.connections.push(<[Vec<_>; 2]>::default());
        }
        let way = usize::from(passing.way == Way::ToClient);
        heard.connections[passing.connection][way].push(passing.bytes.clone());
        let ends = passing.connection == 0 && cutting.load(Relaxed);
        (!ends).then_some(passing.bytes)
    });

    let directory = format!("imbolc-net-overheard-{}", std::process::id());
    let directory = std::env::temp_dir().join(directory);
    let place = PlaceFile::claim(&directory, "stage", codec.name()).unwrap();
    let path = place.path().to_owned();
    let options = with_code(&Installation::in_memory().unwrap(), &host);
    let options = JoinOptions {
        name: "Zacharias".into(),
        place: Some(place),
        plain,
        config: ClientConfig {
            codecs: vec![codec],
            compression: vec![],
            ..ClientConfig::default()
        },
        ..options
    };
    let client = RemoteDispatcher::<Studio>::join(wire, options).await.unwrap();
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let _ = std::fs::remove_dir_all(directory);
    add(&host, &client, 50).await;
    is_cut.store(true, Relaxed);
    eventually("it is cut off", || !is_connected(&client)).await;
    eventually("it is back", || is_connected(&client)).await;
    add(&host, &client, 51).await;

    let mut secrets: Vec<Vec<u8>> =
        ["Zacharias", "Obertonsalat", "imbolc-studio", "{\"Hello\"", "\"codec"]
            .map(Into::into)
            .into();
    secrets.push(saved["instance"].as_str().unwrap().into());
    if let Some(token) = saved["token"].as_str() {
        secrets.push(token.into());
    }
    Overheard { host, lan, client, heard, secrets }
}

#[tokio::test(start_paused = true)]
async fn listener_learns_no_name_action_or_secret() {
    for codec in Codec::ALL {
        // The same search, where there is something to find.
        let Overheard { heard, secrets, .. } = overhear(Codec::Json, true).await;
        for secret in secrets {
            assert!(heard.lock().unwrap().holds(&secret), "{}", String::from_utf8_lossy(&secret));
        }

        let Overheard { host, heard, mut secrets, .. } = overhear(codec, false).await;
        let shown = super::code(&host);
        secrets.push(shown.replace('-', "").into());
        secrets.push(shown.into());
        let heard = heard.lock().unwrap();
        assert_eq!(heard.connections.len(), 2);
        for secret in secrets {
            assert!(!heard.holds(&secret), "{codec:?}: {}", String::from_utf8_lossy(&secret));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn replayed_connection_admits_nobody_and_changes_nothing() {
    let Overheard { host, lan, client, heard, .. } = overhear(Codec::Json, false).await;
    let connections = heard.lock().unwrap().connections.clone();
    let before = host.state();
    let mut replays = Vec::new();
    for [to_host, to_client] in connections {
        for messages in [to_host, to_client] {
            let (mut cut, first) = (0, messages.iter().take(5).map(Vec::len));
            let bytes = messages.concat();
            for length in first {
                replays.push(bytes[..cut + length / 2].to_vec());
                cut += length;
                replays.push(bytes[..cut].to_vec());
            }
            replays.push(bytes);
        }
    }
    assert!(replays.len() > 30, "{}", replays.len());
    for (turn, replay) in replays.into_iter().enumerate() {
        // From where it was heard, and from elsewhere.
        let mut stream = lan.connect(if turn % 2 == 0 { ANA } else { EVE });
        // The host may end it before all is written.
        let _ = stream.write_all(&replay).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.len() < 256, "{answer:?}");
    }
    assert_eq!(host.state().model, before.model);
    assert_eq!(host.state().roster.owners, before.roster.owners);
    assert_eq!(participants(&host), 2);
    // The victim was not disturbed.
    assert!(is_connected(&client));
    add(&host, &client, 52).await;
    assert_eq!(heard.lock().unwrap().connections.len(), 2, "it had to connect again");
}
