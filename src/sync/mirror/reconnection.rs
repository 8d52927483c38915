//! A client that has connected again: it resumes, or joins as a new participant.
//!
//! It must not know when to connect.

use crate::{
    model::Model,
    protocol::{Reconnected, Rejection, Resume, Welcome},
    sync::{PlaceLoss, SessionEvent, mirror::Mirror},
};

impl<M: Model> Mirror<M> {
    /// What to send in a `Hello` to resume.
    #[must_use]
    pub fn resume(&self) -> Resume {
        Resume {
            token: self.me.token,
            client_id: Some(self.me.client),
            seq: Some(self.confirmation.state.seq),
            answered: Some(self.prediction.decided),
            history: self.confirmation.history,
        }
    }

    /// The authority has accepted a resume. What it has not received is sent
    /// again.
    pub fn reconnected(&mut self, back: Reconnected) {
        self.me.token = back.token;
        self.outbox.resume(back.last_action);
        self.confirmation.resync = None;
        for Rejection { number, reason } in back.rejected {
            self.prediction.reject(number, reason);
        }
        let mut has_changed = false;
        for change in back.history {
            has_changed |= self.handle_history(change);
        }
        if has_changed {
            self.rebase();
        }
        self.handle_applied(back.last_action, back.seq);
    }

    /// The client has joined as a new participant. The actions that were not
    /// answered before are returned with [`SessionEvent::NewSession`].
    pub fn start_anew(&mut self, welcome: Welcome<M>) {
        let anew = Self::new(welcome, self.backlog);
        let old = std::mem::replace(self, anew);
        let pending = old.prediction.pending.into_iter();
        let unanswered = pending.filter(|pending| pending.contained_in.is_none());
        let event = SessionEvent::NewSession {
            session: self.me.session,
            why: PlaceLoss::between(old.me.session, self.me.session),
            unanswered: unanswered.flat_map(|pending| pending.op.into_actions()).collect(),
        };
        let joined = std::mem::replace(&mut self.outputs, old.outputs);
        self.outputs.events.push_back(event);
        self.outputs.events.extend(joined.events);
    }

    /// The events that were not returned yet, which say how the client has joined, without
    /// the actions in [`SessionEvent::NewSession`].
    #[must_use]
    pub fn join_events(&self) -> Vec<SessionEvent<M>> {
        let kept = |event: &SessionEvent<M>| match event {
            &SessionEvent::NewSession { session, why, .. } => {
                SessionEvent::NewSession { session, why, unanswered: Vec::new() }
            }
            event => event.clone(),
        };
        self.outputs.events.iter().map(kept).collect()
    }
}
