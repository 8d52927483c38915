//! The rows of the session pane: how each setting is shown, and what changes it.
//!
//! A table of functions over the state; it knows nothing about the cursor.

use imbolc_net::{
    studio::{
        Action, ClickSetting, HumaniseSetting, Key, LoopRegion, MidiMapSetting, Names, NoteValue,
        ProjectNotice, Scale, SessionSetting, StudioState, TimeSignature, TransportAction,
        TuningSetting, TuningSystem,
    },
    util::quantity::{Amount, Bpm, ConcertPitch, CountIn, MidiChannel, Ticks},
};
use ratatui::text::Span;

use crate::{
    app::place,
    intent::Intent,
    pane::mixer::{level, strip::moved},
    theme,
    view::View,
    words,
};

/// A setting of the session.
pub(super) struct Row {
    /// The heading above it.
    pub(super) group: &'static str,
    pub(super) label: &'static str,
    pub(super) shows: Shows,
    /// Changes it by a number of steps, if it has steps.
    pub(super) step: Option<fn(&StudioState, i16) -> Option<Intent>>,
    /// What Enter does, if it is not one step.
    pub(super) enter: Option<fn(&View) -> Intent>,
}

/// How a row is shown.
pub(super) enum Shows {
    /// A part of the studio, marked if it is not confirmed.
    Studio(fn(&StudioState) -> String),
    /// Anything else.
    Other(fn(&View) -> Vec<Span<'static>>),
}

impl Row {
    const fn new(group: &'static str, label: &'static str, shows: Shows) -> Self {
        Self { group, label, shows, step: None, enter: None }
    }

    const fn of(
        group: &'static str,
        label: &'static str,
        shows: fn(&StudioState) -> String,
    ) -> Self {
        Self::new(group, label, Shows::Studio(shows))
    }

    const fn step(self, step: fn(&StudioState, i16) -> Option<Intent>) -> Self {
        Self { step: Some(step), ..self }
    }

