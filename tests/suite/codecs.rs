//! The negotiation of codec and compression in the handshake.

use imbolc_net::{
    Dispatcher,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::ConnectionError,
    model::InstrumentId,
    protocol::{
        ActionNumber, ClientMessage, Hello, Refusal, ServerMessage, Welcome,
        framing::{self, Codec},
        limits,
    },
    server::HostDispatcher,
    studio::{Name, NetworkAction, SourceKind, Studio},
    transport::{Listener as _, MemoryConnector, in_memory},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    harness::{BASS, cutoff, cutoff_of, hello},
    shell::{Raw, host},
};

/// The first byte of a compressed payload.
const COMPRESSED: u8 = 0xff;

fn offering(codecs: &[&str], compression: &[&str]) -> Hello {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Hello {
        codecs: names(codecs),
        compression: names(compression),
        own: vec![BASS],
        ..hello("Ana")
    }
}

/// A host whose full state is large enough to be compressed.
fn large_host() -> (HostDispatcher, MemoryConnector) {
    let (host, connector) = host();
    for id in 10..40 {
        let name = Name::new("One more").unwrap();
        let source = SourceKind::Sampler;
        let add = NetworkAction::AddInstrument { id: InstrumentId(id), name, source };
        host.dispatch(add).unwrap();
    }
    (host, connector)
}

/// Sends `hello`, and returns the connection and the payload of the answer.
async fn answer(connector: &MemoryConnector, hello: Hello) -> (Raw, Vec<u8>) {
    let mut raw = Raw::join(connector, hello).await;
    let payload = raw.receive_payload().await.unwrap();
    (raw, payload.to_vec())
}

#[tokio::test(start_paused = true)]
async fn first_common_codec_is_used_from_the_answer_on() {
    let (host, connector) = host();
    for (codecs, agreed) in [
        (&["postcard", "json"][..], Codec::Postcard),
        (&["morse", "postcard"], Codec::Postcard),
        (&["json", "postcard"], Codec::Json),
        (&["json"], Codec::Json),
        (&[], Codec::Json),
    ] {
        let (mut raw, payload) = answer(&connector, offering(codecs, &[])).await;
        assert_eq!(Codec::of(&payload), agreed, "{codecs:?}");
        let Ok(ServerMessage::<Studio>::Welcome(welcome)) = framing::decode(agreed, &payload)
        else {
            panic!("{codecs:?}");
        };
        assert_eq!(welcome.codec, agreed.name());
        assert_eq!(welcome.compression, None);
        assert_eq!(welcome.state.model, host.state().model);

        let action = cutoff(BASS, 500.0 + welcome.client_id.0 as f32);
        let number = ActionNumber(1);
        raw.send_in(
            agreed,
            &ClientMessage::Action { number, continues: false, action: action.clone() },
        )
        .await;
        loop {
            let payload = raw.receive_payload().await.unwrap();
            let heard = framing::decode::<ServerMessage>(agreed, &payload).unwrap();
            if let ServerMessage::ActionsApplied { through, .. } = heard {
                assert_eq!(through, number);
                break;
            }
        }
        assert_eq!(cutoff_of(&host.state().model, BASS), 500.0 + welcome.client_id.0 as f32);
        raw.send_in(agreed, &ClientMessage::Goodbye).await;
        while raw.receive_payload().await.is_some() {}
    }
}

#[tokio::test(start_paused = true)]
async fn large_frames_are_compressed_if_the_client_can_expand() {
    let (host, connector) = large_host();
    for codec in Codec::ALL {
        let mut lengths = Vec::new();
        for offered in [&[][..], &["zip"], &["zip", "lz4"]] {
            let (mut raw, payload) = answer(&connector, offering(&[codec.name()], offered)).await;
            let compressed = offered.contains(&"lz4");
            assert_eq!(payload[0] == COMPRESSED, compressed, "{codec:?} {offered:?}");
            lengths.push(payload.len());
            let expanded = framing::expand(&payload, limits::SERVER_FRAME).unwrap();
            let Ok(ServerMessage::<Studio>::Welcome(welcome)) = framing::decode(codec, &expanded)
            else {
                panic!("{codec:?} {offered:?}");
            };
            assert_eq!(welcome.compression.as_deref(), compressed.then_some("lz4"));
            assert_eq!(welcome.state.model, host.state().model);

            // Later frames are compressed, too.
            raw.send_in(codec, &ClientMessage::RequestFullSync).await;
            loop {
                let payload = raw.receive_payload().await.unwrap();
                let expanded = framing::expand(&payload, limits::SERVER_FRAME).unwrap();
                let heard = framing::decode::<ServerMessage>(codec, &expanded).unwrap();
                if matches!(heard, ServerMessage::FullStateSync { .. }) {
                    assert_eq!(payload[0] == COMPRESSED, compressed);
                    break;
                }
                assert_ne!(payload[0], COMPRESSED, "{heard:?} is small");
            }
        }
        let [original, _, compressed] = lengths[..] else { panic!() };
        assert!(compressed * 3 < original, "{codec:?}: {compressed} of {original}");
    }
}

