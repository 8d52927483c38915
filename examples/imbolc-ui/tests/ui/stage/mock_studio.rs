//! The mock dispatcher of a stage: it reads and changes what is shown, by the studio's own
//! reducer.

use std::sync::{Arc, Mutex};

use imbolc_net::{
    Event,
    dispatcher::{DispatchError, Identity, MockDispatcher},
    model::{DirtyFlags, Model as _},
    protocol::{ClientId, Refusal, SessionId},
    studio::{NetworkAction, Studio},
    util::{quantity::Ticks, time::Timestamp},
};
use tokio::sync::broadcast;

use super::Shown;

/// A mock dispatcher that reads and changes `shown`.
pub(super) fn mock(
    me: ClientId,
    shown: &Arc<Mutex<Shown>>,
    events: &broadcast::Sender<Event>,
) -> MockDispatcher<Studio> {
    let mut mock = MockDispatcher::new();
    let with = || Arc::clone(shown);
    macro_rules! shows {
        ($expect:ident, |$it:ident| $what:expr) => {{
            let shown = with();
            mock.$expect().returning(move || {
                #[allow(unused_mut, reason = "one of them counts")]
                let mut $it = shown.lock().expect("no test has panicked");
                $what
            });
        }};
    }
    shows!(expect_state, |it| {
        it.loads += 1;
        Arc::clone(&it.state)
    });
    shows!(expect_confirmed, |it| Arc::clone(&it.confirmed));
    shows!(expect_metering, |it| {
        if it.moves {
            let next = it.metering.playhead.get() + 1;
            it.metering.playhead = Ticks::new(next).expect("in range");
        }
        it.metering.clone()
    });
    shows!(expect_status, |it| it.status.clone());
    shows!(expect_admission, |it| it.admission.clone());
    shows!(expect_identity, |it| {
        let roster = &it.state.roster;
        Identity {
            session: SessionId::new([7; 16]),
            client_id: me,
            name: roster.as_owner(me).map(|me| me.name.to_string()).unwrap_or_default(),
            privilege: roster.privilege(me),
            instruments: roster.owned_by(me).collect(),
        }
    });
    mock.expect_clock().returning(|| Timestamp::from_micros(87_000_000));
    mock.expect_administer().returning({
        let shown = with();
        move |command| {
            shown.lock().expect("no test has panicked").administered.push(command);
            Ok(())
        }
    });
    let act = {
        let (shown, events) = (with(), events.clone());
        move |actions: Vec<NetworkAction>| {
            let mut shown = shown.lock().expect("no test has panicked");
            shown.dispatched.extend(actions.iter().cloned());
            if let Some(why) = &shown.refuses {
                return Err(DispatchError::Refused(why.clone()));
            }
            let mut tried = shown.state.model.clone();
            let mut outcomes = Vec::new();
            for action in &actions {
                let reduced = Studio::reduce(&mut tried, action).map_err(Refusal::Invalid)?;
                outcomes.push(reduced.outcome);
            }
            let certain = shown.online;
            actions.iter().for_each(|action| shown.apply(action, certain));
            drop(shown);
            let _ = events.send(Event::Changed(DirtyFlags::ALL));
            Ok(outcomes)
        }
    };
    mock.expect_dispatch_all().returning(act.clone());
    mock.expect_dispatch().returning(move |action| Ok(act(vec![action])?.remove(0)));
    macro_rules! requests {
        ($expect:ident, $words:literal) => {{
            let shown = with();
            mock.$expect().returning(move || {
                shown.lock().expect("no test has panicked").requests.push($words.into());
                Ok(())
            });
        }};
        ($expect:ident, $words:literal, of) => {{
            let shown = with();
            mock.$expect().returning(move |ids| {
                let request = format!("{} {ids:?}", $words);
                shown.lock().expect("no test has panicked").requests.push(request);
                Ok(())
            });
        }};
    }
    requests!(expect_undo, "undo");
    requests!(expect_redo, "redo");
    requests!(expect_request_privilege, "privilege");
    requests!(expect_release_privilege, "yield");
    requests!(expect_resynchronise, "sync");
    requests!(expect_request_ownership, "own", of);
    requests!(expect_release_ownership, "release", of);
    mock
}