    const fn enter(self, enter: fn(&View) -> Intent) -> Self {
        Self { enter: Some(enter), ..self }
    }
}

/// The rows of the left column, if there are two.
pub(super) const LEFT: usize = 17;

pub(super) const ROWS: &[Row] = &[
    Row::of("Session", "name", |studio| studio.session.name.to_string())
        .enter(|view| type_with("title", &view.studio().session.name)),
    Row::of("Session", "tempo", |studio| format!("{:.1} bpm", studio.session.tempo.get()))
        .step(|studio, by| {
            let tempo = studio.session.tempo.get() + f32::from(by);
            let tempo = tempo.clamp(Bpm::MIN.get(), Bpm::MAX.get());
            set(SessionSetting::Tempo(Bpm::new(tempo).ok()?))
        })
        .enter(|view| type_with("tempo", &view.studio().session.tempo.get())),
    Row::of("Session", "key", |studio| key(studio.session.key))
        .step(|studio, by| set(SessionSetting::Key(after(Key::ALL, studio.session.key, by))))
        .enter(|_| Intent::Type("key ".into())),
    Row::of("Session", "scale", |studio| words::of(studio.session.scale))
        .step(|studio, by| set(SessionSetting::Scale(after(Scale::ALL, studio.session.scale, by))))
        .enter(|_| Intent::Type("scale ".into())),
    Row::of("Session", "metre", |studio| metre(studio.session.time_signature))
        .step(|studio, by| {
            let now = studio.session.time_signature;
            let beats = (i16::from(now.beats()) + by).clamp(1, 32);
            let next = TimeSignature::new(u8::try_from(beats).ok()?, now.unit());
            set(SessionSetting::TimeSignature(next.ok()?))
        })
        .enter(|view| type_with("metre", &metre(view.studio().session.time_signature))),
    Row::of("Session", "swing", |studio| percent(studio.session.swing))
        .step(|studio, by| set(SessionSetting::Swing(more(studio.session.swing, by)?)))
        .enter(|_| Intent::Type("swing ".into())),
    Row::of("Session", "concert pitch", |studio| {
        format!("{:.1} Hz", studio.session.tuning.concert_pitch.get())
    })
    .step(|studio, by| {
        let pitch = studio.session.tuning.concert_pitch.get() + f32::from(by);
        let pitch = pitch.clamp(ConcertPitch::MIN.get(), ConcertPitch::MAX.get());
        let pitch = ConcertPitch::new(pitch).ok()?;
        set(SessionSetting::Tuning(TuningSetting::ConcertPitch(pitch)))
    })
    .enter(|view| type_with("pitch", &view.studio().session.tuning.concert_pitch.get())),
    Row::of("Session", "tuning", |studio| words::of(studio.session.tuning.system)).step(
        |studio, by| {
            let system = after(TuningSystem::ALL, studio.session.tuning.system, by);
            set(SessionSetting::Tuning(TuningSetting::System(system)))
        },
    ),
    Row::of("Session", "snap", |studio| studio.session.snap.map_or("off".into(), words::of))
        .step(|studio, by| {
            set(SessionSetting::Snap(after_or_none(NoteValue::ALL, studio.session.snap, by)))
        })
        .enter(|_| Intent::Type("snap ".into())),
    Row::of("Click", "click", |studio| on(studio.session.click.on))
        .step(|studio, _| click(ClickSetting::On(!studio.session.click.on))),
    Row::of("Click", "level", |studio| level(studio.session.click.level)).step(|studio, by| {
        click(ClickSetting::Level(moved(studio.session.click.level, f32::from(by))))
    }),
    Row::of("Click", "accent", |studio| on(studio.session.click.accent))
        .step(|studio, _| click(ClickSetting::Accent(!studio.session.click.accent))),
    Row::of("Click", "count-in", |studio| studio.session.click.count_in.to_string()).step(
        |studio, by| {
            let bars = i16::from(studio.session.click.count_in.get()) + by;
            let bars = bars.clamp(0, CountIn::MAX.get().into());
            click(ClickSetting::CountIn(CountIn::new(u8::try_from(bars).ok()?).ok()?))
        },
    ),
    Row::of("Humanise", "timing", |studio| percent(studio.session.humanise.timing)).step(
        |studio, by| {
            let timing = more(studio.session.humanise.timing, by)?;
            set(SessionSetting::Humanise(HumaniseSetting::Timing(timing)))
        },
    ),
    Row::of("Humanise", "velocity", |studio| percent(studio.session.humanise.velocity)).step(
        |studio, by| {
            let velocity = more(studio.session.humanise.velocity, by)?;
            set(SessionSetting::Humanise(HumaniseSetting::Velocity(velocity)))
        },
    ),
    Row::of("Loop", "loop", |studio| on(studio.transport.looping))
        .step(|studio, _| Some(TransportAction::Loop(!studio.transport.looping).into())),
    Row::of("Loop", "region", |studio| {
        let (region, session) = (studio.transport.region, &studio.session);
        format!("{} to {}", place(region.start(), session), place(region.end(), session))
    })
    .step(|studio, by| {
        // In bars: the end moves, and stays after the start.
        let region = studio.transport.region;
        let bar = i64::from(studio.session.time_signature.bar());
        let end = i64::from(region.end().get()) + i64::from(by) * bar;
        let first = i64::from(region.start().get()) + bar;
        let end = Ticks::new(u32::try_from(end.max(first)).ok()?).ok()?;
        Some(TransportAction::Region(LoopRegion::new(region.start(), end).ok()?).into())
    })
    .enter(|view| {
        let region = view.studio().transport.region;
        let bar = view.studio().session.time_signature.bar();
        let [from, to] = [region.start(), region.end()].map(|tick| tick.get() / bar + 1);
        Intent::Type(format!("region {from} {to}"))
    }),
    Row::new("Privilege", "held by", Shows::Other(holder)).enter(|view| {
        if view.is_privileged() { Intent::ReleasePrivilege } else { Intent::RequestPrivilege }
    }),
    Row::of("Registries", "SynthDefs", |studio| {
        listed(studio.registry.synth_defs().map(|(_, definition)| &definition.name))
    }),
    Row::of("Registries", "plug-ins", |studio| {
        listed(studio.registry.plugins().map(|(_, definition)| &definition.name))
    }),
    Row::of("MIDI", "channel", |studio| {
        studio.session.midi.channel.map_or("all".into(), |channel| channel.to_string())
    })
    .step(|studio, by| {
        let channels = MidiChannel::MIN.get()..=MidiChannel::MAX.get();
        let channels: Vec<_> = channels.filter_map(|it| MidiChannel::new(it).ok()).collect();
        let next = after_or_none(&channels, studio.session.midi.channel, by);
        set(SessionSetting::Midi(MidiMapSetting::Channel(next)))
    }),
    Row::of("MIDI", "mappings", |studio| {
        let each = studio.session.midi.mappings();
        listed(each.map(|(_, it)| format!("CC {} {}", it.controller, words::of(it.target))))
    }),
    Row::of("Project", "name", |studio| {
        studio.projects.current.as_ref().map_or("not saved yet".into(), ToString::to_string)
    })
    .enter(|view| {
        let name = view.studio().projects.current.as_ref().map(ToString::to_string);
        type_with("save", &name.unwrap_or_default())
    }),
    Row::of("Project", "known", |studio| listed(names(&studio.projects.known)))
        .enter(|_| Intent::Type("load ".into())),
    Row::of("Project", "checkpoints", |studio| listed(names(&studio.projects.checkpoints)))
        .enter(|_| Intent::Type("checkpoint ".into())),
    Row::of("Project", "last", |studio| match &studio.projects.notice {
        ProjectNotice::Nothing => "nothing yet".into(),
        ProjectNotice::Working(task) => format!("under way: {}", words::of(task)),
        ProjectNotice::Done(task) => format!("done: {}", words::of(task)),
        ProjectNotice::Failed(task, why) => {
            format!("not done: {}: {}", words::of(task), words::failure(why))
        }
    }),
];

/// The holder of the privilege, and how long they have been away.
fn holder(view: &View) -> Vec<Span<'static>> {
    let Some(holder) = &view.state.roster.privileged else {
        return vec![Span::styled("nobody: Enter asks for it", theme::QUIET)];
    };
    let mut spans = vec![Span::styled(format!("★ {holder}"), theme::of(holder.client_id))];
    if holder.client_id == view.me.client_id {
        spans.push(Span::styled(" (you)", theme::QUIET));
    }
    if let Some(away) = view.away(holder.client_id) {
        let away = format!(" away {}", theme::duration(away));
        spans.push(Span::styled(away, theme::CAREFUL));
    }
    spans
}

