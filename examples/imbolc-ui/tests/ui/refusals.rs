//! Refusals: they name the key that helps, and leave the line after a while.

use std::time::{Duration, Instant};

use imbolc_net::{Event, SessionEvent, protocol::Refusal, studio::Pane, util::time::Millis};
use imbolc_ui::app::Pace;

use crate::{
    band,
    stage::{BASS, BEN, LEAD, MIA, PAD, Scene, Stage},
};

/// The line of messages.
fn line(stage: &mut Stage) -> String {
    let screen = stage.screen();
    let at = screen.lines().count() - 2;
    screen.lines().nth(at).unwrap_or_default().to_owned()
}

#[test]
fn refusal_names_the_key_that_helps() {
    let stage = Stage::new(Scene::Joined);
    let (mia, ben) = (stage.owner(MIA), stage.owner(BEN));
    for (reason, words) in [
        (Refusal::NotOwner { instrument: PAD, owner: None }, "nobody owns 3 Pad: c claims it"),
        (Refusal::NotOwner { instrument: BASS, owner: mia.clone() }, "mia owns 1 Bass: ask mia"),
        (Refusal::NotOwner { instrument: LEAD, owner: ben }, "ben owns 2 Lead, and is away"),
        (Refusal::NotPrivileged { holder: mia }, "mia has the privilege: P asks for it"),
        (Refusal::NotPrivileged { holder: None }, "nobody has the privilege: P takes it"),
    ] {
        // At once, and later; an action, a batch, an undo, a request.
        let mut stage = Stage::new(Scene::Joined);
        stage.refuse_all(reason.clone());
        let said = line(stage.press("+"));
        assert!(said.starts_with(words), "{said}");
        let batch = Refusal::InBatch { index: 0, count: 2, reason: Box::new(reason.clone()) };
        let action = || band::cutoff(BASS, 99.0);
        for event in [
            SessionEvent::Refused { action: action(), reason: reason.clone() },
            SessionEvent::Refused { action: action(), reason: batch },
            SessionEvent::NothingUndone { reason: reason.clone() },
            SessionEvent::OwnershipRefused { instrument: LEAD, reason },
        ] {
            let mut stage = Stage::new(Scene::Joined);
            stage.emit(Event::Session(event));
            let said = line(&mut stage);
            assert!(said.contains(words), "{said}");
        }
    }
    let mut stage = Stage::new(Scene::Joined);
    let holder = stage.owner(MIA);
    let denied = SessionEvent::PrivilegeDenied { holder: holder.clone(), reserved: None };
    stage.emit(Event::Session(denied));
    assert!(
        line(&mut stage).contains("mia has the privilege, and is told that you ask"),
        "{}",
        stage.screen()
    );
    let reserved = Some(Millis(12_000));
    stage.emit(Event::Session(SessionEvent::PrivilegeDenied { holder, reserved }));
    assert!(line(&mut stage).contains("is away: free in 12 s"), "{}", stage.screen());
}

#[test]
fn refusals_leave_the_line_and_stay_in_the_log() {
    let mut stage = Stage::new(Scene::Joined);
    let owner = stage.owner(MIA);
    stage.emit(Event::Session(SessionEvent::Joined(stage.owner(BEN).unwrap())));
    stage.refuse_all(Refusal::NotOwner { instrument: BASS, owner });
    stage.press("+");
    let now = Instant::now();
    stage.app.tick(now + Duration::from_secs(2));
    assert!(line(&mut stage).contains("mia owns 1 Bass"), "{}", stage.screen());
    assert_ne!(stage.app.pace(now + Duration::from_secs(2)), Pace::Rest, "it has to leave");
    stage.app.tick(now + Duration::from_secs(20));
    assert!(stage.app.is_stale());
    let left = line(&mut stage);
    assert!(!left.contains("mia owns 1 Bass"), "{left}");
    assert!(left.contains("ben has joined"), "news stay: {left}");
    stage.show(Pane::People);
    assert!(stage.screen().contains("mia owns 1 Bass"), "{}", stage.screen());
    // The same again is shown again.
    stage.press("1+");
    assert!(line(&mut stage).contains("mia owns 1 Bass"), "{}", stage.screen());
    // What a pane refuses leaves too.
    let mut stage = Stage::new(Scene::Local);
    stage.show(Pane::Arrangement).press("<end>d");
    assert!(line(&mut stage).contains("no placement"), "{}", stage.screen());
    stage.app.tick(Instant::now() + Duration::from_secs(20));
    assert!(!line(&mut stage).contains("no placement"), "{}", stage.screen());
    // And that a paste is ignored.
    stage.app.handle_paste("q");
    assert!(line(&mut stage).contains("pasted text is ignored"), "{}", stage.screen());
    stage.app.tick(Instant::now() + Duration::from_secs(60));
    assert!(!line(&mut stage).contains("pasted text"), "{}", stage.screen());
}

#[test]
fn newest_message_is_at_the_end_of_the_line() {
    let mut stage = Stage::new(Scene::Hosting);
    for id in [MIA, BEN] {
        let owner = stage.owner(id).unwrap();
        stage.emit(Event::Session(SessionEvent::Ownership { instrument: PAD, owner: Some(owner) }));
    }
    let said = line(&mut stage);
    assert_eq!(said.trim(), "you own 3 Pad  ·  ben owns 3 Pad");
}
