//! Each `commit` is answered exactly once, whatever happens to the connection.

use std::sync::Arc;

use imbolc_net::{
    Dispatcher,
    client::RemoteDispatcher,
    dispatcher::{CloseError, CloseReason, DispatchError},
    protocol::Refusal,
    studio::{NetworkAction, TransportAction},
};
use tokio::time::{sleep, timeout};

use super::{Remote, SECOND, host, options};
use crate::{
    cable::Cable,
    conformance::eventually,
    harness::{BASS, cutoff},
};

/// Starts a commit in a task of its own.
fn commit(
    ana: &Arc<RemoteDispatcher>,
    action: NetworkAction,
) -> tokio::task::JoinHandle<Result<(), DispatchError>> {
    let ana = Arc::clone(ana);
    tokio::spawn(async move { ana.commit(action).await.map(drop) })
}

#[tokio::test(start_paused = true)]
async fn commit_refused_by_the_host_returns_the_reason() {
    let (host, connector) = host();
    let ana = Remote::join(connector, options("Ana", &[])).await.unwrap();
    host.release_privilege().unwrap();
    eventually("she sees it", || ana.state().roster.privileged.is_none()).await;
    ana.request_privilege().unwrap();
    let me = ana.identity().client_id;
    eventually("she has it", || ana.state().roster.is_privileged(me)).await;
    // Her action is sent before this change reaches her.
    host.request_privilege().unwrap();
    let play = NetworkAction::Transport(TransportAction::Play);
    let answer = timeout(10 * SECOND, ana.commit(play)).await.expect("it is answered");
    assert!(
        matches!(&answer, Err(DispatchError::Refused(Refusal::NotPrivileged { holder: Some(_) }))),
        "{answer:?}"
    );
    assert!(!ana.state().model.transport.playing);
}

#[tokio::test(start_paused = true)]
async fn close_answers_open_commits() {
    let (_host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let ana = Arc::new(ana);
    cable.pull();
    let open = commit(&ana, cutoff(BASS, 99.0));
    sleep(SECOND).await;
    assert!(!open.is_finished());
    assert_eq!(ana.close().await, Err(CloseError::Unanswered { actions: 1 }));
    let answer = timeout(SECOND, open).await.expect("it is answered").unwrap();
    assert_eq!(answer, Err(DispatchError::Closed(CloseReason::ByRequest)));
}
