//! Handles a message whose rebase takes long without keeping the mirror's lock. Knows
//! no socket.

use std::time::Duration;

use tokio::{task::yield_now, time::Instant};

use super::shared::Shared;
use crate::{model::Model, protocol::ServerMessage};

/// How long a rebase may keep this task's thread.
const SLICE: Duration = Duration::from_millis(1);

/// Hands `message` to the mirror. The rebase that it causes is computed outside the
/// lock: with many pending operations it takes longer than a UI may wait.
pub(super) async fn handle_with_prepared_rebase<M: Model>(
    shared: &Shared<M>,
    message: ServerMessage<M>,
) {
    let begun = shared.lock().mirror.prepare_rebase(&message);
    let mut prepared_rebase = begun.and_then(|begun| begun.confirm(&message));
    if let Some(prepared_rebase) = &mut prepared_rebase {
        loop {
            let mut slice = Instant::now();
            while prepared_rebase.replay_next() {
                if slice.elapsed() >= SLICE {
                    yield_now().await;
                    slice = Instant::now();
                }
            }
            if !shared.lock().mirror.extend_prepared_rebase(prepared_rebase) {
                break;
            }
        }
    }
    let replaced = shared.update(|state| {
        state.mirror.put_prepared_rebase(prepared_rebase);
        state.mirror.handle(message);
        state.mirror.take_prepared_rebase()
    });
    drop(replaced);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        model::{InstrumentId, Model as _},
        protocol::{
            ActionNumber, ClientId, HistoryChange, NetworkState, Participant, PrivilegeLevel,
            Refusal, Roster, Seq, ServerMessage, SessionId, SessionToken, Welcome,
        },
        studio::{
            FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, Studio, StudioState,
        },
        sync::mirror::Mirror,
        util::{
            quantity::Hertz,
            time::{Millis, Timestamp},
        },
    };

    const BASS: InstrumentId = InstrumentId(1);
    const ME: ClientId = ClientId(1);

    fn cutoff(hertz: u16) -> NetworkAction {
        let setting = FilterSetting::Cutoff(Hertz::new(f32::from(hertz)).unwrap());
        let action = InstrumentAction::Set(InstrumentSetting::Filter(setting));
        NetworkAction::Instrument(BASS, action)
    }

    fn state() -> NetworkState<Studio> {
        let mut roster = Roster::default();
        roster.participants.insert(ME, Participant::new("Ana"));
        roster.owners.insert(BASS, roster.as_owner(ME).unwrap());
        let model = StudioState::starter();
        NetworkState { seq: Seq(1), model, roster: Arc::new(roster) }
    }

    /// A mirror with steps of its own that are pending.
    fn mirror(pending: u16) -> Mirror<Studio> {
        let welcome = Welcome {
            session: SessionId::new([7; 16]),
            client_id: ME,
            name: "Ana".into(),
            token: Some(SessionToken::new([9; 16])),
            codec: "json".into(),
            compression: None,
            granted: vec![],
            refused: vec![],
            privilege: PrivilegeLevel::Normal,
            clock: Timestamp::ZERO,
            resume_window: Millis(60_000),
            state: state(),
        };
        let mut mirror = Mirror::new(welcome, 1024);
        for n in 0..pending {
            let now = Timestamp::from_micros(u64::from(n) * 1_000_000);
            mirror.dispatch(now, cutoff(100 + n)).unwrap();
        }
        mirror
    }

    /// What the host sends: it contains five of the operations, rejects one, and
    /// another participant has changed the tempo. Then it has recorded a take, and
    /// decides all others.
    fn messages() -> Vec<ServerMessage<Studio>> {
        let before = state();
        let mut after = NetworkState { seq: Seq(9), ..before.clone() };
        Studio::reduce(&mut after.model, &cutoff(104)).unwrap();
        Arc::make_mut(&mut after.model.session).snap = None;
        let later = NetworkState { seq: Seq(12), ..after.clone() };
        let last = NetworkState { seq: Seq(50), ..after.clone() };
        let take = |number, after| {
            let after = ActionNumber(after);
            ServerMessage::HistoryChanged(HistoryChange { number, after, cleared: false })
        };
        let reason = Refusal::EngineOnly;
        vec![
            ServerMessage::ActionsApplied { through: ActionNumber(5), seq: Seq(9) },
            ServerMessage::StatePatchUpdate(before.patch_to(&after)),
            ServerMessage::ActionRejected { number: ActionNumber(6), reason },
            ServerMessage::ActionsApplied { through: ActionNumber(6), seq: Seq(9) },
            ServerMessage::FullStateSync { state: later },
            take(1, 5),
            take(2, 8),
            take(2, 8),
            ServerMessage::ActionsApplied { through: ActionNumber(30), seq: Seq(50) },
            ServerMessage::FullStateSync { state: last },
        ]
    }

    /// Hands over `message` with a prepared rebase, during which `late` is done. Returns
    /// whether the mirror was spared the work, or there was no prepared rebase.
    fn handle(
        mirror: &mut Mirror<Studio>,
        message: ServerMessage<Studio>,
        late: impl FnOnce(&mut Mirror<Studio>),
    ) -> bool {
        let mut prepared_rebase =
            mirror.prepare_rebase(&message).and_then(|begun| begun.confirm(&message));
        late(mirror);
        while let Some(prepared_rebase) = &mut prepared_rebase {
            while prepared_rebase.replay_next() {}
            if !mirror.extend_prepared_rebase(prepared_rebase) {
                break;
            }
        }
        let is_prepared = prepared_rebase.is_some();
        mirror.put_prepared_rebase(prepared_rebase);
        mirror.handle(message);
        mirror.take_prepared_rebase().is_some_and(|spent| spent.is_spent()) == is_prepared
    }

    #[test]
    fn prepared_rebase_equals_that_of_the_mirror() {
        for late in [0, 3, 40] {
            let (mut prepared, mut plain) = (mirror(30), mirror(30));
            for message in messages() {
                let late = |mirror: &mut Mirror<Studio>| {
                    for n in 0..late {
                        let now = Timestamp::from_micros(100_000_000);
                        mirror.dispatch(now, cutoff(500 + n)).unwrap();
                    }
                };
                assert!(handle(&mut prepared, message.clone(), late), "{message:?}");
                late(&mut plain);
                plain.handle(message);
                assert_eq!(prepared.predicted(), plain.predicted());
                assert_eq!(prepared.confirmed(), plain.confirmed());
                assert_eq!(prepared.unanswered(), plain.unanswered());
            }
            // The undo histories are the same, too.
            for _ in 0..40 {
                prepared.undo().unwrap();
                plain.undo().unwrap();
                assert_eq!(prepared.predicted(), plain.predicted());
            }
        }
    }

    fn cutoff_of(mirror: &Mirror<Studio>) -> f32 {
        mirror.predicted().model.instruments.get(BASS).unwrap().filter.cutoff.get()
    }

    /// The host has rejected the second action and found nothing left to undo of the
    /// first, so that its state is the one that the mirror has already.
    #[test]
    fn rejected_action_is_not_in_the_confirmed_history() {
        for is_recorded in [false, true] {
            let mut mirror = mirror(1);
            let first = state();
            let mut second = NetworkState { seq: Seq(2), ..first.clone() };
            Studio::reduce(&mut second.model, &cutoff(100)).unwrap();
            let mut third = NetworkState { seq: Seq(3), ..second.clone() };
            Studio::reduce(&mut third.model, &cutoff(555)).unwrap();
            mirror.handle(ServerMessage::ActionsApplied { through: ActionNumber(1), seq: Seq(2) });
            mirror.handle(ServerMessage::StatePatchUpdate(first.patch_to(&second)));
            mirror.handle(ServerMessage::StatePatchUpdate(second.patch_to(&third)));
            mirror.undo().unwrap();
            mirror.dispatch(Timestamp::from_micros(9_000_000), cutoff(700)).unwrap();
            let mut last = ActionNumber(3);
            if is_recorded {
                // A take was recorded after the rejected action.
                let take = HistoryChange { number: 1, after: last, cleared: false };
                mirror.handle(ServerMessage::HistoryChanged(take));
            } else {
                mirror.undo().unwrap();
                mirror.redo().unwrap();
                last = ActionNumber(5);
            }
            let reason = Refusal::EngineOnly;
            mirror.handle(ServerMessage::ActionRejected { number: ActionNumber(3), reason });
            let applied = ServerMessage::ActionsApplied { through: last, seq: Seq(3) };
            assert!(handle(&mut mirror, applied, |_| {}));
            assert_eq!(mirror.unanswered(), 0);
            assert!((cutoff_of(&mirror) - 555.0).abs() < f32::EPSILON);
            // Only the host knows the take.
            mirror.undo().unwrap();
            assert!((cutoff_of(&mirror) - 555.0).abs() < f32::EPSILON);
            mirror.redo().unwrap();
            assert!((cutoff_of(&mirror) - 555.0).abs() < f32::EPSILON);
        }
    }

    #[test]
    fn prepared_rebase_extends_past_actions_that_it_confirms() {
        let mut mirror = mirror(3);
        let applied = ServerMessage::ActionsApplied { through: ActionNumber(3), seq: Seq(1) };
        let late = |mirror: &mut Mirror<Studio>| {
            for n in 0..40 {
                let now = Timestamp::from_micros(100_000_000);
                mirror.dispatch(now, cutoff(500 + n)).unwrap();
            }
        };
        assert!(handle(&mut mirror, applied, late));
        assert!((cutoff_of(&mirror) - 539.0).abs() < f32::EPSILON);
    }

    #[test]
    fn redo_is_not_predicted_after_undo_of_an_unknown_step() {
        let mut start = mirror(0);
        let before = cutoff_of(&start);
        start.dispatch(Timestamp::ZERO, cutoff(100)).unwrap();
        // The host may know of a step before this one, e.g. of before a restart.
        start.undo().unwrap();
        start.undo().unwrap();
        start.redo().unwrap();
        let is_restored = (cutoff_of(&start) - before).abs() < f32::EPSILON;
        assert!(is_restored, "that step, of which only the host knows");
        start.redo().unwrap();
        assert!((cutoff_of(&start) - 100.0).abs() < f32::EPSILON);
    }
}
