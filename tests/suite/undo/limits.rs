//! Undo exceeds no limit of the model, whatever others have added since.

use imbolc_net::{
    protocol::{ClientId, ClientMessage, Refusal},
    studio::{
        AutomationAction, ClipAction, ClipId, Curve, InstrumentParameter, LoopRegion, MAX_CLIPS,
        MAX_NOTES, MAX_PASTED, MAX_POINTS, Name, NetworkAction, Note, PianoRollAction, Point,
        Target,
    },
    util::quantity::{Amount, NoteLength, Pitch, Probability, Ticks, Velocity},
};

use crate::harness::{BASS, Harness};

/// Each fills a collection, empties it, and lets another participant fill it again.
#[test]
fn undo_exceeds_the_limit_of_no_collection() {
    let of = |n: usize| u32::try_from(n).unwrap();
    let lane = |action| {
        NetworkAction::Automation(Target::Instrument(BASS, InstrumentParameter::Level), action)
    };
    let everywhere = LoopRegion::new(Ticks::MIN, Ticks::MAX).unwrap();
    let points = |first: u32| {
        let value = Amount::of(0.5);
        let point = |n| Point { tick: Ticks::of(first + n), value, curve: Curve::Hold };
        vec![lane(AutomationAction::Paste((0..of(MAX_POINTS)).map(point).collect()))]
    };
    let clips = |first: u32| {
        let create = |n| {
            let (clip, name) = (ClipId(first + n), Name::default());
            let action = ClipAction::Create { clip, name, length: NoteLength::of(240) };
            NetworkAction::Clip(BASS, action)
        };
        (0..of(MAX_CLIPS)).map(create).collect()
    };
    let notes = |first: u32| {
        let paste = |n| {
            let note = |tick| Note {
                tick: Ticks::of(tick),
                pitch: Pitch::of(60),
                length: NoteLength::of(1),
                velocity: Velocity::of(100),
                probability: Probability::MAX,
            };
            let notes = (first + n..first + n + of(MAX_PASTED)).map(note).collect();
            NetworkAction::PianoRoll(BASS, PianoRollAction::Paste(notes))
        };
        (0..of(MAX_NOTES)).step_by(MAX_PASTED).map(paste).collect()
    };
    let deleted = |clip| NetworkAction::Clip(BASS, ClipAction::Delete(ClipId(clip)));
    type Fill<'a> = &'a dyn Fn(u32) -> Vec<NetworkAction>;
    let cases: [(Fill<'_>, Vec<NetworkAction>); 3] = [
        (&points, vec![lane(AutomationAction::DeleteRegion(everywhere))]),
        (&clips, (0..of(MAX_CLIPS)).map(deleted).collect()),
        (&notes, vec![NetworkAction::PianoRoll(BASS, PianoRollAction::DeleteRegion(everywhere))]),
    ];
    for (fill, empty) in cases {
        let mut harness = Harness::new();
        harness.session.claim(ClientId::HOST, &[BASS]);
        harness.session.act(harness.now, &lane(AutomationAction::Add)).unwrap();
        harness.session.act_all(harness.now, &fill(0)).unwrap();
        harness.session.act_all(harness.now, &empty).unwrap();
        harness.session.release(ClientId::HOST, &[BASS]);
        let mut ana = harness.join("Ana", &[BASS]);
        for action in fill(100_000) {
            ana.dispatch(action).unwrap();
        }
        harness.settle(&mut [&mut ana]);
        ana.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
        harness.settle(&mut [&mut ana]);
        harness.session.claim(ClientId::HOST, &[BASS]);
        let refused = harness.session.undo();
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    }
}
