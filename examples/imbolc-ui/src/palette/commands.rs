//! The table of commands: name, arguments, help text and meaning of each.
//!
//! A command reads a view and returns intents; it never touches a dispatcher.

pub(super) mod choices;
mod clip_commands;
mod drum_commands;
mod lane_commands;
mod sound_commands;

use imbolc_net::{
    dispatcher::HostCommand,
    model::InstrumentId,
    studio::{
        Action, BusId, BusInputSetting, BusSendSetting, BusSetting, ChainSetting,
        CompressorSetting, Effect, EffectKind, EffectSetting, InstrumentSetting, Layer,
        LayerAction, LayerGroupId, LayerGroupSetting, LoopRegion, MasterSetting, MixerSetting,
        Name, NetworkAction, Output, PianoRollAction, ProjectAction, ProjectName, SendsSetting,
        SessionSetting, Slot, Source, SourceKind, SourceSetting, TimeSignature, TransportAction,
        TuningSetting,
    },
    util::unit::UnreadableValue,
};

use self::choices::Choices;
use super::names::{is_name, parse_key, parse_one, split_one};
use crate::{app::read_place, describe, intent::Intent, view::View};

/// A command of the palette.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// Its arguments, as the help shows them.
    pub(super) arguments: &'static str,
    pub(super) help: &'static str,
    /// What its arguments can be, one entry per argument. What is left of the line
    /// belongs to the last one.
    pub(super) choices: &'static [Choices],
    /// Parses the arguments.
    parse: fn(&str, &View) -> Parsed,
}

/// The intents of a command, or one line of explanation.
type Parsed = Result<Vec<Intent>, String>;

/// Declares the table.
macro_rules! commands {
    ($( $name:literal $arguments:literal $what:literal $([$($choices:expr),+])? => $parse:expr; )+) => {
        &[$( Command {
            name: $name,
            arguments: $arguments,
            help: $what,
            choices: &[$($($choices),+)?],
            parse: $parse,
        }, )+]
    };
}

