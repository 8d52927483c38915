//! The sequencer against a model of the server: the rules, one test each.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::needless_pass_by_value,
    clippy::similar_names,
    reason = "small numbers that are passed on unchanged; short calls; a stage has a state"
)]

mod lanes;
mod limits;
mod mixer;
mod notes;
mod property;
mod restart;
mod server;
mod strips;

use std::time::Duration;

use imbolc_net::{
    model::{EngineWorker, InstrumentId, Model, Reduction},
    studio::{
        BusId, ChainSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name,
        NetworkAction, PlaybackEvent, Played, SilentEngine, SourceKind, Studio, StudioEffect,
        StudioState,
    },
    util::{
        quantity::{PadNumber, Pitch, Semitones, Ticks, Velocity},
        time::Timestamp,
    },
};

use self::server::{Node, ServerModel};
use super::{Lanes, Sequencer, SequencerOptions, StripId, Urgency};

const BASS: InstrumentId = InstrumentId(1);
const LEAD: InstrumentId = InstrumentId(2);
const KIT: InstrumentId = InstrumentId(4);

/// How often the engine is called.
const STEP: Duration = Duration::from_millis(5);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A studio that is played.
struct Stage {
    now: Timestamp,
    state: StudioState,
    engine: SilentEngine,
    lanes: Lanes,
    sequencer: Sequencer,
    server: ServerModel,
    /// Whether there is a server.
    online: bool,
}

impl Stage {
    fn new() -> Self {
        Self::of(StudioState::starter(), ServerModel::new(Duration::ZERO))
    }

    /// A server to which nothing is known yet, with definitions that take so long.
    fn loading(loading: Duration) -> Self {
        Self::of(StudioState::starter(), ServerModel::new(loading))
    }

    fn of(state: StudioState, server: ServerModel) -> Self {
        let mut stage = Self {
            now: Timestamp::ZERO + Duration::from_secs(1),
            engine: SilentEngine::default(),
            lanes: Lanes::new(),
            sequencer: Sequencer::new(SequencerOptions::default()),
            state,
            server,
            online: true,
        };
        stage.engine.reset(stage.now, &stage.state);
        stage.server.run_to(stage.now);
        stage.sequencer.follow(stage.now, &stage.state, None);
        stage.sequencer.begin(stage.now, &mut stage.server);
        stage
    }

    /// One call of the engine, as it is made live.
    fn call(&mut self, events: Vec<Played>, live: bool) {
        let Self { now, state, lanes, sequencer, server, online, .. } = self;
        server.run_to(*now);
        let now = *now;
        let mut output = online.then_some(server);
        macro_rules! output {
            () => {
                output.as_mut().map(|output| &mut **output as &mut dyn crate::output::Output)
            };
        }
        sequencer.follow(now, state, output!());
        for event in events {
            if let PlaybackEvent::Automated { target, value } = event.what {
                lanes.insert(target, value);
            }
            let urgency = if live && event.time == now { Urgency::AtOnce } else { Urgency::OnTime };
            sequencer.play(&event, urgency, now, output!());
        }
        lanes.retain(|target, _| state.automation.lane(target).is_some());
        sequencer.keep_lanes(now, lanes, output!());
        if let Some(output) = output!() {
            sequencer.tick(now, output);
        }
    }

    /// Applies an action as a session does, and returns whether it was accepted.
    fn try_act(&mut self, action: &NetworkAction) -> bool {
        let mut state = self.state.clone();
        let Ok(Reduction { effects, .. }) = Studio::reduce(&mut state, action) else {
            return false;
        };
        self.state = state;
        self.call(Vec::new(), false);
        for effect in effects {
            let live = matches!(effect, StudioEffect::NoteOn { .. } | StudioEffect::NoteOff { .. });
            let mut events = Vec::new();
            let (now, state) = (self.now, &self.state);
            self.engine.perform_into(now, state, effect, &mut |played| events.push(played));
            self.call(events, live);
        }
        true
    }

    fn act(&mut self, action: NetworkAction) {
        assert!(self.try_act(&action), "{action:?} is refused");
    }

