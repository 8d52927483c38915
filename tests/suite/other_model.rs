//! A model without music runs on the same server and client: its state is not made of
//! persistent maps, and its patches replace whole parts.

use std::{collections::BTreeMap, time::Duration};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::{LocalDispatcher, inline},
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::{ConnectionError, DispatchError, Events, Status},
    model::{
        Access, EngineFault, EngineOutput, EngineWorker, InstrumentId, Invalid, Model, NoEngine,
        PatchError, Reduction,
    },
    protocol::{Refusal, framing::Codec},
    server::{HostDispatcher, HostOptions},
    studio::Studio,
    transport::in_memory,
    util::time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::{cable::Cable, conformance::eventually};

/// A kitchen: shelves with owners, and a blackboard that needs the privilege.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kitchen;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pantry {
    shelves: BTreeMap<u32, Vec<String>>,
    blackboard: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Chore {
    Mount(u32),
    Put(u32, String),
    Take(u32, String),
    Unmount(u32),
    Write(String),
    /// Replaces all shelves.
    Refit(Vec<u32>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Delivery {
    Shelf(u32, Option<Vec<String>>),
    Blackboard(String),
}

/// How hot the oven is, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Oven {
    degrees: u32,
    dishes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Alarm {
    Smoke { shelf: u32 },
    Broken(EngineFault),
}

impl From<EngineFault> for Alarm {
    fn from(fault: EngineFault) -> Self {
        Self::Broken(fault)
    }
}

/// Heats the oven for each thing on a shelf, and smokes if it gets too hot.
struct Heating;

impl EngineWorker<Kitchen> for Heating {
    fn reset(&mut self, _: Timestamp, _: &Pantry) {}

    fn perform(&mut self, _: Timestamp, _: &Pantry, (): ()) {}

    fn advance(&mut self, _: Timestamp, pantry: &Pantry) -> EngineOutput<Kitchen> {
        let degrees = pantry.shelves.values().map(|things| 100 * things.len() as u32).sum();
        let dishes = pantry.shelves.values().flatten().cloned().collect();
        let hottest = pantry.shelves.keys().next_back().filter(|_| degrees > 250);
        let notices = hottest.map(|shelf| Alarm::Smoke { shelf: *shelf }).into_iter().collect();
        EngineOutput { metering: Oven { degrees, dishes }, notices, ..EngineOutput::default() }
    }
}

impl Model for Kitchen {
    const NAME: &'static str = "kitchen";
    const VERSION: u32 = 7;

    type State = Pantry;
    type Action = Chore;
    type Patch = Vec<Delivery>;
    type Effect = ();
    type Outcome = ();
    type Metering = Oven;
    type Notice = Alarm;

    fn access(_: &Pantry, chore: &Chore) -> Access {
        match chore {
            Chore::Mount(shelf) => Access::Create(InstrumentId(*shelf)),
            Chore::Put(shelf, _) => Access::Own(InstrumentId(*shelf)),
            Chore::Unmount(shelf) => Access::Delete(InstrumentId(*shelf)),
            Chore::Take(..) => Access::Anyone,
            Chore::Write(_) | Chore::Refit(_) => Access::Privilege,
        }
    }

    fn reduce(pantry: &mut Pantry, chore: &Chore) -> Result<Reduction<()>, Invalid> {
        let shelf = |id: &u32| Invalid::missing("shelf", id);
        match chore {
            Chore::Mount(id) if pantry.shelves.contains_key(id) => {
                return Err(Invalid::exists("shelf", id));
            }
            Chore::Mount(id) => drop(pantry.shelves.insert(*id, Vec::new())),
            Chore::Put(id, thing) => {
                pantry.shelves.get_mut(id).ok_or_else(|| shelf(id))?.push(thing.clone());
            }
            Chore::Take(id, thing) => {
                let things = pantry.shelves.get_mut(id).ok_or_else(|| shelf(id))?;
                let at = things.iter().position(|other| other == thing);
                things.remove(at.ok_or_else(|| Invalid::missing("thing", thing))?);
            }
            Chore::Unmount(id) => drop(pantry.shelves.remove(id).ok_or_else(|| shelf(id))?),
            Chore::Write(text) => pantry.blackboard.clone_from(text),
            Chore::Refit(ids) => {
                pantry.shelves = ids.iter().map(|id| (*id, Vec::new())).collect();
            }
        }
        Ok(Reduction::default())
    }

    fn diff(from: &Pantry, to: &Pantry) -> Option<Vec<Delivery>> {
        let mut patch = vec![];
        for id in from.shelves.keys().chain(to.shelves.keys()) {
            let change = Delivery::Shelf(*id, to.shelves.get(id).cloned());
            if from.shelves.get(id) != to.shelves.get(id) && !patch.contains(&change) {
                patch.push(change);
            }
        }
        if from.blackboard != to.blackboard {
            patch.push(Delivery::Blackboard(to.blackboard.clone()));
        }
        (!patch.is_empty()).then_some(patch)
    }

    fn apply(pantry: &mut Pantry, patch: &Vec<Delivery>) -> Result<(), PatchError> {
        for delivery in patch {
            match delivery {
                Delivery::Shelf(id, Some(things)) => {
                    pantry.shelves.insert(*id, things.clone());
                }
                Delivery::Shelf(id, None) => {
                    pantry.shelves.remove(id).ok_or(PatchError("no such shelf".into()))?;
                }
                Delivery::Blackboard(text) => pantry.blackboard.clone_from(text),
            }
        }
        Ok(())
    }

    fn instruments(pantry: &Pantry) -> Vec<InstrumentId> {
        pantry.shelves.keys().copied().map(InstrumentId).collect()
    }
}

fn pantry() -> Pantry {
    Pantry {
        shelves: BTreeMap::from([(1, vec!["salt".into()])]),
        blackboard: "Mondays: soup".into(),
    }
}

fn options(name: &str) -> JoinOptions {
    JoinOptions { name: name.into(), own: vec![InstrumentId(1)], ..JoinOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn model_without_music_runs_on_server_and_client() {
    let (listener, connector) = in_memory();
    let host = HostDispatcher::<Kitchen>::open(
        "cook",
        pantry(),
        inline(|| NoEngine),
        listener,
        HostOptions::default(),
    )
    .unwrap();
    let cable = Cable::new(connector.clone());
    let ana = RemoteDispatcher::<Kitchen>::join(cable.clone(), options("Ana")).await.unwrap();
    let ben = RemoteDispatcher::<Kitchen>::join(connector, options("Ben")).await.unwrap();
    assert_eq!(ana.identity().instruments, [InstrumentId(1)]);

    ana.dispatch(Chore::Put(1, "pepper".into())).unwrap();
    assert_eq!(ana.state().model.shelves[&1], ["salt", "pepper"], "predicted");
    ana.commit(Chore::Mount(2)).await.unwrap();
    ben.commit(Chore::Take(1, "salt".into())).await.unwrap();
    eventually("all agree", || ana.state() == host.state() && ben.state() == host.state()).await;
    assert_eq!(
        host.state().model.shelves,
        BTreeMap::from([(1, vec!["pepper".into()]), (2, vec![])])
    );

    // Undo works without knowledge of the model.
    ben.undo().unwrap();
    eventually("the salt is back", || ana.state().model.shelves[&1] == ["salt", "pepper"]).await;
    ben.redo().unwrap();
    eventually("all agree", || ana.state() == host.state() && ben.state() == host.state()).await;
    assert_eq!(host.state().model.shelves[&1], ["pepper"]);

    let refused = ben.commit(Chore::Put(2, "jam".into())).await.unwrap_err();
    assert!(matches!(refused, DispatchError::Refused(Refusal::NotOwner { .. })), "{refused}");
    let refused = ben.dispatch(Chore::Write("ice cream!".into())).unwrap_err();
    assert!(matches!(refused, DispatchError::Refused(Refusal::NotPrivileged { .. })), "{refused}");
    let refused = ben.commit(Chore::Take(1, "salt".into())).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no thing salt");
    host.dispatch(Chore::Write("Tuesdays: rice".into())).unwrap();

    // Actions during a lost connection count once.
    let mut events = ana.events();
    cable.pull();
    ana.dispatch(Chore::Put(1, "sugar".into())).unwrap();
    ana.dispatch(Chore::Unmount(2)).unwrap();
    cable.plug();
    eventually("Ana is back", || ana.unanswered() == 0).await;
    eventually("all agree", || ana.state() == host.state() && ben.state() == host.state()).await;
    assert_eq!(
        ben.state().model.shelves,
        BTreeMap::from([(1, vec!["pepper".into(), "sugar".into()])])
    );
    assert_eq!(ben.state().model.blackboard, "Tuesdays: rice");
    assert_eq!(ana.state().roster.owner(InstrumentId(2)), None, "a removed shelf has no owner");
    let resynchronised = std::iter::from_fn(|| events.try_next())
        .any(|event| matches!(event, Event::Session(SessionEvent::Resynchronised(_))));
    assert!(!resynchronised, "a patch was enough");
}

/// A host whose engine heats, and two guests, one of each codec.
async fn heated() -> (HostDispatcher<Kitchen>, [RemoteDispatcher<Kitchen>; 2]) {
    let (listener, connector) = in_memory();
    let engine = inline(|| Heating);
    let host =
        HostDispatcher::open("cook", pantry(), engine, listener, HostOptions::default()).unwrap();
    let ana = RemoteDispatcher::join(connector.clone(), options("Ana")).await.unwrap();
    let config = ClientConfig::default().speaking(Codec::Json);
    let json = JoinOptions { config, ..options("Ben") };
    let ben = RemoteDispatcher::join(connector, json).await.unwrap();
    (host, [ana, ben])
}

async fn next_alarm(events: &mut Events<Kitchen>) -> Alarm {
    let alarm = async {
        loop {
            if let Some(Event::Notice(alarm)) = events.next().await {
                return alarm;
            }
        }
    };
    timeout(Duration::from_secs(10), alarm).await.expect("an alarm")
}

async fn all_see(
    oven: &Oven,
    host: &impl Dispatcher<Kitchen>,
    guests: &[RemoteDispatcher<Kitchen>],
) {
    let sees = |guest: &RemoteDispatcher<Kitchen>| guest.metering() == *oven;
    eventually("all see the oven", || host.metering() == *oven && guests.iter().all(sees)).await;
}

#[tokio::test(start_paused = true)]
async fn metering_and_notices_belong_to_the_model() {
    let (host, guests) = heated().await;
    let mut events = [host.events(), guests[0].events(), guests[1].events()];
    let dishes = ["salt", "pepper", "sugar"].map(String::from);
    guests[0].commit(Chore::Put(1, dishes[1].clone())).await.unwrap();
    all_see(&Oven { degrees: 200, dishes: dishes[..2].into() }, &host, &guests).await;
    guests[0].commit(Chore::Put(1, dishes[2].clone())).await.unwrap();
    all_see(&Oven { degrees: 300, dishes: dishes.into() }, &host, &guests).await;
    for events in &mut events {
        assert_eq!(next_alarm(events).await, Alarm::Smoke { shelf: 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn metering_over_16_kib_is_refused() {
    let (host, guests) = heated().await;
    let mut events = [host.events(), guests[0].events(), guests[1].events()];
    let (cold, giant) = (Oven { degrees: 100, dishes: vec!["salt".into()] }, "x".repeat(20_000));
    all_see(&cold, &host, &guests).await;
    guests[0].commit(Chore::Put(1, giant.clone())).await.unwrap();
    for events in &mut events {
        let alarm = next_alarm(events).await;
        assert!(matches!(alarm, Alarm::Broken(EngineFault::Unsendable(_))), "{alarm:?}");
    }
    all_see(&cold, &host, &guests).await;
    guests[0].commit(Chore::Put(1, "pepper".into())).await.unwrap();
    guests[0].commit(Chore::Take(1, giant)).await.unwrap();
    let dishes = vec!["salt".into(), "pepper".into()];
    all_see(&Oven { degrees: 200, dishes }, &host, &guests).await;
    for guest in &guests {
        assert!(matches!(guest.status(), Status::Connected { .. }), "{}", guest.status());
    }
}

#[tokio::test(start_paused = true)]
async fn replacement_frees_what_it_does_not_contain() {
    let (listener, connector) = in_memory();
    let host = HostDispatcher::<Kitchen>::open(
        "cook",
        pantry(),
        inline(|| NoEngine),
        listener,
        HostOptions::default(),
    )
    .unwrap();
    let ana = RemoteDispatcher::<Kitchen>::join(connector, options("Ana")).await.unwrap();
    ana.commit(Chore::Mount(2)).await.unwrap();
    ana.commit(Chore::Mount(3)).await.unwrap();
    host.dispatch(Chore::Refit(vec![2, 4])).unwrap();
    eventually("Ana sees it", || ana.state() == host.state()).await;
    assert_eq!(ana.identity().instruments, [InstrumentId(2)]);
    // A number that is used again has no owner at first.
    host.dispatch(Chore::Refit(vec![1, 2, 3])).unwrap();
    assert_eq!(host.state().roster.owners.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn client_of_another_model_is_rejected() {
    let (listener, connector) = in_memory();
    let _host = HostDispatcher::<Kitchen>::open(
        "cook",
        pantry(),
        inline(|| NoEngine),
        listener,
        HostOptions::default(),
    )
    .unwrap();
    let error = RemoteDispatcher::<Studio>::join(connector, options("Ana")).await.err().unwrap();
    assert_eq!(error.to_string(), "the host uses model kitchen version 7");
    assert!(matches!(error, ConnectionError::Host(_)) && error.is_final());
}

#[test]
fn local_session_edits_every_shelf() {
    let local = LocalDispatcher::<Kitchen>::open("cook", pantry(), inline(|| NoEngine)).unwrap();
    local.dispatch(Chore::Put(1, "pepper".into())).unwrap();
    local.dispatch(Chore::Write("".into())).unwrap();
    local.dispatch(Chore::Mount(9)).unwrap();
    local.dispatch(Chore::Put(9, "salt".into())).unwrap();
    assert!(local.identity().instruments.is_empty(), "alone it needs none");
}
