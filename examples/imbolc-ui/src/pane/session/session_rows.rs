//! The rows of the session pane: how each setting is shown, and what changes it.
//!
//! A table of functions over the state; it knows nothing about the cursor.

use imbolc_net::{
    studio::{
        ClickSetting, HumaniseSetting, Key, LoopRegion, MidiMapSetting, Names, NetworkAction,
        NoteValue, ProjectNotice, Scale, SessionSetting, StudioState, TimeSignature,
        TransportAction, TuningSetting, TuningSystem,
    },
    util::quantity::{Amount, Bpm, ConcertPitch, CountIn, MidiChannel, Ticks},
};
use ratatui::text::Span;

use crate::{
    app::{bar_beat_tick, short_place},
    describe,
    intent::Intent,
    pane::mixer::strip::level_moved,
    theme,
    view::View,
};

/// A setting of the session.
pub(super) struct Row {
    /// The heading above it.
    pub(super) group: &'static str,
    pub(super) label: &'static str,
    /// What it is for, in one line.
    pub(super) about: &'static str,
    pub(super) shows: RowContent,
    /// Changes it by a number of steps, if it has steps.
    pub(super) step: Option<fn(&StudioState, i16) -> Option<Intent>>,
    /// What Enter does, if it is not one step.
    pub(super) enter: Option<fn(&View) -> Intent>,
}

/// How a row is shown.
pub(super) enum RowContent {
    /// A part of the studio, marked if it is not confirmed.
    Studio(fn(&StudioState) -> String),
    /// Anything else.
    Other(fn(&View) -> Vec<Span<'static>>),
}

impl Row {
    const fn new(
        group: &'static str,
        label: &'static str,
        about: &'static str,
        shows: RowContent,
    ) -> Self {
        Self { group, label, about, shows, step: None, enter: None }
    }

    const fn of(
        group: &'static str,
        label: &'static str,
        about: &'static str,
        shows: fn(&StudioState) -> String,
    ) -> Self {
        Self::new(group, label, about, RowContent::Studio(shows))
    }

    const fn step(self, step: fn(&StudioState, i16) -> Option<Intent>) -> Self {
        Self { step: Some(step), ..self }
    }

