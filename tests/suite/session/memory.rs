//! What the session keeps for clients that resume, and its bounds.

use std::{collections::VecDeque, time::Duration};

use imbolc_net::{
    protocol::{
        ActionNumber, ClientId, ClientMessage, ProtocolError, Reconnected, Resume, Seq,
        ServerMessage,
    },
    studio::{NetworkAction, Note, PianoRollAction},
    sync::session::SessionConfig,
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

use super::{SECOND, updates};
use crate::harness::{BASS, Guest, Harness, LEAD, cutoff, hello, play_key};

const TICK: Duration = Duration::from_millis(35);

/// A session in which the host turns a knob at every tick, and a client.
struct Jam {
    harness: Harness,
    ben: Guest,
    turns: u16,
}

impl Jam {
    fn new(config: SessionConfig) -> Self {
        let mut harness = Harness::with(config);
        harness.session.claim(ClientId::HOST, &[BASS]);
        let ben = harness.join("Ben", &[]);
        Self { harness, ben, turns: 0 }
    }

    /// Advances by a tick and sends the news to each of `audience`.
    fn tick(&mut self, audience: &mut [&mut Guest]) {
        self.harness.pass(TICK);
        self.turns += 1;
        let action = cutoff(BASS, 100.0 + f32::from(self.turns));
        self.harness.session.act(self.harness.now, &action).unwrap();
        alive(&mut self.harness, &self.ben);
        self.harness.transmit(&mut self.ben).unwrap();
        for guest in audience {
            // A suspended guest is sent nothing.
            let _ = self.harness.transmit(guest);
        }
        self.harness.take_forgotten();
    }

    fn go_on(&mut self, time: Duration) {
        let until = self.harness.now + time;
        while self.harness.now < until {
            self.tick(&mut []);
        }
    }
}

fn alive(harness: &mut Harness, guest: &Guest) {
    harness
        .session
        .handle(harness.now, guest.connection, ClientMessage::Pong { nonce: 0 })
        .unwrap();
}

/// Whether `guest` gets a patch if it resumes with this snapshot.
fn differs(harness: &mut Harness, guest: &mut Guest, seq: Seq) -> bool {
    let resume = Resume { seq: Some(seq), ..guest.mirror.resume() };
    harness.resume_with(guest, resume).ok().unwrap();
    updates(harness, guest).0 != ["full"]
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
        sent.extend(newest.map(|seq| (jam.harness.now, seq)));
        assert!(jam.harness.session.base_count() <= 330, "{}", jam.harness.session.base_count());
    }
    assert_eq!(sent.len(), 6000, "there was a snapshot at every tick");

    // A client with the newest snapshot needs no update.
    sent.pop_back();
    let (mut fresh, mut old) = (vec![], vec![]);
    let now = jam.harness.now;
    for (at, seq) in sent {
        let found = differs(&mut jam.harness, &mut jam.ben, seq);
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
            let mut ana = jam.harness.join("Ana", &[LEAD]);
            for _ in 0..200 + late {
                jam.tick(&mut [&mut ana]);
                ana.receive();
                alive(&mut jam.harness, &ana);
            }
            if noticed {
                jam.harness.cut(&mut ana);
            } else {
                // Messages to her are lost, and her silence is noticed late.
                while !jam.harness.session.state().roster.is_away(ana.id()) {
                    jam.tick(&mut [&mut ana]);
                }
            }
            let before = ana.mirror.confirmed().seq;
            jam.go_on(59 * SECOND);
            assert!(differs(&mut jam.harness, &mut ana, before), "{late}, noticed: {noticed}");
            assert!(jam.harness.session.base_count() <= 650);
        }
    }
}

#[test]
fn base_of_a_removed_client_is_forgotten() {
    let mut jam = Jam::new(SessionConfig::default());
    let mut ana = jam.harness.join("Ana", &[]);
    for _ in 0..200 {
        jam.tick(&mut [&mut ana]);
        alive(&mut jam.harness, &ana);
    }
    jam.harness.cut(&mut ana);
    jam.go_on(150 * SECOND);
    assert!(jam.harness.session.base_count() <= 330, "{}", jam.harness.session.base_count());
}

#[test]
fn number_of_bases_is_bounded() {
    let mut jam = Jam::new(SessionConfig { max_bases: 10, ..SessionConfig::default() });
    let mut ana = jam.harness.join("Ana", &[]);
    jam.tick(&mut [&mut ana]);
    ana.receive();
    let before = ana.mirror.confirmed().seq;
    jam.harness.cut(&mut ana);
    for _ in 0..100 {
        jam.tick(&mut []);
        assert!(jam.harness.session.base_count() <= 10);
    }
    assert!(!differs(&mut jam.harness, &mut ana, before));
    let newest = jam.harness.session.state().seq;
    assert!(differs(&mut jam.harness, &mut ana, Seq(newest.0 - 2)), "the newest are kept");
}

