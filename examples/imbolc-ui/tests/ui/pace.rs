//! When frames are drawn, and what they cost.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{Event, model::DirtyFlags};
use imbolc_ui::{
    app::Pace,
    event_loop::{self, Input},
};
use ratatui::{Terminal, backend::TestBackend};
use tokio::{
    sync::{broadcast, mpsc},
    time::{sleep, timeout},
};

use crate::stage::{ANA, LEAD, Scene, Stage, no_server};

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

/// How many frames the loop draws in its first second of virtual time, while `others`
/// happens.
async fn frames_in_a_second(stage: &Stage, others: impl Future<Output = ()>) -> usize {
    let (_keys, inputs) = mpsc::channel(1);
    frames_while(stage, inputs, others).await
}

/// The same with keys.
async fn frames_while(
    stage: &Stage,
    inputs: mpsc::Receiver<Input>,
    others: impl Future<Output = ()>,
) -> usize {
    let (studio, events) = stage.dispatcher();
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
    let looping = event_loop::run(&studio, no_server(None), events, &mut terminal, inputs, |_| ());
    let both = async {
        tokio::join!(looping, others);
    };
    assert!(timeout(Duration::from_secs(1), both).await.is_err(), "it goes on");
    terminal.get_frame().count()
}

/// Emits an event in each millisecond.
async fn flood(events: broadcast::Sender<Event>) {
    loop {
        sleep(Duration::from_millis(1)).await;
        events.send(Event::Changed(DirtyFlags::TRANSPORT)).expect("it listens");
    }
}

#[tokio::test]
async fn key_does_not_wait_for_the_end_of_a_flood() {
    let stage = Stage::new(Scene::Local);
    let (studio, events) = stage.dispatcher();
    let (keys, inputs) = mpsc::channel(1);
    let (sender, shown) = (stage.sender(), stage.observer());
    let is_over = Arc::new(AtomicBool::new(false));
    let flood = thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            while !is_over.load(Relaxed) {
                let _ = sender.send(Event::Changed(DirtyFlags::TRANSPORT));
            }
        }
    });
    let pressing = thread::spawn(move || {
        let begun = Instant::now();
        keys.blocking_send(Input::Key(KeyEvent::from(KeyCode::Char('+')))).expect("it reads");
        while shown.count_dispatched() == 0 && begun.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(1));
        }
        let answered = shown.count_dispatched();
        is_over.store(true, Relaxed);
        answered
    });
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
    // It ends with its inputs.
    event_loop::run(&studio, no_server(None), events, &mut terminal, inputs, |_| ()).await;
    assert_eq!(pressing.join().expect("it presses"), 1, "the key waits");
    flood.join().expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn key_does_not_wait_for_a_frame() {
    let stage = Stage::new(Scene::Local);
    let (keys, inputs) = mpsc::channel(1);
    let shown = stage.observer();
    let pressing = async {
        for count in 1..=20 {
            // In the middle of the time between two frames.
            sleep(Duration::from_micros(25_300)).await;
            let key = KeyEvent::from(KeyCode::Char('+'));
            keys.send(Input::Key(key)).await.expect("it reads");
            sleep(Duration::from_micros(500)).await;
            assert_eq!(shown.count_dispatched(), count, "the key waits");
        }
    };
    let others = async {
        tokio::join!(flood(stage.sender()), pressing);
    };
    frames_while(&stage, inputs, others).await;
    assert_eq!(shown.count_dispatched(), 20);
}

#[tokio::test(start_paused = true)]
async fn flood_of_events_draws_sixty_frames_per_second() {
    let stage = Stage::new(Scene::Local);
    let count = frames_in_a_second(&stage, flood(stage.sender())).await;
    assert!((55..=61).contains(&count), "{count} frames");
}

#[tokio::test(start_paused = true)]
async fn clock_moves_while_the_playhead_stands() {
    // The connection was lost while the music played.
    for scene in [Scene::Joined, Scene::Reconnecting] {
        let mut stage = Stage::new(scene);
        stage.play_at(480, -12.0);
        let count = frames_in_a_second(&stage, pending()).await;
        assert!((2..=4).contains(&count), "{scene:?}: {count} frames");
    }
}

#[tokio::test(start_paused = true)]
async fn moving_meter_draws_sixty_frames_per_second() {
    let mut stage = Stage::new(Scene::Local);
    stage.play_at(480, -12.0);
    // The playhead differs each time it is read.
    stage.animate_meters();
    assert_eq!(frames_in_a_second(&stage, pending()).await, 60);
}

#[tokio::test(start_paused = true)]
async fn idle_loop_draws_one_frame() {
    assert_eq!(frames_in_a_second(&Stage::new(Scene::Local), pending()).await, 1);
}

/// Opens the keyboard and presses the key of C4.
async fn play_a_key(keys: &mpsc::Sender<Input>) {
    for letter in ['k', 'a'] {
        keys.send(Input::Key(KeyCode::Char(letter).into())).await.expect("it reads");
    }
}

#[tokio::test(start_paused = true)]
async fn note_ends_when_its_time_is_over() {
    let stage = Stage::new(Scene::Local);
    let (keys, inputs) = mpsc::channel(8);
    let shown = stage.observer();
    let pressing = async {
        play_a_key(&keys).await;
        sleep(Duration::from_millis(690)).await;
        assert_eq!(shown.count_dispatched(), 1, "it sounds");
        sleep(Duration::from_millis(30)).await;
        assert_eq!(shown.count_dispatched(), 2, "it has ended");
        pending::<()>().await;
    };
    frames_while(&stage, inputs, pressing).await;
    assert_eq!(shown.count_dispatched(), 2);
}

#[tokio::test(start_paused = true)]
async fn note_ends_when_another_window_gets_the_keys() {
    let stage = Stage::new(Scene::Local);
    let (keys, inputs) = mpsc::channel(8);
    let shown = stage.observer();
    let pressing = async {
        play_a_key(&keys).await;
        sleep(Duration::from_millis(50)).await;
        assert_eq!(shown.count_dispatched(), 1, "it sounds");
        keys.send(Input::FocusLost).await.expect("it reads");
        sleep(Duration::from_millis(50)).await;
        assert_eq!(shown.count_dispatched(), 2, "it has ended");
        pending::<()>().await;
    };
    frames_while(&stage, inputs, pressing).await;
}

#[tokio::test(start_paused = true)]
async fn all_keys_are_asked_for_while_they_play() {
    let stage = Stage::new(Scene::Local);
    let (keys, inputs) = mpsc::channel(8);
    let (studio, events) = stage.dispatcher();
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
    let asked = std::cell::RefCell::new(Vec::new());
    let ask = |all| asked.borrow_mut().push(all);
    let looping = event_loop::run(&studio, no_server(None), events, &mut terminal, inputs, ask);
    let pressing = async {
        for code in [KeyCode::Char('k'), KeyCode::Char('a'), KeyCode::Esc, KeyCode::Char('q')] {
            keys.send(Input::Key(KeyEvent::from(code))).await.expect("it reads");
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::join!(looping, pressing);
    assert_eq!(asked.into_inner(), [true, false]);
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