    fn set(&mut self, id: InstrumentId, setting: InstrumentSetting) {
        self.act(NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
    }

    fn chain(&mut self, id: InstrumentId, setting: ChainSetting) {
        self.set(id, InstrumentSetting::Chain(setting));
    }

    fn mixer(&mut self, setting: MixerSetting) {
        self.act(NetworkAction::Mixer(setting));
    }

    fn add_bus(&mut self, id: u8) -> BusId {
        let id = BusId(id.into());
        self.mixer(MixerSetting::AddBus(id, Name::default()));
        id
    }

    fn add(&mut self, id: u32, source: SourceKind) -> InstrumentId {
        let id = InstrumentId(id);
        self.act(NetworkAction::AddInstrument { id, name: Name::default(), source });
        id
    }

    /// A key that a participant strikes.
    fn press(&mut self, id: InstrumentId, pitch: u8) {
        let play = InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100));
        self.act(NetworkAction::Instrument(id, play));
    }

    fn let_go(&mut self, id: InstrumentId, pitch: u8) {
        let release = InstrumentAction::Release(Pitch::of(pitch));
        self.act(NetworkAction::Instrument(id, release));
    }

    /// An event of the music that is played now, `ago` before the call.
    fn event(&mut self, what: PlaybackEvent, ago: Duration) {
        let time = self.now.before(ago);
        self.call(vec![Played { time, tick: Ticks::of(0), pass: 0, what }], false);
    }

    fn note_on(&mut self, instrument: InstrumentId, pitch: u8) {
        let (pitch, velocity) = (Pitch::of(pitch), Velocity::of(100));
        self.event(PlaybackEvent::NoteOn { instrument, pitch, velocity }, Duration::ZERO);
    }

    fn note_off(&mut self, instrument: InstrumentId, pitch: u8) {
        let pitch = Pitch::of(pitch);
        self.event(PlaybackEvent::NoteOff { instrument, pitch }, Duration::ZERO);
    }

    fn strike_pad(&mut self, pad: u8, transposed: i8) {
        let what = PlaybackEvent::Pad {
            instrument: KIT,
            pad: PadNumber::of(pad),
            velocity: Velocity::of(127),
            transposed: Semitones::of(transposed),
        };
        self.event(what, Duration::ZERO);
    }

    /// Time passes.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = (self.now + STEP).min(end);
            let mut events = Vec::new();
            let output =
                self.engine.advance_into(self.now, &self.state, &mut |event| events.push(event));
            self.call(events, false);
            for action in output.actions {
                self.try_act(&action);
            }
        }
        self.server.run_to(self.now);
    }

    /// The fader of a strip; `None` if the server has no strip.
    fn fader(&self, strip: StripId) -> Option<&Node> {
        let (_, meter) = self.sequencer.meters().find(|(id, _)| *id == strip)?;
        self.server.nodes.values().find(|node| node.control("meter") == Some(meter))
    }

    fn has_strip(&self, id: InstrumentId) -> bool {
        self.fader(StripId::Instrument(id)).is_some()
    }

    /// The definitions of the effects of a strip, in their order.
    fn effects(&self, strip: StripId) -> Vec<String> {
        let Some(fader) = self.fader(strip) else { return Vec::new() };
        let nodes = self.server.groups[&fader.parent].iter().map(|id| &self.server.nodes[id]);
        nodes.filter(|node| node.is_effect()).filter_map(|node| node.name.clone()).collect()
    }

    fn voices_of(&self, id: InstrumentId) -> usize {
        let Some(fader) = self.fader(StripId::Instrument(id)) else { return 0 };
        let bus = fader.control("bus");
        self.server.voices().filter(|(_, node)| node.control("bus") == bus).count()
    }

    /// Asserts that only the mixer is left, and that nothing of what was used is kept.
    fn assert_at_rest(&self) {
        let groups = &self.server.groups;
        assert_eq!(groups[&1], Vec::<i32>::new(), "strips of instruments");
        assert_eq!(groups[&2].len(), self.state.mixer.buses().count(), "strips of buses");
        assert_eq!(groups[&3].len(), 1, "clicks");
        assert_eq!(self.server.voices().count(), 0, "voices");
        let blocks = self.server.nodes.values().filter_map(|node| node.control("params"));
        // A block without values is never set, and has the smallest size; a guard has none.
        let sizes = blocks
            .filter(|block| *block != 0)
            .map(|block| self.server.sizes.get(&block).copied().unwrap_or(8));
        assert_eq!(self.sequencer.buses_in_use(), sizes.sum::<usize>(), "control buses in use");
        assert!(!self.sequencer.is_busy());
    }
}
