//! When frames are drawn, and what they cost.

use std::time::{Duration, Instant};

use imbolc_net::{Event, model::DirtyFlags};
use imbolc_ui::{app::Pace, event_loop};
use ratatui::{Terminal, backend::TestBackend};
use tokio::{sync::mpsc, time::timeout};

use crate::stage::{ANA, LEAD, Scene, Stage};

/// Long after the last change.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn frame_loads_one_snapshot() {
    let mut stage = Stage::new(Scene::Joined);
    stage.screen();
    stage.loads();
    stage.screen();
    assert_eq!(stage.loads(), 1);
}

#[test]
fn idle_screen_is_not_drawn() {
    let mut stage = Stage::new(Scene::Local);
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
fn playback_draws_at_full_rate() {
    let mut stage = Stage::new(Scene::Local);
    stage.screen();
    stage.play_at(480, -12.0);
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
async fn moving_meter_draws_sixty_frames_per_second() {
    let mut stage = Stage::new(Scene::Local);
    stage.play_at(480, -12.0);
    // The playhead differs each time it is read.
    stage.animate_meters();
    assert_eq!(frames_in_a_second(&stage).await, 60);
}

#[tokio::test(start_paused = true)]
async fn idle_loop_draws_one_frame() {
    assert_eq!(frames_in_a_second(&Stage::new(Scene::Local)).await, 1);
}

#[test]
fn absent_participant_keeps_clock_running() {
    // Ben is away.
    let mut stage = Stage::new(Scene::Hosting);
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Slow);
    stage.edit_roster(|roster| {
        let ben = roster.participants.remove(&crate::stage::BEN);
        assert!(ben.is_some());
        roster.owners.remove(&LEAD);
    });
    stage.screen();
    assert_eq!(stage.app.pace(later()), Pace::Rest);
    assert!(stage.owner(ANA).is_some());
}

#[test]
fn only_dirty_parts_are_refreshed() {
    let mut stage = Stage::new(Scene::Local);
    stage.screen();
    let count = stage.studio().instruments.len();
    // The snapshot is ahead of its event: the cached list stays until the event
    // arrives.
    stage.replace_state(|studio| crate::band::add(studio, 77, "Late"));
    stage.emit(Event::Changed(DirtyFlags::TRANSPORT));
    // The message log may mention it already; the row of the list has two blanks.
    assert!(!stage.screen().contains("77  Late"));
    stage.emit(Event::Changed(DirtyFlags::INSTRUMENTS));
    assert!(stage.screen().contains("77  Late"));
    assert_eq!(stage.studio().instruments.len(), count + 1);
}