    const fn enter(self, enter: fn(&View) -> Intent) -> Self {
        Self { enter: Some(enter), ..self }
    }
}

/// The rows of the left column, if there are two.
pub(super) const LEFT_ROWS: usize = 18;

pub(super) const ROWS: &[Row] = &[
    Row::of("Session", "name", "what others see when they look for the session", |studio| {
        studio.session.name.to_string()
    })
    .enter(|view| prefill("title", &view.studio().session.name)),
    Row::of("Session", "tempo", "the speed, in quarter notes per minute", |studio| {
        studio.session.tempo.to_string()
    })
    .step(|studio, by| {
        let tempo = studio.session.tempo.get() + f32::from(by);
        let tempo = tempo.clamp(Bpm::MIN.get(), Bpm::MAX.get());
        set_session(SessionSetting::Tempo(Bpm::new(tempo).ok()?))
    })
    .enter(|view| type_value("tempo", &view.studio().session.tempo)),
    Row::of("Session", "key", "the key of the piece", |studio| studio.session.key.to_string())
        .step(|studio, by| {
            set_session(SessionSetting::Key(cycle(Key::ALL, studio.session.key, by)))
        })
        .enter(|_| Intent::OpenPalette("key ".into())),
    Row::of("Session", "scale", "the scale of the piece", |studio| {
        describe::label(studio.session.scale)
    })
    .step(|studio, by| {
        set_session(SessionSetting::Scale(cycle(Scale::ALL, studio.session.scale, by)))
    })
    .enter(|_| Intent::OpenPalette("scale ".into())),
    Row::of("Session", "metre", "the beats of a bar, and the note that is a beat", |studio| {
        time_signature_text(studio.session.time_signature)
    })
    .step(|studio, by| {
        let now = studio.session.time_signature;
        let beats = (i16::from(now.beats()) + by).clamp(1, 32);
        let next = TimeSignature::new(u8::try_from(beats).ok()?, now.unit());
        set_session(SessionSetting::TimeSignature(next.ok()?))
    })
    .enter(|view| prefill("metre", &time_signature_text(view.studio().session.time_signature))),
    Row::of("Session", "swing", "how late every second eighth note is", |studio| {
        studio.session.swing.to_string()
    })
    .step(|studio, by| set_session(SessionSetting::Swing(add_percent(studio.session.swing, by)?)))
    .enter(|view| type_value("swing", &view.studio().session.swing)),
    Row::of("Session", "concert pitch", "the frequency of A4", |studio| {
        studio.session.tuning.concert_pitch.to_string()
    })
    .step(|studio, by| {
        let pitch = studio.session.tuning.concert_pitch.get() + f32::from(by);
        let pitch = pitch.clamp(ConcertPitch::MIN.get(), ConcertPitch::MAX.get());
        let pitch = ConcertPitch::new(pitch).ok()?;
        set_session(SessionSetting::Tuning(TuningSetting::ConcertPitch(pitch)))
    })
    .enter(|view| type_value("pitch", &view.studio().session.tuning.concert_pitch)),
    Row::of("Session", "tuning", "how the twelve keys divide an octave", |studio| {
        describe::label(studio.session.tuning.system)
    })
    .step(|studio, by| {
        let system = cycle(TuningSystem::ALL, studio.session.tuning.system, by);
        set_session(SessionSetting::Tuning(TuningSetting::System(system)))
    }),
    Row::of(
        "Session",
        "snap",
        "the step by which cursors move in the roll and on lanes",
        |studio| studio.session.snap.map_or("off".into(), describe::label),
    )
    .step(|studio, by| {
        set_session(SessionSetting::Snap(cycle_optional(NoteValue::ALL, studio.session.snap, by)))
    })
    .enter(|_| Intent::OpenPalette("snap ".into())),
    Row::of(
        "Session",
        "chase notes",
        "starting in the middle of a long note sounds it",
        |studio| on_off(studio.session.chase_notes),
    )
    .step(|studio, _| set_session(SessionSetting::ChaseNotes(!studio.session.chase_notes))),
    Row::of("Click", "click", "the metronome", |studio| on_off(studio.session.click.on))
        .step(|studio, _| set_click(ClickSetting::On(!studio.session.click.on))),
    Row::of("Click", "level", "how loud the metronome is", |studio| {
        studio.session.click.level.to_string()
    })
    .step(|studio, by| {
        set_click(ClickSetting::Level(level_moved(studio.session.click.level, f32::from(by))))
    })
    .enter(|view| type_value("set click level", &view.studio().session.click.level)),
    Row::of("Click", "accent", "the first beat of a bar clicks louder", |studio| {
        on_off(studio.session.click.accent)
    })
    .step(|studio, _| set_click(ClickSetting::Accent(!studio.session.click.accent))),
    Row::of("Click", "count-in", "the bars that click before playback starts", |studio| {
        let click = &studio.session.click;
        let silent = if click.on || click.count_in == CountIn::MIN { "" } else { " (click off)" };
        format!("{}{silent}", click.count_in)
    })
    .step(|studio, by| {
        let bars = i16::from(studio.session.click.count_in.get()) + by;
        let bars = bars.clamp(0, CountIn::MAX.get().into());
        set_click(ClickSetting::CountIn(CountIn::new(u8::try_from(bars).ok()?).ok()?))
    })
    .enter(|view| type_value("set click count in", &view.studio().session.click.count_in)),
    Row::of("Humanise", "timing", "how far notes stray from their time", |studio| {
        studio.session.humanise.timing.to_string()
    })
    .step(|studio, by| {
        let timing = add_percent(studio.session.humanise.timing, by)?;
        set_session(SessionSetting::Humanise(HumaniseSetting::Timing(timing)))
    })
    .enter(|view| type_value("set humanise timing", &view.studio().session.humanise.timing)),
    Row::of("Humanise", "velocity", "how far notes stray from their velocity", |studio| {
        studio.session.humanise.velocity.to_string()
    })
    .step(|studio, by| {
        let velocity = add_percent(studio.session.humanise.velocity, by)?;
        set_session(SessionSetting::Humanise(HumaniseSetting::Velocity(velocity)))
    })
    .enter(|view| type_value("set humanise velocity", &view.studio().session.humanise.velocity)),
    Row::of("Loop", "loop", "playback repeats the region; L does the same", |studio| {
        on_off(studio.transport.looping)
    })
    .step(|studio, _| Some(TransportAction::Loop(!studio.transport.looping).into())),
    Row::of(
        "Loop",
        "region",
        "the bars that repeat: Enter types them, + and - move the end",
        |studio| {
            let (region, session) = (studio.transport.region, &studio.session);
            format!(
                "{} to {}",
                bar_beat_tick(region.start(), session),
                bar_beat_tick(region.end(), session)
            )
        },
    )
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
        let session = &view.studio().session;
        let [from, to] = [region.start(), region.end()].map(|tick| short_place(tick, session));
        Intent::OpenPalette(format!("region {from} {to}"))
    }),
    Row::new(
        "Privilege",
        "held by",
        "who may play and stop, set the tempo, mix buses, save",
        RowContent::Other(privilege_holder),
    )
    .enter(|view| {
        if view.is_privileged() { Intent::ReleasePrivilege } else { Intent::RequestPrivilege }
    }),
    Row::of("Sounds", "SynthDefs", "custom sounds, which a synth def source plays", |studio| {
        summary(studio.registry.synth_defs().map(|(_, definition)| &definition.name))
    }),
    Row::of("Sounds", "plug-ins", "the VST plug-ins of the host", |studio| {
        summary(studio.registry.plugins().map(|(_, definition)| &definition.name))
    }),
    Row::of("MIDI", "channel", "the MIDI channel that is listened to", |studio| {
        studio.session.midi.channel.map_or("all".into(), |channel| channel.to_string())
    })
    .step(|studio, by| {
        let channels = MidiChannel::MIN.get()..=MidiChannel::MAX.get();
        let channels: Vec<_> = channels.filter_map(|it| MidiChannel::new(it).ok()).collect();
        let next = cycle_optional(&channels, studio.session.midi.channel, by);
        set_session(SessionSetting::Midi(MidiMapSetting::Channel(next)))
    }),
    Row::of(
        "MIDI",
        "mappings",
        "which knob of a MIDI controller turns which parameter",
        |studio| {
            let each = studio.session.midi.mappings();
            summary(
                each.map(|(_, it)| format!("CC {} {}", it.controller, describe::label(it.target))),
            )
        },
    ),
    Row::of("Project", "name", "Enter saves under a name", |studio| {
        studio.projects.current.as_ref().map_or("not saved yet".into(), ToString::to_string)
    })
    .enter(|view| {
        let name = view.studio().projects.current.as_ref().map(ToString::to_string);
        prefill("save", &name.unwrap_or_default())
    }),
    Row::of("Project", "saved", "Enter loads a project", |studio| {
        summary(names(&studio.projects.known))
    })
    .enter(|_| Intent::OpenPalette("load ".into())),
    Row::of(
        "Project",
        "checkpoints",
        "states to come back to: Enter makes one, :restore NAME brings it back",
        |studio| summary(names(&studio.projects.checkpoints)),
    )
    .enter(|_| Intent::OpenPalette("checkpoint ".into())),
    Row::of("Project", "last task", "what became of saving, loading and the like", |studio| {
        match &studio.projects.notice {
            ProjectNotice::Nothing => "nothing yet".into(),
            ProjectNotice::Kept(name) => format!("kept unsaved: {name}"),
            ProjectNotice::Working(task) => format!("running: {}", describe::label(task)),
            ProjectNotice::Done(task) => describe::project_done(task),
            ProjectNotice::Failed(task, why) => {
                format!("failed: {}: {}", describe::label(task), describe::project_failure(why))
            }
        }
    }),
];

