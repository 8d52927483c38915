//! What both sides speak, as it is agreed on in the handshake.

use imbolc_net::{
    Dispatcher,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::ConnectionError,
    model::InstrumentId,
    protocol::{
        ActionNumber, ClientMessage, Hello, ServerMessage, Welcome,
        framing::{self, Codec},
        limits,
    },
    server::HostDispatcher,
    studio::{Name, NetworkAction, SourceKind, Studio},
    transport::{Listener as _, MemoryConnector, in_memory},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    room::{BASS, cutoff, cutoff_of, hello},
    shell::{Raw, host},
};

/// Begins a payload that is compressed.
const COMPRESSED: u8 = 0xff;

fn speaking(codecs: &[&str], compression: &[&str]) -> Hello {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Hello {
        codecs: names(codecs),
        compression: names(compression),
        own: vec![BASS],
        ..hello("Ana")
    }
}

/// A host whose full state is large.
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

/// Joins, and returns the answer as it came.
async fn answer(connector: &MemoryConnector, hello: Hello) -> (Raw, Vec<u8>) {
    let mut raw = Raw::join(connector, hello).await;
    let payload = raw.hear_payload().await.unwrap();
    (raw, payload.to_vec())
}

#[tokio::test(start_paused = true)]
async fn the_first_codec_that_both_speak_is_spoken_from_the_answer_on() {
    let (host, connector) = host();
    for (codecs, agreed) in [
        (&["postcard", "json"][..], Codec::Postcard),
        (&["morse", "postcard"], Codec::Postcard),
        (&["json", "postcard"], Codec::Json),
        (&["json"], Codec::Json),
        (&[], Codec::Json),
    ] {
        let (mut raw, payload) = answer(&connector, speaking(codecs, &[])).await;
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
        raw.say_in(
            agreed,
            &ClientMessage::Action { number, continues: false, action: action.clone() },
        )
        .await;
        loop {
            let payload = raw.hear_payload().await.unwrap();
            let heard = framing::decode::<ServerMessage>(agreed, &payload).unwrap();
            if let ServerMessage::ActionsApplied { through, .. } = heard {
                assert_eq!(through, number);
                break;
            }
        }
        assert_eq!(cutoff_of(&host.state().model, BASS), 500.0 + welcome.client_id.0 as f32);
        raw.say_in(agreed, &ClientMessage::Goodbye).await;
        while raw.hear_payload().await.is_some() {}
    }
}

#[tokio::test(start_paused = true)]
async fn large_frames_are_compressed_for_those_who_can_expand_them_and_for_nobody_else() {
    let (host, connector) = large_host();
    for codec in Codec::ALL {
        let mut lengths = Vec::new();
        for ways in [&[][..], &["zip"], &["zip", "lz4"]] {
            let (mut raw, payload) = answer(&connector, speaking(&[codec.name()], ways)).await;
            let compressed = ways.contains(&"lz4");
            assert_eq!(payload[0] == COMPRESSED, compressed, "{codec:?} {ways:?}");
            lengths.push(payload.len());
            let plain = framing::expand(&payload, limits::SERVER_FRAME).unwrap();
            let Ok(ServerMessage::<Studio>::Welcome(welcome)) = framing::decode(codec, &plain)
            else {
                panic!("{codec:?} {ways:?}");
            };
            assert_eq!(welcome.compression.as_deref(), compressed.then_some("lz4"));
            assert_eq!(welcome.state.model, host.state().model);

            // What comes later too: everything once more.
            raw.say_in(codec, &ClientMessage::RequestFullSync).await;
            loop {
                let payload = raw.hear_payload().await.unwrap();
                let plain = framing::expand(&payload, limits::SERVER_FRAME).unwrap();
                let heard = framing::decode::<ServerMessage>(codec, &plain).unwrap();
                if matches!(heard, ServerMessage::FullStateSync { .. }) {
                    assert_eq!(payload[0] == COMPRESSED, compressed);
                    break;
                }
                assert_ne!(payload[0], COMPRESSED, "{heard:?} is small");
            }
        }
        let [plain, _, compressed] = lengths[..] else { panic!() };
        assert!(compressed * 3 < plain, "{codec:?}: {compressed} of {plain}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_says_what_it_was_told_to_speak() {
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
async fn a_frame_that_would_expand_to_more_than_allowed_ends_the_connection() {
    let (mut listener, connector) = in_memory();
    let joining = tokio::spawn(RemoteDispatcher::<Studio>::join(connector, JoinOptions::default()));
    let (_reader, mut writer, _) = listener.accept().await.unwrap();
    let mut bomb = vec![0, 0, 0, 9, COMPRESSED];
    bomb.extend_from_slice(&u32::MAX.to_be_bytes());
    bomb.extend_from_slice(&[0; 4]);
    writer.write_all(&bomb).await.unwrap();
    let Err(ConnectionError::Malformed(why)) = joining.await.unwrap() else { panic!() };
    assert!(why.contains("expand"), "{why}");
}

/// Joins a host that answers with `codec` and `compression`, whatever it was
/// offered.
async fn join_a_host_that_says(
    codec: &str,
    compression: Option<&str>,
    config: ClientConfig,
) -> ConnectionError {
    let (_real, real) = host();
    let mut there = Raw::join(&real, speaking(&["json"], &[])).await;
    let payload = there.hear_payload().await.unwrap();
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
async fn a_host_that_speaks_what_it_was_not_offered_is_not_listened_to() {
    let json = || ClientConfig::default().speaking(Codec::Json);
    for (codec, compression) in [("postcard", None), ("morse", None), ("json", Some("lz4"))] {
        let lost = join_a_host_that_says(codec, compression, json()).await;
        assert!(matches!(lost, ConnectionError::Malformed(_)), "{codec} {compression:?}: {lost}");
        assert!(lost.is_final());
    }
    let lost = join_a_host_that_says("json", Some("zip"), ClientConfig::default()).await;
    assert!(matches!(lost, ConnectionError::Malformed(_)), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_offered_to_expand_is_not_expanded() {
    let (_host, real) = large_host();
    let (_there, payload) = answer(&real, speaking(&["json"], &["lz4"])).await;
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