#[test]
fn pasted_notes_bound_the_bases() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut ben = harness.join("Ben", &[]);
    for round in 0..600_u32 {
        harness.pass(TICK);
        let note = |tick| Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(120),
            velocity: Velocity::of(u8::try_from(1 + round % 100).unwrap()),
            probability: Probability::MAX,
        };
        let paste = PianoRollAction::Paste((0..4_096).map(note).collect());
        harness.session.act(harness.now, &NetworkAction::PianoRoll(BASS, paste)).unwrap();
        alive(&mut harness, &ben);
        harness.transmit(&mut ben).unwrap();
        ben.to_guest.clear();
        harness.take_forgotten();
        // Half a million notes, and the snapshot before them.
        assert!(harness.session.base_count() <= 129, "{}", harness.session.base_count());
    }
    assert!(harness.session.base_count() > 100, "{}", harness.session.base_count());
}

#[test]
fn resume_right_after_welcome_gets_a_patch() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.cut(&mut ana);
    harness.resume(&mut ana).ok().unwrap();
    assert_eq!(updates(&mut harness, &ana).0, ["patch"]);
}

/// Has `guest` dispatch an action that is refused, and lose the answer.
fn refused(harness: &mut Harness, guest: &Guest, number: u64) {
    let action = cutoff(BASS, 99.0);
    let action = ClientMessage::Action { number: ActionNumber(number), continues: false, action };
    harness.session.handle(harness.now, guest.connection, action).unwrap();
}

/// The rejections that `guest` gets if it knows those up to `answered`.
fn rejections(harness: &mut Harness, guest: &mut Guest, answered: u64) -> Vec<u64> {
    harness.cut(guest);
    let answered = Some(ActionNumber(answered));
    let resume = Resume { answered, ..guest.mirror.resume() };
    let mut hello = hello("Ana");
    hello.resume = Some(resume);
    let admission = harness.handshake(&hello).ok().unwrap();
    guest.connection = admission.connection;
    let ServerMessage::ReconnectSuccessful(back) = admission.answer else { panic!() };
    let Reconnected { token, rejected, .. } = back.clone();
    assert_eq!(
        guest.mirror.resume().answered,
        Some(ActionNumber(0)),
        "the mirror has sent no action"
    );
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
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    for number in 1..=5 {
        refused(&mut harness, &ana, number);
    }
    assert_eq!(rejections(&mut harness, &mut ana, 0), [1, 2, 3, 4, 5]);
    assert_eq!(rejections(&mut harness, &mut ana, 3), [4, 5]);
    assert!(rejections(&mut harness, &mut ana, 5).is_empty());
}

#[test]
fn only_latest_rejections_are_kept() {
    let mut harness =
        Harness::with(SessionConfig { max_rejections: 3, ..SessionConfig::default() });
    let mut ana = harness.join("Ana", &[]);
    for number in 1..=5 {
        refused(&mut harness, &ana, number);
    }
    assert_eq!(rejections(&mut harness, &mut ana, 0), [3, 4, 5]);
}

#[test]
fn superseding_a_connection_ends_its_notes() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(play_key(BASS, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    harness.take_effects();
    harness.resume(&mut ana).ok().unwrap();
    let studio = &harness.session.state().model;
    assert_eq!(studio.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40)), None);
    assert!(!harness.take_effects().is_empty(), "the engine gets the note-off");
}

#[test]
fn too_long_list_ends_the_connection() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[BASS]);
    let too_long = Err(ProtocolError::ListTooLong { limit: 1024 });
    for wish in [
        |instruments| ClientMessage::RequestOwnership { instruments },
        |instruments| ClientMessage::ReleaseOwnership { instruments },
    ] {
        let before = harness.session.state().seq;
        let heard = harness.session.handle(harness.now, ana.connection, wish(vec![BASS; 1025]));
        assert_eq!(heard, too_long);
        assert_eq!(harness.session.state().seq, before);
        harness.session.handle(harness.now, ana.connection, wish(vec![LEAD; 1024])).unwrap();
    }
}

#[test]
fn waiting_answers_count_their_items() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let instruments = (100..200).map(imbolc_net::model::InstrumentId).collect();
    let ask = ClientMessage::RequestOwnership { instruments };
    for _ in 0..3 {
        assert!(harness.session.has_room(ana.connection));
        harness.session.handle(harness.now, ana.connection, ask.clone()).unwrap();
    }
    assert!(!harness.session.has_room(ana.connection), "three answers of a hundred refusals each");
    assert_eq!(updates(&mut harness, &ana).1.len(), 3);
    assert!(harness.session.has_room(ana.connection));
}

#[test]
fn repeated_instrument_is_answered_once() {
    let mut harness = Harness::new();
    let ana = harness.join("Ana", &[]);
    let missing = imbolc_net::model::InstrumentId(404);
    let answer = harness.session.claim(ana.id(), &[missing, BASS, missing, BASS]);
    assert_eq!((answer.granted.len(), answer.refused.len()), (1, 1));
}
