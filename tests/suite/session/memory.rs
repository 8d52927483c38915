//! What the session remembers for those who come back, and how much of it.

use std::{collections::VecDeque, time::Duration};

use imbolc_net::{
    protocol::{
        ActionNumber, ClientId, ClientMessage, ProtocolError, Reconnected, Resume, Seq,
        ServerMessage,
    },
    sync::session::SessionConfig,
    util::quantity::Pitch,
};

use super::{SECOND, updates};
use crate::room::{BASS, Guest, LEAD, Room, cutoff, hello, play_key};

const TICK: Duration = Duration::from_millis(35);

/// A room in which the host turns a knob at every tick, and somebody who is told.
struct Jam {
    room: Room,
    ben: Guest,
    turns: u16,
}

impl Jam {
    fn new(config: SessionConfig) -> Self {
        let mut room = Room::with(config);
        room.session.claim(ClientId::HOST, &[BASS]);
        let ben = room.join("Ben", &[]);
        Self { room, ben, turns: 0 }
    }

    /// Goes on for a tick. Of `audience`, everyone is sent what there is.
    fn tick(&mut self, audience: &mut [&mut Guest]) {
        self.room.pass(TICK);
        self.turns += 1;
        let action = cutoff(BASS, 100.0 + f32::from(self.turns));
        self.room.session.act(self.room.now, &action).unwrap();
        alive(&mut self.room, &self.ben);
        self.room.say(&mut self.ben).unwrap();
        for guest in audience {
            // Who has been silent for too long is not sent anything.
            let _ = self.room.say(guest);
        }
        self.room.session.take_forgotten();
    }

    fn go_on(&mut self, time: Duration) {
        let until = self.room.now + time;
        while self.room.now < until {
            self.tick(&mut []);
        }
    }
}

fn alive(room: &mut Room, guest: &Guest) {
    room.session.handle(room.now, guest.ticket, ClientMessage::Pong { nonce: 0 }).unwrap();
}

/// Whether a difference is enough for `guest` if it comes back with this moment.
fn differs(room: &mut Room, guest: &mut Guest, seq: Seq) -> bool {
    let resume = Resume { seq: Some(seq), ..guest.mirror.resume() };
    room.resume_with(guest, resume).ok().unwrap();
    updates(room, guest).0 != ["full"]
}

#[test]
fn old_bases_are_thinned_out() {
    let mut jam = Jam::new(SessionConfig::default());
    let mut sent = VecDeque::new();
    for _ in 0..6000 {
        jam.tick(&mut []);
        let newest = jam.ben.to_guest.drain(..).filter_map(|message| match message {
            ServerMessage::StatePatchUpdate(patch) => Some(patch.seq),
            ServerMessage::FullStateSync { state } => Some(state.seq),
            _ => None,
        });
        sent.extend(newest.map(|seq| (jam.room.now, seq)));
        assert!(jam.room.session.history_len() <= 330, "{}", jam.room.session.history_len());
    }
    assert_eq!(sent.len(), 6000, "there was a moment at every tick");

    // Who has the newest needs nothing.
    sent.pop_back();
    let (mut fresh, mut old) = (vec![], vec![]);
    let now = jam.room.now;
    for (at, seq) in sent {
        let found = differs(&mut jam.room, &mut jam.ben, seq);
        if now - at <= 5 * SECOND { &mut fresh } else { &mut old }.push((now - at, found));
    }
    assert!(fresh.len() > 140 && fresh.iter().all(|(_, found)| *found), "{fresh:?}");
    let kept: Vec<_> = old.iter().filter(|(_, found)| *found).map(|(age, _)| *age).collect();
    assert!((130..=151).contains(&kept.len()), "{kept:?}");
    assert!(kept[0] > 74 * SECOND && kept[0] < 76 * SECOND, "{:?}", kept[0]);
}

#[test]
fn base_of_a_suspended_client_is_kept() {
    // At two a second, one in 14 would be kept by chance.
    for late in 0..4 {
        for noticed in [true, false] {
            let mut jam = Jam::new(SessionConfig::default());
            let mut ana = jam.room.join("Ana", &[LEAD]);
            for _ in 0..200 + late {
                jam.tick(&mut [&mut ana]);
                ana.listen();
                alive(&mut jam.room, &ana);
            }
            if noticed {
                jam.room.cut(&mut ana);
            } else {
                // What is still said to her is lost, and the silence shows late.
                while !jam.room.session.state().roster.is_away(ana.id()) {
                    jam.tick(&mut [&mut ana]);
                }
            }
            let before = ana.mirror.confirmed().seq;
            jam.go_on(59 * SECOND);
            assert!(differs(&mut jam.room, &mut ana, before), "{late}, noticed: {noticed}");
            assert!(jam.room.session.history_len() <= 650);
        }
    }
}

#[test]
fn base_of_a_removed_client_is_forgotten() {
    let mut jam = Jam::new(SessionConfig::default());
    let mut ana = jam.room.join("Ana", &[]);
    for _ in 0..200 {
        jam.tick(&mut [&mut ana]);
        alive(&mut jam.room, &ana);
    }
    jam.room.cut(&mut ana);
    jam.go_on(150 * SECOND);
    assert!(jam.room.session.history_len() <= 330, "{}", jam.room.session.history_len());
}