pub(super) const COMMANDS: &[Command] = commands! {
    "play" "" "start playback" => |_, _| single(TransportAction::Play);
    "stop" "" "stop playback" => |_, _| single(TransportAction::Stop);
    "goto" "BAR[.BEAT[.TICK]]" "go to a bar" => |place, view| {
        single(TransportAction::Locate(read_place(place, &view.studio().session)?))
    };
    "set" "PARAMETER VALUE" "set a parameter: cutoff 8 kHz, attack 5 ms, pan L20" [lane_commands::parameters] => lane_commands::set_value;
    "tempo" "BPM" "set the tempo" => |bpm, _| {
        single(SessionSetting::Tempo(parse_value(bpm, "a tempo")?))
    };
    "metre" "4/4" "set the time signature" => |metre, _| {
        let (beats, unit) = metre.split_once('/').ok_or("write a time signature like 4/4")?;
        let (beats, unit) = (parse_number(beats, "the beats")?, parse_number(unit, "the unit")?);
        single(SessionSetting::TimeSignature(TimeSignature::new(beats, unit).map_err(|error| error.to_string())?))
    };
    "key" "C|F#|Bb|C minor|…" "set the key, or key and scale" [choices::keys] => |key, _| {
        let (key, scale) = parse_key(key)?;
        let scale = scale.map(|scale| SessionSetting::Scale(scale).into());
        Ok([SessionSetting::Key(key).into()].into_iter().chain(scale).collect())
    };
    "scale" "major|minor|…" "set the scale" [choices::scales] => |scale, _| {
        single(SessionSetting::Scale(parse_value(scale, "the scale")?))
    };
    "snap" "sixteenth|…|off" "set the grid" [choices::grids] => |snap, _| {
        let snap = if is_name(snap, "off") { None } else { Some(parse_value(snap, "the grid")?) };
        single(SessionSetting::Snap(snap))
    };
    "title" "NAME" "rename the session" => |name, _| {
        single(SessionSetting::Name(parse_name(name)?))
    };
    "add" "KIND [NAME]" "add an instrument of your own" [choices::sources] => |what, view| {
        let (source, name) = split_one(what, SourceKind::ALL, "source")?;
        let kind = describe::label(source);
        let name = if name.is_empty() { &kind } else { name };
        let id = view.studio().instruments.free_id(view.identity.client_id.0);
        single(NetworkAction::AddInstrument { id, name: parse_name(name)?, source })
    };
    "delete" "" "delete the selected instrument" => |_, view| {
        single(NetworkAction::DeleteInstrument(selected_instrument(view)?))
    };
    "rename" "NAME" "rename the selected instrument" => |name, view| {
        Ok(vec![Intent::set(selected_instrument(view)?, InstrumentSetting::Name(parse_name(name)?))])
    };
    "source" "KIND" "set the source of the selected instrument" [choices::sources] => |kind, view| {
        let source = SourceSetting::Kind(parse_one(kind, SourceKind::ALL, "source")?);
        Ok(vec![Intent::set(selected_instrument(view)?, InstrumentSetting::Source(source))])
    };
    "effect" "KIND" "add an effect to the selected instrument" [choices::effects] => |kind, view| {
        let effect = parse_one(kind, EffectKind::ALL, "effect")?;
        let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
        let add = ChainSetting::Add(instrument.chain.free_id(), effect, u8::MAX);
        Ok(vec![Intent::set(id, InstrumentSetting::Chain(add))])
    };
    "output" "master|BUS" "set the output of the selected instrument" [choices::outputs] => |output, view| {
        let output = if is_name(output, "master") { Output::Master } else { Output::Bus(BusId(parse_number(output, BUS)?)) };
        Ok(vec![Intent::set(selected_instrument(view)?, InstrumentSetting::Output(output))])
    };
    "input" "BUS|none" "set the bus that the selected bus input plays" [choices::optional_buses] => |bus, view| {
        let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
        let Source::BusInput(_) = instrument.source else {
            return Err("this instrument plays no bus: “:source bus input” makes it".into());
        };
        let input = SourceSetting::BusInput(BusInputSetting::Bus(bus_or_none(bus, view)?));
        Ok(vec![Intent::set(id, InstrumentSetting::Source(input))])
    };
    "sidechain" "BUS|none" "set the bus that drives the compressor of the selected instrument" [choices::optional_buses] => |bus, view| {
        let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
        let is_compressor = |slot: &&Slot| matches!(slot.effect, Effect::Compressor(_));
        let slot = instrument.chain.slots().iter().find(is_compressor);
        let slot = slot.ok_or("no compressor here: “:effect compressor” adds one")?.id;
        let side_chain = CompressorSetting::SideChain(bus_or_none(bus, view)?);
        let chain = ChainSetting::Effect(slot, EffectSetting::Compressor(side_chain));
        Ok(vec![Intent::set(id, InstrumentSetting::Chain(chain))])
    };
    "bus" "NAME" "add a bus" => |name, view| {
        single(MixerSetting::AddBus(view.studio().mixer.free_id(), parse_name(name)?))
    };
    "delbus" "BUS" "delete a bus" [choices::buses] => |bus, _| {
        single(MixerSetting::DeleteBus(BusId(parse_number(bus, BUS)?)))
    };
    "busname" "BUS NAME" "rename a bus" [choices::buses, choices::none] => |what, _| {
        let (bus, name) = split_number(what, BUS)?;
        single(MixerSetting::Bus(BusId(bus), BusSetting::Name(parse_name(name)?)))
    };
    "buseffect" "BUS KIND" "add an effect to a bus" [choices::buses, choices::effects] => |what, view| {
        let (bus, kind) = split_number(what, BUS)?;
        let bus = BusId(bus);
        let chain = &view.studio().mixer.bus(bus).ok_or(NO_BUS)?.chain;
        let add = ChainSetting::Add(chain.free_id(), parse_one(kind, EffectKind::ALL, "effect")?, u8::MAX);
        single(MixerSetting::Bus(bus, BusSetting::Chain(add)))
    };
    "mastereffect" "KIND" "add an effect to the master" [choices::effects] => |kind, view| {
        let chain = &view.studio().mixer.master.chain;
        let add = ChainSetting::Add(chain.free_id(), parse_one(kind, EffectKind::ALL, "effect")?, u8::MAX);
        single(MixerSetting::Master(MasterSetting::Chain(add)))
    };
    "send" "BUS [DB]" "add a send to a bus, or set its level" [choices::buses, choices::none] => |what, view| {
        let (bus, level) = split_number(what, BUS)?;
        let bus = BusId(bus);
        view.studio().mixer.bus(bus).ok_or(NO_BUS)?;
        let (id, instrument) = view.selected().ok_or(NOTHING_SELECTED)?;
        let sends = |setting| Intent::set(id, InstrumentSetting::Sends(setting));
        let mut intents = Vec::new();
        if instrument.sends.to(bus).is_none() {
            intents.push(sends(SendsSetting::Add(bus)));
        }
        if !level.is_empty() {
            let level = parse_value(level, "a level")?;
            intents.push(sends(SendsSetting::Set(bus, BusSendSetting::Level(level))));
        }
        if intents.is_empty() { Err(format!("a send to bus {bus} exists already")) } else { Ok(intents) }
    };
    "unsend" "BUS" "remove a send of the selected instrument" [choices::buses] => |bus, view| {
        let remove = SendsSetting::Remove(BusId(parse_number(bus, BUS)?));
        Ok(vec![Intent::set(selected_instrument(view)?, InstrumentSetting::Sends(remove))])
    };
    "group" "NAME" "add a layer group" => |name, view| {
        let there = |id: &LayerGroupId| view.studio().mixer.layer_group(*id).is_some();
        let free = (1..=u32::MAX).map(LayerGroupId).find(|id| !there(id)).ok_or("too many layer groups")?;
        single(MixerSetting::AddLayerGroup(free, parse_name(name)?))
    };
    "groupname" "GROUP NAME" "rename a layer group" [choices::groups, choices::none] => |what, _| {
        let (group, name) = split_number(what, GROUP)?;
        let name = LayerGroupSetting::Name(parse_name(name)?);
        single(MixerSetting::LayerGroup(LayerGroupId(group), name))
    };
    "delgroup" "GROUP" "delete a layer group, but not its instruments" [choices::groups] => |group, _| {
        single(MixerSetting::DeleteLayerGroup(LayerGroupId(parse_number(group, GROUP)?)))
    };
    "join" "GROUP|none" "move the selected instrument to a layer group" [choices::groups_or_none] => |group, view| {
        let group = if is_name(group, "none") { None } else { Some(LayerGroupId(parse_number(group, GROUP)?)) };
        Ok(vec![Intent::set(selected_instrument(view)?, InstrumentSetting::LayerGroup(group))])
    };
    "swing" "PERCENT" "delay every second eighth note; that of drums: drumswing" => |percent, _| {
        single(SessionSetting::Swing(parse_value(percent, "swing")?))
    };
    "pitch" "HZ" "set the concert pitch" => |hertz, _| {
        let pitch = parse_value(hertz, "the concert pitch")?;
        single(SessionSetting::Tuning(TuningSetting::ConcertPitch(pitch)))
    };
    "region" "BAR [to] BAR" "loop from the start of one bar to that of another" => |bars, view| {
        let (from, to) = bars.split_once(' ').ok_or("two bar numbers are needed")?;
        let to = to.trim().trim_start_matches("to ").trim();
        let session = &view.studio().session;
        let region = LoopRegion::new(read_place(from, session)?, read_place(to, session)?);
        single(TransportAction::Region(region.map_err(|error| error.to_string())?))
    };
    "clear" "" "delete all notes of the selected instrument" => |_, view| {
        single(NetworkAction::PianoRoll(selected_instrument(view)?, PianoRollAction::Clear))
    };
    "euclid" "PAD HITS [ROTATION]" "spread hits evenly over the steps of a pad" [choices::pads, choices::none] => drum_commands::euclid;
    "chain" "1 1 2|on|off" "play patterns in sequence" [choices::chains] => drum_commands::set_chain;
    "slice" "COUNT" "cut the sample of the kit into slices" => drum_commands::chop;
    "assign" "PAD" "assign the slices to pads, starting at this one" [choices::pads] => drum_commands::assign_slices;
    "pad" "PAD NAME" "rename a pad" [choices::pads, choices::none] => drum_commands::name_pad;
    "sound" "PAD nothing|slice N|key INSTRUMENT NOTE" "set the sound of a pad" [choices::pads, choices::sounds] => drum_commands::set_pad_sound;
    "pattern" "NAME" "rename the pattern" => drum_commands::rename_pattern;
    "steps" "COUNT" "set the length of the pattern" => drum_commands::set_length;
    "resolution" "sixteenth|…" "set the length of a step" [choices::note_values] => drum_commands::set_resolution;
    "drumswing" "PERCENT" "delay every second step of the drums" => drum_commands::set_swing;
    "automate" "PARAMETER" "add an automation lane for a parameter" [lane_commands::parameters] => lane_commands::automate;
    "point" "PLACE PARAMETER VALUE" "set a point of a lane: point 3.1.000 cutoff 8 kHz" [choices::none, lane_commands::parameters] => lane_commands::set_point;
    "capture" "NAME" "make a clip of the looped region" => clip_commands::capture;
    "clip" "NAME [BARS]" "add an empty clip" => clip_commands::create;
    "clipname" "CLIP NAME" "rename a clip" [choices::clips, choices::none] => clip_commands::rename;
    "own" "1,2,…" "ask to own instruments" [choices::instruments] => |ids, _| instruments(ids, Intent::Claim);
    "release" "1,2,…" "release instruments" [choices::instruments] => |ids, _| instruments(ids, Intent::Release);
    "privilege" "" "ask for the privilege" => |_, _| Ok(vec![Intent::RequestPrivilege]);
    "yield" "" "release the privilege" => |_, _| Ok(vec![Intent::ReleasePrivilege]);
    "admit" "NAME" "admit somebody who asks to join, or was removed" [choices::strangers] => |name, _| match name {
        "" => Err("a name is needed".into()),
        name => Ok(vec![Intent::Administer(HostCommand::Admit { name: name.into() })]),
    };
    "code" "" "make a new code for those who join" => |_, _| Ok(vec![Intent::Administer(HostCommand::NewCode)]);
    "undo" "" "undo your last step" => |_, _| Ok(vec![Intent::Undo]);
    "redo" "" "redo it" => |_, _| Ok(vec![Intent::Redo]);
    "save" "[NAME]" "save the project" [choices::projects] => |name, view| match name {
        "" if view.studio().projects.current.is_none() && view.may_lead() => {
            Err("the project has no name yet: type one after save".into())
        }
        "" => single(NetworkAction::Project(ProjectAction::Save)),
        name => single(NetworkAction::Project(ProjectAction::SaveAs(parse_project_name(name)?))),
    };
    "load" "NAME" "load a project" [choices::projects] => |name, _| {
        single(NetworkAction::Project(ProjectAction::Load(parse_project_name(name)?)))
    };
    "new" "" "start a new project" => |_, _| {
        single(NetworkAction::Project(ProjectAction::New))
    };
    "checkpoint" "NAME" "create a checkpoint of the project" => |name, _| {
        single(NetworkAction::Project(ProjectAction::CreateCheckpoint(parse_project_name(name)?)))
    };
    "forget" "NAME" "delete a checkpoint" [choices::checkpoints] => |name, _| {
        single(NetworkAction::Project(ProjectAction::DeleteCheckpoint(parse_project_name(name)?)))
    };
    "restore" "NAME" "restore a checkpoint" [choices::checkpoints] => |name, _| {
        single(NetworkAction::Project(ProjectAction::RestoreCheckpoint(parse_project_name(name)?)))
    };
    "recover" "NAME" "bring back work that was not saved" [choices::recovered] => |name, _| {
        single(NetworkAction::Project(ProjectAction::Recover(parse_project_name(name)?)))
    };
    "panic" "" "silence everything at once; playback goes on" => |_, _| single(NetworkAction::Panic);
    "bounce" "[FILE] [BAR BAR]" "render the song, or from one bar to the end of another, to a WAV file" => sound_commands::bounce;
    "sample" "[PAD] FILE" "play a WAV file: in a pad, in the slices of a kit, in a sampler, granular or wavetable" [choices::pads, choices::none] => sound_commands::sample;
    "impulse" "[bus BUS|master] FILE" "use a WAV file as the impulse response of a convolution" => sound_commands::impulse;
    "sync" "" "fetch the full state again" => |_, _| Ok(vec![Intent::Resynchronise]);
    "help" "" "show the keys" => |_, _| single(Action::from(LayerAction::Push(Layer::Help)));
    "quit" "" "quit" => |_, _| Ok(vec![Intent::Quit]);
};

