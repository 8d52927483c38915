//! What `dispatch`, `dispatch_all` and `commit` return: the outcome that the reducer
//! computes where the action is dispatched.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, inline},
    client::{JoinOptions, RemoteDispatcher},
    dispatcher::DispatchError,
    model::{Access, InstrumentId, Invalid, Model, NoEngine, PatchError, Reduction},
    protocol::Refusal,
    server::{HostDispatcher, HostOptions},
    transport::{MemoryConnector, in_memory},
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{cable::Cable, conformance::eventually};

/// A box office: each visitor gets the next ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
struct BoxOffice;

/// Asks for a ticket, under a name that is not empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Visit(String);

/// The number of a ticket, from 1. It has no serialized form, so no message can carry it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ticket(usize);

impl Model for BoxOffice {
    const NAME: &'static str = "box-office";
    const VERSION: u32 = 1;

    type State = Vec<String>;
    type Action = Visit;
    type Patch = Vec<String>;
    type Effect = ();
    type Outcome = Ticket;
    type Metering = ();
    type Notice = ();

    fn access(_: &Vec<String>, _: &Visit) -> Access {
        Access::Anyone
    }

    fn reduce(
        sold: &mut Vec<String>,
        Visit(name): &Visit,
    ) -> Result<Reduction<(), Ticket>, Invalid> {
        if name.is_empty() {
            return Err(Invalid::unfit("a visitor has a name"));
        }
        sold.push(name.clone());
        Ok(Reduction { effects: Vec::new(), outcome: Ticket(sold.len()) })
    }

    fn diff(from: &Vec<String>, to: &Vec<String>) -> Option<Vec<String>> {
        (from != to).then(|| to.clone())
    }

    fn apply(sold: &mut Vec<String>, patch: &Vec<String>) -> Result<(), PatchError> {
        sold.clone_from(patch);
        Ok(())
    }

    fn instruments(_: &Vec<String>) -> Vec<InstrumentId> {
        Vec::new()
    }
}

/// A host, and a client behind a cable.
struct Offices {
    host: HostDispatcher<BoxOffice>,
    ana: Arc<RemoteDispatcher<BoxOffice>>,
    cable: Cable<MemoryConnector>,
}

impl Offices {
    async fn open() -> Self {
        let (listener, connector) = in_memory();
        let options = HostOptions::default();
        let host = HostDispatcher::open("Mia", Vec::new(), inline(|| NoEngine), listener, options)
            .unwrap();
        let cable = Cable::new(connector);
        let options = JoinOptions { name: "Ana".into(), ..JoinOptions::default() };
        let ana = Arc::new(RemoteDispatcher::join(cable.clone(), options).await.unwrap());
        // She has said something by then, so the host keeps her place.
        sleep(Duration::from_secs(1)).await;
        Self { host, ana, cable }
    }

    async fn agree(&self) {
        eventually("both agree", || {
            self.ana.unanswered() == 0 && self.ana.state() == self.host.state()
        })
        .await;
    }
}

fn local() -> LocalDispatcher<BoxOffice> {
    LocalDispatcher::open("Lea", Vec::new(), inline(|| NoEngine)).unwrap()
}

fn visit(name: &str) -> Visit {
    Visit(name.into())
}

#[tokio::test(start_paused = true)]
async fn dispatch_returns_what_the_reducer_says() {
    let offices = Offices::open().await;
    let Offices { host, ana, .. } = &offices;
    assert_eq!(host.dispatch(visit("Mia")), Ok(Ticket(1)));
    offices.agree().await;
    assert_eq!(ana.dispatch(visit("Ana")), Ok(Ticket(2)));
    assert_eq!(ana.dispatch(visit("Ana")), Ok(Ticket(3)));
    offices.agree().await;
    assert_eq!(host.dispatch(visit("Mia")), Ok(Ticket(4)));

    let local = local();
    assert_eq!(local.dispatch(visit("Lea")), Ok(Ticket(1)));
    assert_eq!(local.dispatch(visit("Lea")), Ok(Ticket(2)));
    let refused = local.dispatch(visit("")).unwrap_err();
    assert!(matches!(refused, DispatchError::Refused(Refusal::Invalid(_))), "{refused}");
    local.undo().unwrap();
    assert_eq!(local.dispatch(visit("Lea")), Ok(Ticket(2)), "of the state that it finds");
}

#[tokio::test(start_paused = true)]
async fn outcome_on_a_client_is_a_prediction() {
    let offices = Offices::open().await;
    let Offices { host, ana, cable } = &offices;
    cable.pull();
    assert_eq!(host.dispatch(visit("Mia")), Ok(Ticket(1)));
    assert_eq!(ana.dispatch(visit("Ana")), Ok(Ticket(1)), "she does not know of Mia");
    cable.plug();
    offices.agree().await;
    assert_eq!(ana.state().model, ["Mia", "Ana"], "the authority gave her the second");
    // A rebase predicts the actions again, not their outcomes.
    assert_eq!(ana.dispatch(visit("Ana")), Ok(Ticket(3)));
}

#[tokio::test(start_paused = true)]
async fn batch_returns_an_outcome_for_each_action() {
    let offices = Offices::open().await;
    let Offices { host, ana, .. } = &offices;
    let local = local();
    for dispatcher in [&local as &dyn Dispatcher<BoxOffice>, host, &**ana] {
        offices.agree().await;
        let sold = dispatcher.state().model.len();
        let some = vec![visit("A"), visit("B"), visit("C")];
        let expected = vec![Ticket(sold + 1), Ticket(sold + 2), Ticket(sold + 3)];
        assert_eq!(dispatcher.dispatch_all(some), Ok(expected));
        let refused = dispatcher.dispatch_all(vec![visit("A"), visit("")]).unwrap_err();
        let DispatchError::Refused(Refusal::InBatch { index: 1, .. }) = refused else {
            panic!("{refused}");
        };
        assert_eq!(dispatcher.dispatch(visit("D")), Ok(Ticket(sold + 4)), "none was sold");
    }
}

#[tokio::test(start_paused = true)]
async fn commit_returns_the_outcome() {
    let offices = Offices::open().await;
    let Offices { host, ana, cable } = &offices;
    assert_eq!(local().commit(visit("Lea")).await, Ok(Ticket(1)));
    assert_eq!(host.commit(visit("Mia")).await, Ok(Ticket(1)));
    offices.agree().await;
    assert_eq!(ana.commit(visit("Ana")).await, Ok(Ticket(2)));

    // As predicted when it was dispatched, whatever came between.
    cable.pull();
    let commit = tokio::spawn({
        let ana = Arc::clone(ana);
        async move { ana.commit(visit("Ana")).await }
    });
    eventually("it is dispatched", || ana.unanswered() == 1).await;
    host.dispatch(visit("Mia")).unwrap();
    sleep(Duration::from_secs(1)).await;
    cable.plug();
    assert_eq!(commit.await.unwrap(), Ok(Ticket(3)));
    offices.agree().await;
    assert_eq!(ana.state().model, ["Mia", "Ana", "Mia", "Ana"]);
    assert!(ana.commit(visit("")).await.is_err());
}