#[test]
fn number_of_bases_is_bounded() {
    let mut jam = Jam::new(SessionConfig { max_bases: 10, ..SessionConfig::default() });
    let mut ana = jam.room.join("Ana", &[]);
    jam.tick(&mut [&mut ana]);
    ana.listen();
    let before = ana.mirror.confirmed().seq;
    jam.room.cut(&mut ana);
    for _ in 0..100 {
        jam.tick(&mut []);
        assert!(jam.room.session.history_len() <= 10);
    }
    assert!(!differs(&mut jam.room, &mut ana, before));
    let newest = jam.room.session.state().seq;
    assert!(differs(&mut jam.room, &mut ana, Seq(newest.0 - 2)), "the newest are kept");
}

#[test]
fn resume_right_after_welcome_gets_a_patch() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    room.cut(&mut ana);
    room.resume(&mut ana).ok().unwrap();
    assert_eq!(updates(&mut room, &ana).0, ["patch"]);
}

/// Has `guest` dispatch an action that is not for it, and lose the answer.
fn refused(room: &mut Room, guest: &Guest, number: u64) {
    let action = cutoff(BASS, 99.0);
    let action = ClientMessage::Action { number: ActionNumber(number), continues: false, action };
    room.session.handle(room.now, guest.ticket, action).unwrap();
}

/// Which rejections `guest` is told if it knows of those up to `answered`.
fn rejections(room: &mut Room, guest: &mut Guest, answered: u64) -> Vec<u64> {
    room.cut(guest);
    let answered = Some(ActionNumber(answered));
    let resume = Resume { answered, ..guest.mirror.resume() };
    let mut hello = hello("Ana");
    hello.resume = Some(resume);
    let admission = room.knock(&hello).ok().unwrap();
    guest.ticket = admission.ticket;
    let ServerMessage::ReconnectSuccessful(back) = admission.answer else { panic!() };
    let Reconnected { token, rejected, .. } = back.clone();
    assert_eq!(guest.mirror.resume().answered, Some(ActionNumber(0)), "it has no part in this");
    guest.mirror.reconnected(Reconnected {
        token,
        rejected: vec![],
        last_action: ActionNumber(0),
        ..back
    });
    rejected.iter().map(|rejection| rejection.number.0).collect()
}

#[test]
fn resume_repeats_only_unknown_rejections() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[]);
    for number in 1..=5 {
        refused(&mut room, &ana, number);
    }
    assert_eq!(rejections(&mut room, &mut ana, 0), [1, 2, 3, 4, 5]);
    assert_eq!(rejections(&mut room, &mut ana, 3), [4, 5]);
    assert!(rejections(&mut room, &mut ana, 5).is_empty());
}

#[test]
fn only_latest_rejections_are_kept() {
    let mut room = Room::with(SessionConfig { max_rejections: 3, ..SessionConfig::default() });
    let mut ana = room.join("Ana", &[]);
    for number in 1..=5 {
        refused(&mut room, &ana, number);
    }
    assert_eq!(rejections(&mut room, &mut ana, 0), [3, 4, 5]);
}

#[test]
fn superseding_a_connection_ends_its_notes() {
    let mut room = Room::new();
    let mut ana = room.join("Ana", &[BASS]);
    ana.dispatch(play_key(BASS, 40)).unwrap();
    room.settle(&mut [&mut ana]);
    room.session.take_effects();
    room.resume(&mut ana).ok().unwrap();
    let studio = &room.session.state().model;
    assert_eq!(studio.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40)), None);
    assert!(!room.session.take_effects().is_empty(), "the engine is told");
}

#[test]
fn too_long_list_ends_the_connection() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[BASS]);
    let too_long = Err(ProtocolError::ListTooLong { limit: 1024 });
    for wish in [
        |instruments| ClientMessage::RequestOwnership { instruments },
        |instruments| ClientMessage::ReleaseOwnership { instruments },
    ] {
        let before = room.session.state().seq;
        let heard = room.session.handle(room.now, ana.ticket, wish(vec![BASS; 1025]));
        assert_eq!(heard, too_long);
        assert_eq!(room.session.state().seq, before);
        room.session.handle(room.now, ana.ticket, wish(vec![LEAD; 1024])).unwrap();
    }
}

#[test]
fn waiting_answers_count_their_items() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let instruments = (100..200).map(imbolc_net::model::InstrumentId).collect();
    let ask = ClientMessage::RequestOwnership { instruments };
    for _ in 0..3 {
        assert!(room.session.has_room(ana.ticket));
        room.session.handle(room.now, ana.ticket, ask.clone()).unwrap();
    }
    assert!(!room.session.has_room(ana.ticket), "three answers of a hundred refusals each");
    assert_eq!(updates(&mut room, &ana).1.len(), 3);
    assert!(room.session.has_room(ana.ticket));
}

#[test]
fn repeated_instrument_is_answered_once() {
    let mut room = Room::new();
    let ana = room.join("Ana", &[]);
    let missing = imbolc_net::model::InstrumentId(404);
    let answer = room.session.claim(ana.id(), &[missing, BASS, missing, BASS]);
    assert_eq!((answer.granted.len(), answer.refused.len()), (1, 1));
}