const BUS: &str = "a bus number";
const NO_BUS: &str = "no such bus";
const GROUP: &str = "a layer group number";
const NOTHING_SELECTED: &str = "no instrument selected";

/// Parses a line; the name may be abbreviated as long as it is unambiguous.
///
/// # Errors
/// If the line is invalid. The message is one line.
pub(super) fn parse_line(line: &str, view: &View) -> Parsed {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let fitting: Vec<_> = commands_like(name).collect();
    let command = match (command_named(name), &fitting[..]) {
        (Some(command), _) => command,
        // Not the command whose name begins so: “pan” is no “panic”.
        (None, [] | [_]) if lane_commands::is_parameter(name, view) => {
            return Err(format!("no command {name}: “set {line}” sets the parameter"));
        }
        (None, [command]) => *command,
        (None, []) => return Err(format!("no command {name}: Tab lists all")),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|command| command.name).collect();
            return Err(format!("{name} is ambiguous: {}", names.join(", ")));
        }
    };
    (command.parse)(rest.trim(), view)
}

/// The command with this name, in any case.
pub(super) fn command_named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name.eq_ignore_ascii_case(name))
}

/// The commands whose names begin so, in any case.
pub(super) fn commands_like(start: &str) -> impl Iterator<Item = &'static Command> {
    let start = start.to_lowercase();
    COMMANDS.iter().filter(move |command| command.name.starts_with(&*start))
}

