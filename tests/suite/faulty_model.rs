//! A model whose functions panic, whose numbers need not be finite and whose actions
//! serde cannot always encode: such an action is refused, and nothing else happens.

mod board;
mod numbers;
mod panics;

use std::sync::Once;

use imbolc_net::{
    authority::inline,
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::DispatchError,
    model::{InstrumentId, NoEngine},
    protocol::{Refusal, framing::Codec},
    server::{HostDispatcher, HostOptions},
    transport::{MemoryConnector, in_memory},
    util::panics::is_caught,
};

use self::board::{Board, Faulty};

/// A host, and where to join it.
fn host() -> (HostDispatcher<Faulty>, MemoryConnector) {
    silence_caught_panics();
    let (listener, connector) = in_memory();
    let options = HostOptions::default();
    let host =
        HostDispatcher::open("host", Board::default(), inline(|| NoEngine), listener, options);
    (host.unwrap(), connector)
}

/// Options with a codec, and with the ownership of instrument 1.
fn options(name: &str, codec: Codec) -> JoinOptions {
    JoinOptions {
        name: name.into(),
        own: vec![InstrumentId(1)],
        config: ClientConfig::default().speaking(codec),
        ..JoinOptions::default()
    }
}

async fn join(connector: &MemoryConnector, name: &str, codec: Codec) -> RemoteDispatcher<Faulty> {
    RemoteDispatcher::join(connector.clone(), options(name, codec)).await.unwrap()
}

/// As a UI does: a panic that is caught is not reported.
pub fn silence_caught_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_caught() {
                hook(panic);
            }
        }));
    });
}

fn is_panic(error: &DispatchError) -> bool {
    matches!(error, DispatchError::Refused(Refusal::Panicked { .. }))
}

fn is_malformed(error: &DispatchError) -> bool {
    matches!(error, DispatchError::Refused(Refusal::Malformed { .. }))
}