#[expect(clippy::unnecessary_wraps, reason = "it ends what a step does")]
fn set(setting: SessionSetting) -> Option<Intent> {
    Some(Action::Session(setting).into())
}

fn click(setting: ClickSetting) -> Option<Intent> {
    set(SessionSetting::Click(setting))
}

fn type_with(command: &str, value: &impl ToString) -> Intent {
    Intent::Type(format!("{command} {}", value.to_string()))
}

/// The value that is `by` after `now`, wrapping around.
fn after<T: Copy + PartialEq>(all: &[T], now: T, by: i16) -> T {
    let at = all.iter().position(|other| *other == now).unwrap_or_default();
    let circle = all.len().max(1);
    let steps = usize::from(by.unsigned_abs()) % circle;
    let to = if by < 0 { at + circle - steps } else { at + steps };
    all.get(to % circle).copied().unwrap_or(now)
}

/// The same, where `None` comes before the first value.
fn after_or_none<T: Copy + PartialEq>(all: &[T], now: Option<T>, by: i16) -> Option<T> {
    let all: Vec<_> = std::iter::once(None).chain(all.iter().copied().map(Some)).collect();
    after(&all, now, by)
}

/// An amount changed by `by` percent.
fn more(amount: Amount, by: i16) -> Option<Amount> {
    let percent = (amount.get() * 100.0).round() + f32::from(by);
    Amount::new(percent.clamp(0.0, 100.0) / 100.0).ok()
}

fn on(on: bool) -> String {
    if on { "on" } else { "off" }.into()
}

fn percent(amount: Amount) -> String {
    format!("{:.0} %", amount.get() * 100.0)
}

fn metre(metre: TimeSignature) -> String {
    format!("{}/{}", metre.beats(), metre.unit())
}

fn key(key: Key) -> String {
    format!("{key:?}").replace("Sharp", "♯").replace("Flat", "♭")
}

fn names(names: &Names) -> impl Iterator<Item = String> {
    names.iter().map(ToString::to_string)
}

/// The number of items, and the names of the first ones.
fn listed(items: impl Iterator<Item = impl ToString>) -> String {
    /// More than these never fit on a line.
    const SPELT_OUT: usize = 8;
    let mut items = items.map(|item| item.to_string());
    let first: Vec<_> = items.by_ref().take(SPELT_OUT).collect();
    match (first.len(), items.count()) {
        (0, _) => "none".into(),
        (count, 0) => format!("{count}: {}", first.join(", ")),
        (count, more) => format!("{}: {}, …", count + more, first.join(", ")),
    }
}