#[tokio::test(start_paused = true)]
async fn client_offers_the_configured_codec_only() {
    for codec in Codec::ALL {
        let (mut listener, connector) = in_memory();
        let config = ClientConfig::default().speaking(codec);
        let options = JoinOptions { name: "Ana".into(), config, ..JoinOptions::default() };
        let joining = tokio::spawn(RemoteDispatcher::<Studio>::join(connector, options));
        let (mut reader, _writer, _) = listener.accept().await.unwrap();
        let mut length = [0; 4];
        reader.read_exact(&mut length).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        reader.read_exact(&mut payload).await.unwrap();
        let heard = framing::decode::<ClientMessage>(Codec::Json, &payload).unwrap();
        let ClientMessage::Hello(hello) = heard else { panic!("{heard:?}") };
        assert_eq!(hello.codecs, [codec.name()]);
        assert_eq!(hello.compression, [""; 0]);
        joining.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn frame_that_expands_over_the_limit_ends_connection() {
    let (mut listener, connector) = in_memory();
    let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
    let joining = tokio::spawn(RemoteDispatcher::<Studio>::join(connector, options));
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let mut bomb = vec![0, 0, 0, 9, COMPRESSED];
    bomb.extend_from_slice(&u32::MAX.to_be_bytes());
    bomb.extend_from_slice(&[0; 4]);
    writer.write_all(&bomb).await.unwrap();
    let Err(ConnectionError::Malformed(why)) = joining.await.unwrap() else { panic!() };
    assert!(why.contains("expand"), "{why}");
}

/// Joins a host that answers with `codec` and `compression`, regardless of the
/// client's offer.
async fn join_host_that_selects(
    codec: &str,
    compression: Option<&str>,
    config: ClientConfig,
) -> ConnectionError {
    let (_real, real) = host();
    let mut raw = Raw::join(&real, offering(&["json"], &[])).await;
    let payload = raw.receive_payload().await.unwrap();
    let Ok(ServerMessage::<Studio>::Welcome(welcome)) = framing::decode(Codec::Json, &payload)
    else {
        panic!()
    };
    let codec = codec.to_owned();
    let compression = compression.map(str::to_owned);
    let welcome = ServerMessage::Welcome(Welcome { codec, compression, ..welcome });
    let mut frame = Vec::new();
    framing::encode(Codec::Json, &welcome, &mut frame).unwrap();

    let (mut listener, connector) = in_memory();
    let options = JoinOptions { name: "Ana".into(), config, ..JoinOptions::default() };
    let joining = tokio::spawn(RemoteDispatcher::<Studio>::join(connector, options));
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    writer.write_all(&frame).await.unwrap();
    joining.await.unwrap().err().unwrap()
}

#[tokio::test(start_paused = true)]
async fn host_that_selects_something_not_offered_is_rejected() {
    let json = || ClientConfig::default().speaking(Codec::Json);
    for (codec, compression) in [("postcard", None), ("morse", None), ("json", Some("lz4"))] {
        let lost = join_host_that_selects(codec, compression, json()).await;
        assert!(matches!(lost, ConnectionError::Malformed(_)), "{codec} {compression:?}: {lost}");
        assert!(lost.is_final());
    }
    let lost = join_host_that_selects("json", Some("zip"), ClientConfig::default()).await;
    assert!(matches!(lost, ConnectionError::Malformed(_)), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn compressed_frame_is_rejected_unless_negotiated() {
    let (_host, real) = large_host();
    let (_raw, payload) = answer(&real, offering(&["json"], &["lz4"])).await;
    assert_eq!(payload[0], COMPRESSED);
    let (mut listener, connector) = in_memory();
    let config = ClientConfig::default().speaking(Codec::Json);
    let options = JoinOptions { name: "Ana".into(), config, ..JoinOptions::default() };
    let joining = tokio::spawn(RemoteDispatcher::<Studio>::join(connector, options));
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    writer.write_all(&[&length[..], &payload].concat()).await.unwrap();
    let lost = joining.await.unwrap().err().unwrap();
    assert!(matches!(lost, ConnectionError::Malformed(_)), "{lost}");
}

/// A host that means harm must not end the process of a client.
#[test]
fn refusal_nested_in_refusals_is_rejected() {
    let refused = |index, reason| Refusal::InBatch { index, count: 1, reason: Box::new(reason) };
    let encoded = |refusal: &Refusal| {
        let mut frame = Vec::new();
        framing::encode(Codec::Postcard, refusal, &mut frame).unwrap();
        frame.split_off(4)
    };
    let (once, reason) = (refused(0, Refusal::EngineOnly), encoded(&Refusal::EngineOnly));
    let once = encoded(&once);
    assert!(framing::decode::<Refusal>(Codec::Postcard, &once).is_ok());
    let level = once.strip_suffix(&reason[..]).unwrap();
    let deep = [level.repeat(1_000_000), reason].concat();
    assert!(framing::decode::<Refusal>(Codec::Postcard, &deep).is_err());
    assert!(framing::decode::<Refusal>(Codec::Postcard, &once).is_ok(), "again");
    let last = refused(u32::MAX, Refusal::EngineOnly).to_string();
    assert_eq!(last, "action 4294967295 of 1: only the engine may send this");
}
