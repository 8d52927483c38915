//! Options that make no sense are refused with their names, by whatever takes them.

use std::time::Duration;

use imbolc_net::{
    Mode,
    authority::{Authority, Setup, inline},
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::{ConnectionError, OpenError},
    protocol::SessionId,
    server::{HostOptions, NetServer, ServerConfig},
    studio::{SilentEngine, Studio, StudioState},
    sync::session::SessionConfig,
    transport::in_memory,
    util::option::OptionError,
};
use tokio_util::sync::CancellationToken;

const ZERO: Duration = Duration::ZERO;
/// Overflows when anything is added to it.
const MAX: Duration = Duration::MAX;

/// An option, and how it gets a value that makes no sense.
type Row<C> = (&'static str, fn(&mut C));

/// Each change is refused with the name of its option.
fn refused<C: Clone>(good: &C, check: impl Fn(&C) -> Result<(), OptionError>, rows: &[Row<C>]) {
    check(good).unwrap();
    for (name, spoil) in rows {
        let mut spoilt = good.clone();
        spoil(&mut spoilt);
        let error = check(&spoilt).expect_err(name);
        assert_eq!(error.name, *name);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn senseless_session_options_are_refused_by_name() {
    let rows: [Row<SessionConfig>; 26] = [
        ("heartbeat_interval", |config| config.heartbeat_interval = ZERO),
        ("heartbeat_interval", |config| config.heartbeat_interval = MAX),
        ("heartbeat_interval", |config| config.heartbeat_interval = config.idle_timeout),
        ("idle_timeout", |config| config.idle_timeout = ZERO),
        ("idle_timeout", |config| config.idle_timeout = MAX),
        ("resume_window", |config| config.resume_window = MAX),
        ("privilege_hold", |config| config.privilege_hold = MAX),
        ("full_share_interval", |config| config.full_share_interval = MAX),
        ("full_sync_interval", |config| config.full_sync_interval = ZERO),
        ("full_sync_interval", |config| config.full_sync_interval = MAX),
        ("min_full_sync_interval", |config| config.min_full_sync_interval = MAX),
        ("min_patch_interval", |config| config.min_patch_interval = MAX),
        ("min_metering_interval", |config| config.min_metering_interval = MAX),
        ("max_participants", |config| config.max_participants = 0),
        ("max_participants", |config| config.max_participants = u32::MAX),
        ("max_answers", |config| config.max_answers = 0),
        ("max_answers", |config| config.max_answers = usize::MAX),
        ("max_unacknowledged", |config| config.max_unacknowledged = usize::MAX),
        ("max_rejections", |config| config.max_rejections = 0),
        ("max_rejections", |config| config.max_rejections = usize::MAX),
        ("base_fresh_for", |config| config.base_fresh_for = MAX),
        ("base_spacing", |config| config.base_spacing = MAX),
        ("max_bases", |config| config.max_bases = 0),
        ("max_bases", |config| config.max_bases = usize::MAX),
        ("full_sync_interval", |config| config.full_sync_interval = Duration::from_nanos(1)),
        ("idle_timeout", |config| config.idle_timeout = Duration::from_hours(24 * 31)),
    ];
    refused(&SessionConfig::default(), SessionConfig::check, &rows);
    // A new option must be given rows.
    let SessionConfig {
        heartbeat_interval: _,
        idle_timeout: _,
        resume_window: _,
        privilege_hold: _,
        full_share_interval: _,
        full_sync_interval: _,
        min_full_sync_interval: _,
        min_patch_interval: _,
        min_metering_interval: _,
        max_participants: _,
        max_answers: _,
        max_unacknowledged: _,
        max_rejections: _,
        base_fresh_for: _,
        base_spacing: _,
        max_bases: _,
        attended: _,
    } = SessionConfig::default();
}

#[test]
fn senseless_server_options_are_refused_by_name() {
    let rows: [Row<ServerConfig>; 6] = [
        ("handshake_timeout", |config| config.handshake_timeout = ZERO),
        ("handshake_timeout", |config| config.handshake_timeout = MAX),
        ("max_handshakes", |config| config.max_handshakes = 0),
        ("max_handshakes", |config| config.max_handshakes = usize::MAX),
        ("write_timeout", |config| config.write_timeout = ZERO),
        ("write_timeout", |config| config.write_timeout = MAX),
    ];
    refused(&ServerConfig::default(), ServerConfig::check, &rows);
    let ServerConfig { handshake_timeout: _, max_handshakes: _, write_timeout: _ } =
        ServerConfig::default();
}

#[test]
fn senseless_client_options_are_refused_by_name() {
    let rows: [Row<ClientConfig>; 14] = [
        ("connect_timeout", |config| config.connect_timeout = ZERO),
        ("connect_timeout", |config| config.connect_timeout = MAX),
        ("idle_timeout", |config| config.idle_timeout = ZERO),
        ("idle_timeout", |config| config.idle_timeout = MAX),
        ("ping_interval", |config| config.ping_interval = ZERO),
        ("ping_interval", |config| config.ping_interval = MAX),
        ("ping_interval", |config| config.ping_interval = config.idle_timeout),
        ("initial_backoff", |config| config.initial_backoff = ZERO),
        ("initial_backoff", |config| config.initial_backoff = MAX),
        ("initial_backoff", |config| config.initial_backoff = 2 * config.max_backoff),
        ("max_backoff", |config| config.max_backoff = ZERO),
        ("max_backoff", |config| config.max_backoff = MAX),
        ("backlog", |config| config.backlog = 0),
        ("backlog", |config| config.backlog = usize::MAX),
    ];
    refused(&ClientConfig::default(), ClientConfig::check, &rows);
    // Any codecs and compressions make sense: with none, the client speaks JSON.
    let ClientConfig {
        connect_timeout: _,
        idle_timeout: _,
        ping_interval: _,
        initial_backoff: _,
        max_backoff: _,
        backlog: _,
        codecs: _,
        compression: _,
    } = ClientConfig::default();
}

#[cfg(feature = "mdns")]
#[test]
fn senseless_discovery_options_are_refused_by_name() {
    use imbolc_net::discovery::{
        Advert, DiscoveryClient, DiscoveryConfig, DiscoveryError, DiscoveryServer, Interfaces,
    };

    let rows: [Row<DiscoveryConfig>; 3] = [
        ("port", |config| config.port = 0),
        ("interfaces", |config| config.interfaces = Interfaces::Named(vec![])),
        ("interfaces", |config| config.interfaces = Interfaces::Named(vec![String::new()])),
    ];
    refused(&DiscoveryConfig::default(), DiscoveryConfig::check, &rows);
    let lan = DiscoveryConfig { port: 0, ..DiscoveryConfig::default() };
    let browsing = DiscoveryClient::browse(&lan).map(drop);
    assert!(matches!(browsing, Err(DiscoveryError::Option(_))), "{browsing:?}");
    let address = ([127, 0, 0, 1], 9999).into();
    let server = DiscoveryServer::announce(Advert::new("jam").unwrap(), address, &lan).map(drop);
    assert!(matches!(server, Err(DiscoveryError::Option(_))), "{server:?}");
}

fn senseless_session() -> SessionConfig {
    SessionConfig { full_sync_interval: ZERO, ..SessionConfig::default() }
}

#[tokio::test]
async fn open_refuses_senseless_options() {
    let host = |options| Mode::Host { name: "Ana".into(), address: "127.0.0.1:0".into(), options };
    let session = senseless_session();
    let server = ServerConfig { handshake_timeout: ZERO, ..ServerConfig::default() };
    let config = ClientConfig { ping_interval: ZERO, ..ClientConfig::default() };
    let options = JoinOptions { name: "Ana".into(), config, ..JoinOptions::default() };
    for (mode, name) in [
        (host(HostOptions { session, ..HostOptions::default() }), "full_sync_interval"),
        (host(HostOptions { server, ..HostOptions::default() }), "handshake_timeout"),
        (Mode::Remote { address: "127.0.0.1:1".into(), options }, "ping_interval"),
    ] {
        match imbolc_net::open(mode).await.map(drop) {
            Err(OpenError::Option(error)) => assert_eq!(error.name, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn senseless_name_is_refused_before_connecting() {
    for name in ["", "  ", "a\nb", &"x".repeat(65)] {
        let options = JoinOptions { name: name.into(), ..JoinOptions::default() };
        // Nobody listens there.
        let mode = Mode::Remote { address: "127.0.0.1:1".into(), options };
        let opened = imbolc_net::open(mode).await.map(drop);
        assert!(matches!(opened, Err(OpenError::Name(_))), "{name:?}: {opened:?}");
    }
}

#[tokio::test]
async fn serve_and_join_refuse_senseless_options() {
    let (listener, connector) = in_memory();
    let setup = |config| Setup::<Studio> {
        host: "Ana".into(),
        key: None,
        model: StudioState::starter(),
        engine: inline(SilentEngine::default),
        config,
    };
    let id = SessionId::new([7; 16]);
    assert!(Authority::hosting(setup(senseless_session()), id).is_err());
    assert!(Authority::local(setup(senseless_session()), id).is_err());
    let authority = Authority::hosting(setup(SessionConfig::default()), id).unwrap();
    let server = ServerConfig { write_timeout: ZERO, ..ServerConfig::default() };
    let options = HostOptions { server, ..HostOptions::default() };
    let server = NetServer::serve(authority, listener, &CancellationToken::new(), options);
    match server.map(drop) {
        Err(OpenError::Option(error)) => assert_eq!(error.name, "write_timeout"),
        other => panic!("{other:?}"),
    }

    let config = ClientConfig { initial_backoff: ZERO, ..ClientConfig::default() };
    let options = JoinOptions { name: "Ana".into(), config, ..JoinOptions::default() };
    let joined = RemoteDispatcher::<Studio>::join(connector, options).await.map(drop);
    match joined {
        Err(ConnectionError::Option(error)) => assert_eq!(error.name, "initial_backoff"),
        other => panic!("{other:?}"),
    }
}