/// The holder of the privilege, and how long they have been away.
fn privilege_holder(view: &View) -> Vec<Span<'static>> {
    let Some(holder) = &view.state.roster.privileged else {
        let free = if view.may_lead() { "free: yours while alone" } else { "free: Enter takes it" };
        return vec![Span::styled(free, theme::DIM)];
    };
    let mut spans =
        vec![Span::styled(format!("★ {holder}"), theme::participant_style(holder.client_id))];
    if holder.client_id == view.identity.client_id {
        spans.push(Span::styled(" (you)", theme::DIM));
    }
    if let Some(away) = view.away(holder.client_id) {
        let away = format!(" away {}", theme::duration_text(away));
        spans.push(Span::styled(away, theme::WARNING));
    }
    spans
}

#[expect(clippy::unnecessary_wraps, reason = "every step returns an option")]
fn set_session(setting: SessionSetting) -> Option<Intent> {
    Some(NetworkAction::Session(setting).into())
}

fn set_click(setting: ClickSetting) -> Option<Intent> {
    set_session(SessionSetting::Click(setting))
}

fn prefill(command: &str, value: &impl ToString) -> Intent {
    Intent::OpenPalette(format!("{command} {}", value.to_string()))
}

/// Opens the line with a command and the present value.
fn type_value(command: &str, value: &impl ToString) -> Intent {
    Intent::TypeValue { command: command.into(), value: value.to_string() }
}

/// The value that is `by` after `now`, wrapping around.
fn cycle<T: Copy + PartialEq>(all: &[T], now: T, by: i16) -> T {
    let at = all.iter().position(|other| *other == now).unwrap_or_default();
    let circle = all.len().max(1);
    let steps = usize::from(by.unsigned_abs()) % circle;
    let to = if by < 0 { at + circle - steps } else { at + steps };
    all.get(to % circle).copied().unwrap_or(now)
}

/// The same, where `None` comes before the first value.
fn cycle_optional<T: Copy + PartialEq>(all: &[T], now: Option<T>, by: i16) -> Option<T> {
    let all: Vec<_> = std::iter::once(None).chain(all.iter().copied().map(Some)).collect();
    cycle(&all, now, by)
}

/// An amount changed by `by` percent.
fn add_percent(amount: Amount, by: i16) -> Option<Amount> {
    let percent = (amount.get() * 100.0).round() + f32::from(by);
    Amount::new(percent.clamp(0.0, 100.0) / 100.0).ok()
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.into()
}

fn time_signature_text(time_signature_text: TimeSignature) -> String {
    format!("{}/{}", time_signature_text.beats(), time_signature_text.unit())
}

fn names(names: &Names) -> impl Iterator<Item = String> {
    names.iter().map(ToString::to_string)
}

/// The number of items, and the names of the first ones.
fn summary(items: impl Iterator<Item = impl ToString>) -> String {
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
