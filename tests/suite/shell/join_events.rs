//! What each subscriber gets first: whether the participant joined or resumed, and what
//! was refused.

use std::iter;

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::{LocalDispatcher, inline},
    client::JoinOptions,
    dispatcher::Status,
    installation::PlaceFile,
    model::{InstrumentId, NoEngine},
    protocol::PrivilegeLevel,
    studio::{Studio, StudioState},
    sync::PlaceLoss,
};
use tokio::time::sleep;

use super::{Remote, SECOND, host, options};
use crate::{
    cable::Cable,
    conformance::eventually,
    harness::{BASS, LEAD, cutoff},
};

/// What a new subscriber gets first, told briefly. Two subscribers get the same.
fn first_events(dispatcher: &dyn Dispatcher) -> Vec<String> {
    let [told, again] = [(); 2].map(|()| {
        let mut events = dispatcher.events();
        iter::from_fn(move || events.try_next()).collect::<Vec<_>>()
    });
    assert_eq!(told, again);
    told.into_iter().map(brief).collect()
}

fn brief(event: Event) -> String {
    match event {
        Event::Session(SessionEvent::Joined(who)) => format!("{} joined", who.name),
        Event::Session(SessionEvent::Resumed(who)) => format!("{} resumed", who.name),
        Event::Session(SessionEvent::OwnershipRefused { instrument, .. }) => {
            format!("not {instrument}")
        }
        Event::Session(SessionEvent::PrivilegeDenied { holder: Some(holder), .. }) => {
            format!("{} has the privilege", holder.name)
        }
        Event::Session(SessionEvent::NewSession { why, unanswered, .. }) => {
            format!("{why}; {} actions", unanswered.len())
        }
        other => format!("{other:?}"),
    }
}

async fn is_connected(remote: &Remote) {
    eventually("it is connected", || matches!(remote.status(), Status::Connected { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn every_subscriber_learns_how_it_joined() {
    let local = LocalDispatcher::<Studio>::open("Lea", StudioState::starter(), inline(|| NoEngine))
        .unwrap();
    assert_eq!(first_events(&local), ["Lea joined"]);
    assert_eq!(first_events(&local), ["Lea joined"], "the third and the fourth, too");

    let (host, connector) = host();
    assert_eq!(first_events(&host), ["host joined"]);

    let directory = tempfile::tempdir().unwrap();
    let claim = || PlaceFile::claim(directory.path(), "here", "Ana").unwrap();
    let with_place = || JoinOptions { place: Some(claim()), ..options("Ana", &[BASS]) };
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), with_place()).await.unwrap();
    assert_eq!(first_events(&ana), ["Ana joined"]);
    sleep(SECOND).await;
    assert_eq!(first_events(&ana), ["Ana joined"]);
    assert_eq!(first_events(&host), ["host joined"], "not what happened since");

    // The same program, after its connection was lost.
    cable.pull();
    eventually("it is lost", || matches!(ana.status(), Status::Reconnecting { .. })).await;
    assert_eq!(first_events(&ana), ["Ana joined"], "until she is back");
    cable.plug();
    is_connected(&ana).await;
    assert_eq!(first_events(&ana), ["Ana resumed"]);

    // Another program, with the token that this one has saved and let go.
    sleep(SECOND).await;
    drop(ana);
    sleep(SECOND).await;
    let ana = Remote::join(cable.clone(), with_place()).await.unwrap();
    assert_eq!(first_events(&ana), ["Ana resumed"]);
    assert_eq!(first_events(&ana), ["Ana resumed"]);

    // A third one, too late.
    drop(ana);
    sleep(70 * SECOND).await;
    let ana = Remote::join(cable, with_place()).await.unwrap();
    let lost = [format!("{}; 0 actions", PlaceLoss::Expired), "Ana joined".into()];
    assert_eq!(first_events(&ana), lost);
    assert_eq!(first_events(&ana), lost);
}

#[tokio::test(start_paused = true)]
async fn join_events_are_those_of_the_latest_join() {
    let (host, connector) = host();
    let cable = Cable::new(connector);
    let ana = Remote::join(cable.clone(), options("Ana", &[BASS])).await.unwrap();
    let mut events = ana.events();
    host.release_privilege().unwrap();
    ana.request_privilege().unwrap();
    eventually("she has the privilege", || ana.identity().privilege == PrivilegeLevel::Privileged)
        .await;
    cable.pull();
    ana.dispatch(cutoff(BASS, 321.0)).unwrap();
    sleep(70 * SECOND).await;
    host.request_ownership(&[BASS]).unwrap();
    host.request_privilege().unwrap();
    cable.plug();
    is_connected(&ana).await;

    let told: Vec<_> = iter::from_fn(|| events.try_next()).map(brief).collect();
    let lost = PlaceLoss::Expired;
    let is_told = |what: &str| told.iter().filter(|told| *told == what).count();
    assert_eq!(is_told(&format!("{lost}; 1 actions")), 1, "{told:?}");
    assert_eq!(is_told("Ana joined"), 2, "at first, and anew: {told:?}");
    assert_eq!(is_told("not 1"), 1, "{told:?}");
    assert_eq!(is_told("host has the privilege"), 1, "{told:?}");
    // The action is not kept for those that come later.
    let lost = format!("{lost}; 0 actions");
    let expected = [&*lost, "Ana joined", "not 1", "host has the privilege"];
    assert_eq!(first_events(&ana), expected);
}

#[tokio::test(start_paused = true)]
async fn refused_requests_are_told_to_each_subscriber() {
    let (_host, connector) = host();
    let wanted = [BASS, InstrumentId(404), LEAD, InstrumentId(405)];
    let options = JoinOptions { privilege: true, ..options("Ana", &wanted) };
    let ana = Remote::join(connector, options).await.unwrap();
    let expected = ["Ana joined", "not 404", "not 405", "host has the privilege"];
    assert_eq!(first_events(&ana), expected);
    sleep(SECOND).await;
    ana.request_ownership(&[InstrumentId(406)]).unwrap();
    sleep(SECOND).await;
    assert_eq!(first_events(&ana), expected, "later requests are no part of the join");
}

#[tokio::test(start_paused = true)]
async fn join_events_are_bounded() {
    let (_host, connector) = host();
    let wanted: Vec<_> = (5000..6024).map(InstrumentId).collect();
    let options = JoinOptions { privilege: true, ..options("Ana", &wanted) };
    let ana = Remote::join(connector, options).await.unwrap();
    let told = first_events(&ana);
    assert_eq!(told.len(), 1024);
    assert_eq!(told[..2], ["Ana joined", "not 5000"]);
    assert_eq!(told[1022..], ["not 6021", "host has the privilege"]);
}
