//! The undo histories of all participants: whose step a recorded take is, what a
//! client must be told of its own history, and how much they may hold.

use std::sync::Arc;

use crate::{
    model::{Access, Model, UndoPolicy},
    protocol::{ClientId, HistoryChange, NetworkState, Refusal, Roster, ServerMessage},
    sync::{
        SessionEvent, UndoReport,
        rules::{self, Applied},
        session::Session,
        undo::{Direction, MAX_WEIGHT, UndoLog},
    },
    util::time::Timestamp,
};

/// How many changes of its history a client that is away is told at most: as many as
/// the history has steps.
const MAX_CHANGES: usize = 200;

/// How many different reasons are told in one take.
const MAX_REASONS: usize = 16;

/// A take: what the engine records from when it begins until the next one begins.
#[derive(Default)]
pub(super) struct Take {
    number: u64,
    /// The roster when it began; `None` before the first take.
    roster: Option<Arc<Roster>>,
    /// What was not recorded, of which player, as far as it was told.
    told: Vec<(Option<ClientId>, Refusal)>,
}

impl<M: Model> Session<M> {
    /// Applies an action of the engine, without checking rights. A
    /// [stale](Model::is_stale) one is dropped. An action that makes no sense any more
    /// is ignored; if it would have recorded something, the player and the host are
    /// told, and otherwise the reason is returned.
    pub fn act_for_engine(&mut self, action: &M::Action) -> Option<Refusal> {
        let before = Arc::clone(&self.state);
        let policy = rules::guarded(|| Ok(M::undo_policy(action)));
        let is_recorded = policy == Ok(UndoPolicy::Step);
        let applied = rules::guarded(|| {
            if M::is_stale(&before.model, action) {
                return Ok(None);
            }
            rules::check_encodable::<M>(action)?;
            rules::apply_unchecked(&before, ClientId::HOST, action).map(Some)
        });
        match applied {
            Ok(None) => {}
            Ok(Some(Applied { state, effects, access, .. })) => {
                let state = self.numbered(state);
                self.advance(state, effects, policy == Ok(UndoPolicy::Barrier));
                if is_recorded && let Some(player) = self.player(access) {
                    self.record_take(player, (action, access), &before);
                }
            }
            Err(reason) if is_recorded => self.tell_unrecorded(action, reason),
            Err(reason) => return Some(reason),
        }
        None
    }

    /// Begins a take if the engine records in `next` and did not before.
    pub(super) fn follow_take(&mut self, next: &NetworkState<M>) {
        let is_recording = |state: &NetworkState<M>| {
            rules::guarded(|| Ok(M::is_recording(&state.model))).unwrap_or_default()
        };
        if is_recording(next) && !is_recording(&self.state) {
            let roster = Some(Arc::clone(&next.roster));
            self.take = Take { number: self.take.number + 1, roster, told: Vec::new() };
        }
    }

    /// The participant whose step an edit of the current take is: the one that held
    /// the right when the take began, or took it since if it was free then, or else the
    /// one that is alone, or was. `None` if that participant has left.
    fn player(&self, access: Access) -> Option<ClientId> {
        let (began, now) = (self.take.roster.as_deref()?, &*self.state.roster);
        let holder = |roster: &Roster| match access {
            Access::Own(id) | Access::Create(id) | Access::Delete(id) => roster.owner(id).cloned(),
            Access::Privilege => roster.privileged.clone(),
            Access::Anyone | Access::Engine => None,
        };
        let user = |roster: &Roster| match access {
            Access::Own(id) | Access::Create(id) | Access::Delete(id) => roster.player(id),
            Access::Privilege => roster.leader(),
            Access::Anyone | Access::Engine => None,
        };
        let player = holder(began).or_else(|| user(now)).or_else(|| user(began))?.client_id;
        self.state.roster.participants.contains_key(&player).then_some(player)
    }

    fn record_take(
        &mut self,
        player: ClientId,
        (action, access): (&M::Action, Access),
        before: &Arc<NetworkState<M>>,
    ) {
        let (take, after) = (self.take.number, Arc::clone(&self.state));
        let log = self.log(player);
        let is_new = rules::guarded(|| Ok(log.record_take(take, (action, access), before, &after)));
        if is_new == Ok(true) {
            self.note_history_change(player, false);
        }
    }

    fn tell_unrecorded(&mut self, action: &M::Action, reason: Refusal) {
        let words = || {
            let model = &self.state.model;
            Ok((M::access(model, action), M::describe(model, action)))
        };
        let Ok((access, what)) = rules::guarded(words) else { return };
        let player = self.player(access);
        let news = (player, reason);
        if self.take.told.contains(&news) || self.take.told.len() >= MAX_REASONS {
            return;
        }
        self.take.told.push(news.clone());
        let (player, reason) = news;
        if let Some(player) = player {
            let (what, reason) = (what.clone(), reason.clone());
            self.answer(player, ServerMessage::NotRecorded { what, reason });
        }
        self.news.push_back(SessionEvent::NotRecorded { what, reason });
    }

    /// Undoes or redoes a step of `client`.
    pub(super) fn apply_undo(
        &mut self,
        client: ClientId,
        direction: Direction,
    ) -> Result<UndoReport, Refusal> {
        let state = Arc::clone(&self.state);
        let log = self.log(client);
        let applied = rules::guarded(|| log.apply_undo(direction, &state, client))?;
        if applied.report.changed > 0 {
            let state = self.numbered(Arc::new(applied.state));
            self.advance(state, applied.effects, false);
        }
        Ok(applied.report)
    }

    /// Clears every undo history: the whole state was replaced.
    pub(super) fn clear_histories(&mut self) {
        self.logs.clear();
        for client in self.members.keys().copied().collect::<Vec<_>>() {
            self.note_history_change(client, true);
        }
    }

    /// Settles what is final in all histories, and drops the oldest steps of the
    /// largest ones if all of them together hold too much.
    pub(super) fn settle_histories(&mut self, now: Timestamp) {
        for log in self.logs.values_mut() {
            log.settle(now, &self.state);
        }
        let mut weight: usize = self.logs.values().map(UndoLog::weight).sum();
        while weight > MAX_WEIGHT {
            let largest = self.logs.values_mut().max_by_key(|log| log.weight());
            let Some(largest) = largest else { return };
            weight -= largest.weight();
            if !largest.drop_oldest() {
                return;
            }
            weight += largest.weight();
        }
    }

    pub(super) fn log(&mut self, client: ClientId) -> &mut UndoLog<M> {
        self.logs.entry(client).or_default()
    }

    /// Notes a change of the history of `client` that it must be told.
    fn note_history_change(&mut self, client: ClientId, cleared: bool) {
        let Some(member) = self.members.get_mut(&client) else { return };
        let number = member.history.back().map_or(0, |last| last.number) + 1;
        if cleared || member.history.len() >= MAX_CHANGES {
            // Nothing before a cleared history matters.
            let dropped = if cleared { member.history.len() } else { 1 };
            member.history.drain(..dropped);
        }
        let after = member.last_action;
        member.history.push_back(HistoryChange { number, after, cleared });
    }
}