/// A bus, or `none`.
fn bus_or_none(bus: &str, view: &View) -> Result<Option<BusId>, String> {
    if is_name(bus, "none") {
        return Ok(None);
    }
    let bus = BusId(parse_number(bus, BUS)?);
    view.studio().mixer.bus(bus).ok_or(NO_BUS)?;
    Ok(Some(bus))
}

#[expect(clippy::unnecessary_wraps, reason = "every command returns a result")]
fn single(intent: impl Into<Intent>) -> Parsed {
    Ok(vec![intent.into()])
}

fn selected_instrument(view: &View) -> Result<InstrumentId, String> {
    Ok(view.selected().ok_or(NOTHING_SELECTED)?.0)
}

fn instruments(ids: &str, intent: fn(Vec<InstrumentId>) -> Intent) -> Parsed {
    let id = |id: &str| parse_number(id, "an instrument number").map(InstrumentId);
    let ids: Vec<_> = ids.split([',', ' ']).filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err("write instrument numbers like 1,2".into());
    }
    Ok(vec![intent(ids.into_iter().map(id).collect::<Result<_, _>>()?)])
}

/// A number, and the text after it.
fn split_number<'a>(text: &'a str, what: &str) -> Result<(u32, &'a str), String> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok((parse_number(first, what)?, rest.trim()))
}

fn parse_number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is not {what}"))
}

/// A value as it is shown, or in another way that a musician writes it.
fn parse_value<T: std::str::FromStr<Err = UnreadableValue>>(
    text: &str,
    what: &str,
) -> Result<T, String> {
    text.parse().map_err(|error| format!("{what} {error}"))
}

fn parse_name(name: &str) -> Result<Name, String> {
    Name::new(name).map_err(|error| error.to_string())
}

fn parse_project_name(name: &str) -> Result<ProjectName, String> {
    ProjectName::new(name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::COMMANDS;

    #[test]
    fn command_names_are_unique() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
