//! A client that chose a session on the LAN follows it to another address.

use std::{net::SocketAddr, time::Duration};

use imbolc_net::{
    Dispatcher,
    client::{JoinOptions, RemoteDispatcher},
    discovery::{Advert, DiscoveryConfig, DiscoveryServer, SessionConnector},
    dispatcher::Status,
    protocol::SessionId,
    studio::Studio,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use super::{browse, found, lan};
use crate::{
    conformance::{eventually, host},
    harness::{BASS, cutoff, cutoff_of},
};

/// An address at which the host can be reached until this is dropped.
struct Address {
    address: SocketAddr,
    _forwarding: JoinSet<()>,
    _announcement: DiscoveryServer,
}

impl Address {
    async fn of(host: String, session: SessionId, lan: &DiscoveryConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut forwarding = JoinSet::new();
        forwarding.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(&host).await.unwrap();
                connections.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            }
        });
        let announcement = announce(session, address, lan);
        Self { address, _forwarding: forwarding, _announcement: announcement }
    }
}

fn announce(session: SessionId, address: SocketAddr, lan: &DiscoveryConfig) -> DiscoveryServer {
    let advert = Advert { session_id: Some(session), ..Advert::new("jam").unwrap() };
    DiscoveryServer::announce(advert, address, lan).unwrap()
}

#[tokio::test]
async fn client_follows_its_session_to_another_address() {
    let lan = lan();
    let (host, there) = host("mia").await;
    let session = host.identity().session;
    let before = Address::of(there.clone(), session, &lan).await;
    let chosen = found(&mut browse(&lan)).await;
    assert_eq!((chosen.address(), chosen.session_id), (before.address, Some(session)));
    let connector = SessionConnector::new(&chosen, lan.clone());
    let options = JoinOptions { name: "ana".into(), own: vec![BASS], ..Default::default() };
    let ana = RemoteDispatcher::<Studio>::join(connector, options).await.unwrap();
    let me = ana.identity();
    ana.commit(cutoff(BASS, 700.0)).await.unwrap();

    drop(before);
    eventually("it is lost", || matches!(ana.status(), Status::Reconnecting { .. })).await;
    ana.dispatch(cutoff(BASS, 800.0)).unwrap();
    // Another session of the same name appears first. It learns nothing.
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _other = announce(SessionId::new([1; 16]), other.local_addr().unwrap(), &lan);
    tokio::select! {
        _ = other.accept() => panic!("it connects to another session"),
        () = sleep(Duration::from_secs(3)) => {}
    }
    let _after = Address::of(there, session, &lan).await;
    tokio::select! {
        _ = other.accept() => panic!("it connects to another session"),
        () = eventually("it is back", || matches!(ana.status(), Status::Connected { .. })) => {}
    }
    assert_eq!(ana.identity(), me);
    eventually("its edit arrives", || cutoff_of(&host.state().model, BASS) == 800.0).await;
    assert_eq!(host.state().roster.participants.len(), 2);
}
