//! When frames are drawn, and what they cost.

use std::time::{Duration, Instant};

use imbolc_net::{Event, model::DirtyFlags};
use imbolc_ui::{app::Pace, run};
use ratatui::{Terminal, backend::TestBackend};
use tokio::{sync::mpsc, time::timeout};

use crate::stage::{ANA, LEAD, Scene, Stage};

/// Long after the last change.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn a_frame_loads_one_snapshot() {
    let mut stage = Stage::new(Scene::Joined);
    stage.screen();
    stage.loads();
    stage.screen();
    assert_eq!(stage.loads(), 1);
}

#[test]
fn nothing_is_drawn_while_nothing_moves() {
    let mut stage = Stage::new(Scene::Alone);
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Rest);
    assert!(!stage.app.is_stale());
    stage.press("+");
    assert!(stage.app.is_stale());
    assert_eq!(stage.app.pace(Instant::now()), Pace::Fast, "the meters may follow");
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Rest);
}

#[test]
fn sixty_frames_a_second_are_drawn_while_the_music_goes() {
    let mut stage = Stage::new(Scene::Alone);
    stage.screen();
    stage.plays(480, -12.0);
    assert!(stage.app.is_stale());
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Fast);
}

/// How many frames the loop draws in its first second of virtual time.
async fn frames_in_a_second(stage: &Stage) -> usize {
    let (studio, events) = stage.dispatcher();
    let (_keys, inputs) = mpsc::channel(1);
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
    let second = Duration::from_secs(1);
    let looping = event_loop::run(&studio, events, &mut terminal, inputs);
    assert!(timeout(second, looping).await.is_err(), "it goes on");
    terminal.get_frame().count()
}

#[tokio::test(start_paused = true)]
async fn in_a_second_in_which_a_meter_moves_sixty_frames_are_drawn() {
    let mut stage = Stage::new(Scene::Alone);
    stage.plays(480, -12.0);
    // The playhead differs each time it is read.
    stage.moves();
    assert_eq!(frames_in_a_second(&stage).await, 60);
}

#[tokio::test(start_paused = true)]
async fn in_a_second_in_which_nothing_moves_none_is_drawn_but_the_first() {
    assert_eq!(frames_in_a_second(&Stage::new(Scene::Alone)).await, 1);
}

#[test]
fn while_somebody_is_away_a_clock_moves_on_slowly() {
    // Ben is away.
    let mut stage = Stage::new(Scene::Hosting);
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Slow);
    stage.reseat(|roster| {
        let ben = roster.participants.remove(&crate::stage::BEN);
        assert!(ben.is_some());
        roster.owners.remove(&LEAD);
    });
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Rest);
    assert!(stage.owner(ANA).is_some());
}

#[test]
fn only_what_an_event_says_has_changed_is_worked_out_anew() {
    let mut stage = Stage::new(Scene::Alone);
    stage.screen();
    let count = stage.studio().instruments.len();
    // The snapshot is ahead of its event: the cached list stays until the event
    // arrives.
    stage.replace(|studio| crate::band::add(studio, 77, "Late"));
    stage.happens(Event::Changed(DirtyFlags::TRANSPORT));
    // The message log may mention it already; the row of the list has two blanks.
    assert!(!stage.screen().contains("77  Late"));
    stage.happens(Event::Changed(DirtyFlags::INSTRUMENTS));
    assert!(stage.screen().contains("77  Late"));
    assert_eq!(stage.studio().instruments.len(), count + 1);
}
