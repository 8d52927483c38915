//! Random projects, played and edited at random.

use imbolc_net::{
    studio::{
        AutomationAction, BusInputSetting, BusParameter, BusSetting, ClickSetting,
        CompressorSetting, Content, ContentHash, Curve, DrumAction, DrumSetting, EffectKind,
        EffectSetting, EnvelopeParameter, FilterKind, FilterParameter, FilterSetting,
        InstrumentParameter, LfoSetting, LfoTarget, LoopRegion, MasterParameter, MasterSetting,
        Note, NoteValue, Output, PadSetting, PadSound, PianoRollAction, Point, SendsSetting,
        SessionParameter, SessionSetting, SlotId, SourceSetting, Target, TransportAction,
    },
    util::quantity::{Amount, Bpm, NoteLength, Probability},
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Something that a participant does, or time that passes.
#[derive(Clone, Debug)]
enum Deed {
    Act(Box<NetworkAction>),
    Wait(u64),
    Silence,
    Restart,
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    (1_u32..=6).prop_map(InstrumentId)
}

fn bus() -> impl Strategy<Value = BusId> {
    (1_u32..=2).prop_map(BusId)
}

fn slot() -> impl Strategy<Value = SlotId> {
    (1_u16..=4).prop_map(SlotId)
}

fn pitch() -> impl Strategy<Value = Pitch> {
    (60_u8..=63).prop_map(Pitch::of)
}

fn source() -> impl Strategy<Value = SourceKind> {
    use SourceKind::{AudioInput, BusInput, DrumKit, Fm, Kick, Oscillator, Pluck, Sampler};
    select(&[Oscillator, Oscillator, Fm, DrumKit, BusInput, AudioInput, Kick, Pluck, Sampler][..])
}

fn chain() -> impl Strategy<Value = ChainSetting> {
    prop_oneof![
        4 => (slot(), select(EffectKind::ALL), 0_u8..3)
            .prop_map(|(slot, kind, at)| ChainSetting::Add(slot, kind, at)),
        2 => slot().prop_map(ChainSetting::Remove),
        2 => (slot(), 0_u8..3).prop_map(|(slot, at)| ChainSetting::Move(slot, at)),
        2 => (slot(), any::<bool>()).prop_map(|(slot, on)| ChainSetting::Bypass(slot, on)),
        1 => (slot(), proptest::option::of(bus())).prop_map(|(slot, bus)| ChainSetting::Effect(
            slot,
            EffectSetting::Compressor(CompressorSetting::SideChain(bus))
        )),
    ]
}

fn setting() -> BoxedStrategy<InstrumentSetting> {
    prop_oneof![
        4 => chain().prop_map(InstrumentSetting::Chain),
        2 => source().prop_map(|kind| InstrumentSetting::Source(SourceSetting::Kind(kind))),
        1 => proptest::option::of(bus()).prop_map(|bus| InstrumentSetting::Source(
            SourceSetting::BusInput(BusInputSetting::Bus(bus)))),
        2 => select(vec![FilterKind::Off, FilterKind::LowPass, FilterKind::HighPass])
            .prop_map(|kind| InstrumentSetting::Filter(FilterSetting::Kind(kind))),
        1 => any::<bool>().prop_map(|on| InstrumentSetting::Lfo(LfoSetting::On(on))),
        1 => Just(InstrumentSetting::Lfo(LfoSetting::Sync(Some(NoteValue::Quarter)))),
        1 => Just(InstrumentSetting::Lfo(LfoSetting::Target(LfoTarget::Pan))),
        2 => bus().prop_map(|bus| InstrumentSetting::Sends(SendsSetting::Add(bus))),
        1 => bus().prop_map(|bus| InstrumentSetting::Sends(SendsSetting::Remove(bus))),
        2 => bus().prop_map(|bus| InstrumentSetting::Output(Output::Bus(bus))),
        1 => Just(InstrumentSetting::Output(Output::Master)),
        1 => any::<bool>().prop_map(InstrumentSetting::Solo),
        1 => any::<bool>().prop_map(InstrumentSetting::Mute),
    ]
    .boxed()
}

fn target() -> BoxedStrategy<Target> {
    use InstrumentParameter::{Amp, Filter, Level, Solo};
    let of_instrument =
        select(vec![Filter(FilterParameter::Cutoff), Level, Solo, Amp(EnvelopeParameter::Sustain)]);
    prop_oneof![
        4 => (instrument(), of_instrument).prop_map(|(id, own)| Target::Instrument(id, own)),
        1 => bus().prop_map(|bus| Target::Bus(bus, BusParameter::Mute)),
        1 => Just(Target::Master(MasterParameter::Level)),
        1 => Just(Target::Session(SessionParameter::Tempo)),
    ]
    .boxed()
}

fn action() -> BoxedStrategy<NetworkAction> {
    let name = Name::default;
    let file = Content { name: name(), digest: ContentHash([1; 16]) };
    let on_instrument = |own: BoxedStrategy<InstrumentAction>| {
        (instrument(), own).prop_map(|(id, own)| NetworkAction::Instrument(id, own)).boxed()
    };
    let lane = prop_oneof![
        1 => Just(AutomationAction::Add),
        4 => (0_u32..1_920, 0.0_f32..=1.0).prop_map(|(tick, value)| AutomationAction::Put(Point {
            tick: Ticks::of(tick), value: Amount::of(value), curve: Curve::Linear })),
        1 => Just(AutomationAction::Delete),
    ];
    let track = prop_oneof![
        5 => (0_u32..1_920, pitch(), 1_u32..700).prop_map(|(tick, pitch, length)| {
            PianoRollAction::Add(Note {
                tick: Ticks::of(tick),
                length: NoteLength::of(length),
                pitch,
                velocity: Velocity::of(90),
                probability: Probability::MAX,
            })
        }),
        1 => Just(PianoRollAction::Clear),
    ];
    let pad = (0_u8..3).prop_map(move |pad| {
        DrumSetting::Pad(PadNumber::of(pad), PadSetting::Sound(PadSound::Sample(file.clone())))
    });
    prop_oneof![
        8 => on_instrument(setting().prop_map(InstrumentAction::Set).boxed()),
        6 => on_instrument((pitch(), 1_u8..=127)
            .prop_map(|(pitch, hard)| InstrumentAction::Play(pitch, Velocity::of(hard))).boxed()),
        5 => on_instrument(pitch().prop_map(InstrumentAction::Release).boxed()),
        2 => (instrument(), source()).prop_map(move |(id, source)| {
            NetworkAction::AddInstrument { id, name: name(), source }
        }),
        1 => instrument().prop_map(NetworkAction::DeleteInstrument),
        2 => bus().prop_map(move |bus| NetworkAction::Mixer(MixerSetting::AddBus(bus, name()))),
        1 => bus().prop_map(|bus| NetworkAction::Mixer(MixerSetting::DeleteBus(bus))),
        2 => (bus(), chain()).prop_map(|(bus, chain)| {
            NetworkAction::Mixer(MixerSetting::Bus(bus, BusSetting::Chain(chain)))
        }),
        1 => chain().prop_map(|chain| {
            NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(chain)))
        }),
        4 => (target(), lane).prop_map(|(target, lane)| NetworkAction::Automation(target, lane)),
        4 => (instrument(), track).prop_map(|(id, track)| NetworkAction::PianoRoll(id, track)),
        2 => pad.prop_map(|pad| NetworkAction::Drums(KIT, DrumAction::Set(pad))),
        3 => select(vec![
            TransportAction::Play, TransportAction::Play, TransportAction::Stop,
            TransportAction::Locate(Ticks::of(0)), TransportAction::Locate(Ticks::of(500)),
            TransportAction::Loop(true), TransportAction::Loop(false),
        ]).prop_map(NetworkAction::Transport),
        1 => (60_u8..=240).prop_map(|tempo| {
            NetworkAction::Session(SessionSetting::Tempo(Bpm::of(tempo.into())))
        }),
        1 => any::<bool>()
            .prop_map(|on| NetworkAction::Session(SessionSetting::Click(ClickSetting::On(on)))),
    ]
    .boxed()
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        30 => action().prop_map(|action| Deed::Act(Box::new(action))),
        15 => (0_u64..60).prop_map(Deed::Wait),
        2 => (100_u64..1_500).prop_map(Deed::Wait),
        1 => Just(Deed::Silence),
        1 => Just(Deed::Restart),
    ]
}

