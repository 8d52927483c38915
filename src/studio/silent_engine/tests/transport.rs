//! The engine and the transport, while what the engine says is on its way.

use super::*;

impl Rig {
    /// As [`act`](Rig::act), but what the engine says is held back.
    fn tell(&mut self, action: TransportAction) -> Vec<TransportReport> {
        let action = NetworkAction::Transport(action);
        for effect in Studio::reduce(&mut self.state, &action).unwrap().effects {
            self.engine.perform(self.now, &self.state, effect);
        }
        self.reports(0)
    }

    /// What the engine says of the transport in the next `millis`.
    fn reports(&mut self, millis: u64) -> Vec<TransportReport> {
        self.now = self.now + Duration::from_millis(millis);
        let said = self.engine.advance(self.now, &self.state).actions.into_iter();
        said.filter_map(|action| match action {
            NetworkAction::TransportReport(report) => Some(report),
            _ => None,
        })
        .collect()
    }

    fn report(&self, tick: u32, ended: bool) -> TransportReport {
        let generation = self.state.transport.generation;
        TransportReport { generation, position: Ticks::of(tick), ended }
    }

    /// An arrangement of two beats, at whose end the music stops.
    fn short_piece() -> Self {
        let mut rig = Self::with([note(0, 60, 100)]);
        let clip = ClipId(1);
        let capture = ClipAction::Capture { clip, name: Name::default(), region: region(0, 960) };
        rig.act(&NetworkAction::Clip(BASS, capture));
        let place = PlacementAction::Place { placement: PlacementId(1), clip, tick: Ticks::MIN };
        rig.act(&NetworkAction::Placement(BASS, place));
        for setting in [
            ArrangementSetting::Play(PlayMode::Arrangement),
            ArrangementSetting::AtEnd(AtEnd::Stop),
        ] {
            rig.act(&NetworkAction::Arrangement(setting));
        }
        rig
    }
}

#[test]
fn stop_is_answered_once_with_its_place() {
    let mut rig = Rig::new();
    rig.tell(TransportAction::Play);
    assert_eq!(rig.reports(500), []);
    let report = rig.tell(TransportAction::Stop);
    assert_eq!(report, [rig.report(480, false)]);
    assert_eq!(rig.reports(500), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(480), "it stands, whatever the transport says");
}

#[test]
fn play_before_the_report_goes_on_where_it_stopped() {
    let mut rig = Rig::new();
    rig.tell(TransportAction::Play);
    rig.reports(500);
    rig.tell(TransportAction::Stop);
    assert_eq!(rig.state.transport.position, Ticks::MIN, "nothing is reported yet");
    rig.tell(TransportAction::Play);
    assert_eq!(rig.reports(500), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(960));
}

#[test]
fn locate_takes_the_place_of_the_report() {
    let mut rig = Rig::new();
    rig.tell(TransportAction::Play);
    rig.reports(500);
    let stop = NetworkAction::Transport(TransportAction::Stop);
    for effect in Studio::reduce(&mut rig.state, &stop).unwrap().effects {
        rig.engine.perform(rig.now, &rig.state, effect);
    }
    assert_eq!(rig.tell(TransportAction::Locate(Ticks::of(1920))), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(1920));
}

#[test]
fn stop_is_answered_again_if_the_end_is_stale() {
    let mut rig = Rig::short_piece();
    rig.tell(TransportAction::Play);
    assert_eq!(rig.reports(2000), [rig.report(960, true)]);
    assert_eq!(rig.tell(TransportAction::Stop), [rig.report(960, false)]);
}

#[test]
fn locate_plays_on_if_the_end_is_stale() {
    let mut rig = Rig::short_piece();
    rig.tell(TransportAction::Play);
    rig.reports(2000);
    rig.tell(TransportAction::Locate(Ticks::of(480)));
    assert!(rig.state.transport.playing);
    assert_eq!(rig.reports(250), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(720));
    assert_eq!(rig.reports(500), [rig.report(960, true)]);
    rig.tell(TransportAction::Stop);
    rig.tell(TransportAction::Locate(Ticks::of(480)));
    rig.reports(500);
    assert_eq!(rig.engine.playhead(), Ticks::of(480), "only the transport lets it play");
}

/// As after a flood of effects, while the report of the stop is still to be made.
#[test]
fn reset_goes_on_unless_the_transport_has_moved_on() {
    let mut rig = Rig::new();
    rig.tell(TransportAction::Play);
    rig.reports(500);
    rig.engine.reset(rig.now, &rig.state);
    assert_eq!(rig.reports(500), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(960));

    let stop = NetworkAction::Transport(TransportAction::Stop);
    for effect in Studio::reduce(&mut rig.state, &stop).unwrap().effects {
        rig.engine.perform(rig.now, &rig.state, effect);
    }
    rig.engine.reset(rig.now, &rig.state);
    assert_eq!(rig.reports(0), [rig.report(960, false)]);

    let locate = NetworkAction::Transport(TransportAction::Locate(Ticks::of(1920)));
    for action in [&locate, &NetworkAction::Transport(TransportAction::Play)] {
        Studio::reduce(&mut rig.state, action).unwrap();
    }
    rig.engine.reset(rig.now, &rig.state);
    rig.reports(500);
    assert_eq!(rig.engine.playhead(), Ticks::of(2400));
    rig.engine.reset(rig.now, &rig.state);
    rig.reports(500);
    assert_eq!(rig.engine.playhead(), Ticks::of(2880));
}

#[test]
fn reset_after_the_end_does_not_play_on() {
    let mut rig = Rig::short_piece();
    rig.tell(TransportAction::Play);
    rig.now = rig.now + Duration::from_secs(2);
    rig.engine.reset(rig.now, &rig.state);
    assert_eq!(rig.reports(0), [rig.report(960, true)]);
    rig.engine.reset(rig.now, &rig.state);
    assert_eq!(rig.reports(500), []);
    assert_eq!(rig.engine.playhead(), Ticks::of(960));
}

#[test]
fn recording_of_a_replaced_piece_is_dropped() {
    let mut rig = Rig::new();
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.strike(60);
    rig.wait(500);
    let stop = NetworkAction::Transport(TransportAction::Stop);
    for effect in Studio::reduce(&mut rig.state, &stop).unwrap().effects {
        rig.perform(effect);
    }
    rig.reset_to_starter();
    assert_eq!(rig.state.piano_roll.track(BASS).unwrap().notes().count(), 0);
}
