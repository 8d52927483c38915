//! Digests of known states. Both sides of a session compare digests, so only a change of the
//! model may change them. The labels in them are string literals, which the
//! compiler does not check when a name changes.

use imbolc_net::{
    model::{Digest, InstrumentId, Model},
    protocol::{ClientId, OwnerInfo, Participant, Presence, Role, Roster},
    studio::{Studio, StudioState},
    util::time::{Millis, Timestamp},
};

use crate::{
    fixture::{self, band},
    harness::key,
};

#[test]
fn state_digests_are_pinned() {
    let states = [
        ("default", StudioState::default()),
        ("starter", StudioState::starter()),
        ("plain, 16 instruments", fixture::studio(16)),
        ("plain, 1,024 instruments", fixture::studio(1024)),
        ("band, 16 instruments", band::session(16)),
        ("band, 1,024 instruments", band::session(1024)),
    ];
    let found = states.map(|(name, state)| (name, Studio::digest(&state, None).to_string()));
    let expected = [
        ("default", "0000000000000000"),
        ("starter", "fd4a37fb3dbbc53a"),
        ("plain, 16 instruments", "ea68bd4e1d2d3d7c"),
        ("plain, 1,024 instruments", "a318f76a93025fda"),
        ("band, 16 instruments", "a8476e8497c5a89e"),
        ("band, 1,024 instruments", "3a77d08c8b35fcfd"),
    ];
    assert_eq!(found, expected.map(|(name, digest)| (name, digest.to_owned())));
}

/// The digests of the bytes that carry a state, in JSON and in Postcard.
#[test]
fn encoded_state_digests_are_pinned() {
    let encoded = |state: &StudioState| {
        let json = Digest::of(&serde_json::to_string(state).unwrap());
        let postcard = Digest::of(&postcard::to_stdvec(state).unwrap());
        (json.to_string(), postcard.to_string())
    };
    let found = [encoded(&StudioState::starter()), encoded(&band::session(16))];
    let expected =
        [("18a093b10bdf1d4d", "69d6c9573e78da3c"), ("2e79a8ebbbcaa1e4", "f775731437f95584")];
    assert_eq!(found, expected.map(|(json, postcard)| (json.to_owned(), postcard.to_owned())));
}

#[test]
fn roster_digest_is_pinned() {
    let mut roster = Roster::default();
    let ana = OwnerInfo { client_id: ClientId(1), name: "Ana".into() };
    roster.participants.insert(ana.client_id, Participant::new("Ana"));
    roster.owners.insert(InstrumentId(2), ana.clone());
    roster.privileged = Some(ana);
    assert_eq!(roster.digest(None).to_string(), "ee2c157f3592e1a7");
}

/// Every field of a participant counts in the digest, and is part of a patch.
#[test]
fn roster_digest_and_patch_follow_every_field() {
    let ana = Participant::new("Ana");
    let Participant { name: _, presence: _, role: _, key: _, round_trip: _ } = &ana;
    let with = |participant: &Participant| {
        let mut roster = Roster::default();
        roster.participants.insert(ClientId(1), participant.clone());
        roster
    };
    let base = with(&ana);
    for changed in [
        Participant { name: "Ben".into(), ..ana.clone() },
        Participant { presence: Presence::Away { since: Timestamp::ZERO }, ..ana.clone() },
        Participant { role: Role::Viewer, ..ana.clone() },
        Participant { key: Some(key(1)), ..ana.clone() },
        Participant { key: Some(key(2)), ..ana.clone() },
        Participant { round_trip: Some(Millis(5)), ..ana.clone() },
    ] {
        let other = with(&changed);
        let digest = other.digest(None);
        assert_ne!(digest, base.digest(None), "{changed:?}");
        assert_eq!(other.digest(Some((&base, base.digest(None)))), digest, "{changed:?}");
        let mut patched = base.clone();
        base.diff(&other).iter().for_each(|change| patched.apply(change));
        assert_eq!(patched, other);
    }
}