impl Stage {
    fn perform(&mut self, deed: Deed) {
        match deed {
            Deed::Act(action) => drop(self.try_act(&action)),
            Deed::Wait(time) => self.wait(millis(time)),
            Deed::Silence => self.sequencer.silence(self.now, &mut self.server),
            Deed::Restart => super::restart::restart(self),
        }
    }

    /// Everything is let go, and nothing rings any more.
    fn come_to_rest(&mut self) {
        self.try_act(&NetworkAction::Transport(TransportAction::Stop));
        let ids: Vec<_> = self.state.instruments.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.act(NetworkAction::Instrument(id, InstrumentAction::ReleaseAll));
            let kind = self.state.instruments.get(id).unwrap().source.kind();
            if matches!(kind, SourceKind::AudioInput | SourceKind::BusInput) {
                let kind = SourceSetting::Kind(SourceKind::Oscillator);
                self.set(id, InstrumentSetting::Source(kind));
            }
        }
        self.wait(Duration::from_secs(2));
        // Long tails: only what is due matters.
        for _ in 0..40 {
            self.now = self.now + Duration::from_secs(5);
            self.call(Vec::new(), false);
        }
        self.wait(Duration::from_secs(2));
    }
}

/// The effects of a chain that have a definition, in their order.
fn order_of(stage: &Stage, strip: StripId) -> usize {
    let chain = match strip {
        StripId::Instrument(id) => &stage.state.instruments.get(id).unwrap().chain,
        StripId::Bus(bus) => &stage.state.mixer.bus(bus).unwrap().chain,
        StripId::Master => &stage.state.mixer.master.chain,
    };
    chain.slots().len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The model of the server fails on any message to what is not there.
    #[test]
    fn no_note_hangs_and_nothing_leaks(
        loading in select(vec![0_u64, 12, 200]),
        deeds in vec(deed(), 10..120),
    ) {
        let mut stage = Stage::loading(millis(loading));
        stage.server.files.insert(ContentHash([1; 16]));
        stage.act(NetworkAction::Transport(TransportAction::Region(
            LoopRegion::new(Ticks::of(0), Ticks::of(1_920)).unwrap(),
        )));
        for deed in deeds {
            stage.perform(deed);
        }
        stage.wait(millis(400));
        let strips: Vec<_> = stage.sequencer.meters().map(|(strip, _)| strip).collect();
        for strip in strips {
            prop_assert_eq!(stage.effects(strip).len(), order_of(&stage, strip), "{:?}", strip);
        }
        stage.come_to_rest();
        stage.assert_at_rest();
    }
}
