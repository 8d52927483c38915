//! The commands. They only use a [`Dispatcher`], so they work in every mode.

use std::{str::FromStr, sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher,
    dispatcher::{DispatchError, HostCommand},
    model::InstrumentId,
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, Note,
        PianoRollAction, ProjectAction, ProjectName, ProjectNotice, SessionSetting, SourceKind,
        TransportAction,
    },
    util::{
        quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
        unit::UnreadableValue,
    },
};

use crate::{
    host_words::{self, HOST_HELP},
    news::{News, Step, happens, say},
    show, words,
};

pub const HELP: &str = "\
add NAME [KIND]             add an instrument: oscillator, fm, pluck or kick
delete ID                   delete an instrument
own ID,…   release ID,…     request or release instruments
privilege  yield            request or release control of the session
filter ID FREQUENCY         set the filter cutoff of an instrument: 800, 8 kHz
level ID LEVEL              set its level: -6 dB, or -inf for silence
note ID BEAT KEY [BEATS]    add a note to its track; beats count from 1, keys are C4 or 60
key ID KEY on|off           play or release a key
play  stop  bpm N           start or stop the transport, set the tempo
undo  redo                  undo or redo your own last step
save [NAME]                 save the project, under a new name if given
load NAME                   load a project for all participants; unsaved work is kept
new                         start a new project for all; unsaved work is kept
recover NAME                bring unsaved work back that was kept
projects                    list the saved projects and the unsaved work that was kept
show  who  status           print the studio, the participants, the connection
wait SECONDS                print events for this long
wait show|who|status TEXT   … until the output has TEXT (`wait 5 show TEXT`: at most 5 s)
quit                        leave
On a host also:";

/// How long to wait for an answer to a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Default limit of `wait show TEXT`.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// How to continue after a command.
pub enum Then {
    Continue,
    /// The command failed, and the reason has been printed.
    Failed,
    Quit,
}

/// Runs one command line.
///
/// # Errors
/// Returns the text to show if the line is malformed or the command fails.
pub async fn run_line(
    line: &str,
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<Then, String> {
    let mut words: Vec<_> = line.split_whitespace().collect();
    // Commands in any case.
    let command = words.first().map(|word| word.to_lowercase()).unwrap_or_default();
    if let Some(first) = words.first_mut() {
        *first = &command;
    }
    match *words {
        [] => {}
        [comment, ..] if comment.starts_with('#') => {}
        ["help"] => {
            say(HELP);
            say(HOST_HELP);
        }
        ["quit"] => return Ok(Then::Quit),
        ["show"] => say(show::studio(&**studio)),
        ["people" | "who"] => say(show::participants(&**studio)),
        ["status"] => say(show::status(&**studio)),
        ["wait", ref what @ ..] => wait(what, studio, news).await?,
        ["own", ids] => own(&parse_ids(ids)?, studio, news).await?,
        ["release", ids] => or_text(studio.release_ownership(&parse_ids(ids)?))?,
        ["privilege"] => privilege(studio, news).await?,
        ["yield"] => or_text(studio.release_privilege())?,
        ["undo"] => undo_or_redo(Step::Undo, studio, news)?,
        ["redo"] => undo_or_redo(Step::Redo, studio, news)?,
        ["projects"] => say(show::projects(&**studio)),
        ["save"] => return project(ProjectAction::Save, studio, news).await,
        ["save", ref name @ ..] => {
            return project(ProjectAction::SaveAs(project_name(name)?), studio, news).await;
        }
        ["load", ref name @ ..] if !name.is_empty() => {
            return project(ProjectAction::Load(project_name(name)?), studio, news).await;
        }
        ["recover", ref name @ ..] if !name.is_empty() => {
            return project(ProjectAction::Recover(project_name(name)?), studio, news).await;
        }
        ["new"] => return project(ProjectAction::New, studio, news).await,
        ref words => match host_words::host_command(words, &studio.state()) {
            Some(command) => administer(command?, &**studio)?,
            None => dispatch(parse_action(words, &**studio)?, &**studio)?,
        },
    }
    Ok(Then::Continue)
}

fn administer(command: HostCommand, studio: &dyn Dispatcher) -> Result<(), String> {
    let done = host_words::done_by(&command, &studio.state());
    or_text(studio.administer(command))?;
    if let Some(done) = done {
        happens(done);
    }
    Ok(())
}

fn dispatch(action: NetworkAction, studio: &dyn Dispatcher) -> Result<(), String> {
    let dispatched = studio.dispatch(action.clone()).map(drop);
    dispatched.map_err(|error| match error {
        DispatchError::Refused(reason) => words::refusal(&studio.state().model, &action, &reason),
        error => error.to_string(),
    })
}

/// Undoes or redoes a step. The predicted changes are known at once; an event reports
/// whether all of them were applied.
fn undo_or_redo(step: Step, studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    let before = studio.state();
    or_text(match step {
        Step::Undo => studio.undo(),
        Step::Redo => studio.redo(),
    })?;
    news.expect(step, &words::changes(&before, &studio.state()));
    Ok(())
}

/// Runs a project task, and waits until it succeeds or fails.
async fn project(
    task: ProjectAction,
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<Then, String> {
    dispatch(NetworkAction::Project(task.clone()), &**studio)?;
    // Print the current notice first, in case the new one equals it.
    news.print_changes();
    let notice = || studio.state().model.projects.notice.clone();
    wait_for_answer(news, |_| !matches!(notice(), ProjectNotice::Working(_))).await?;
    Ok(if notice() == ProjectNotice::Done(task) { Then::Continue } else { Then::Failed })
}

fn project_name(words: &[&str]) -> Result<ProjectName, String> {
    or_text(ProjectName::new(&words.join(" ")))
}

/// Parses an editing command.
fn parse_action(words: &[&str], studio: &dyn Dispatcher) -> Result<NetworkAction, String> {
    Ok(match *words {
        ["add", name] => add(name, "oscillator", studio)?,
        ["add", name, kind] => add(name, kind, studio)?,
        ["delete", id] => NetworkAction::DeleteInstrument(parse_id(id)?),
        ["filter", id, ref cutoff @ ..] if !cutoff.is_empty() => {
            let (id, cutoff) = (parse_id(id)?, value(cutoff, "the cutoff")?);
            set(id, InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff)))
        }
        ["level", id, ref level @ ..] if !level.is_empty() => {
            set(parse_id(id)?, InstrumentSetting::Level(value(level, "the level")?))
        }
        ["note", id, beat, key] => note(id, beat, key, "1")?,
        ["note", id, beat, key, beats] => note(id, beat, key, beats)?,
        ["key", id, key, "on"] => {
            let id = parse_id(id)?;
            let strike = InstrumentAction::Play(pitch(key)?, Velocity::of(100));
            NetworkAction::Instrument(id, strike)
        }
        ["key", id, key, "off"] => {
            NetworkAction::Instrument(parse_id(id)?, InstrumentAction::Release(pitch(key)?))
        }
        ["play"] => NetworkAction::Transport(TransportAction::Play),
        ["stop"] => NetworkAction::Transport(TransportAction::Stop),
        ["bpm", ref tempo @ ..] if !tempo.is_empty() => {
            NetworkAction::Session(SessionSetting::Tempo(value(tempo, "the tempo")?))
        }
        [command, ..] => return Err(usage_error(command)),
        [] => return Err("empty command".into()),
    })
}

fn add(name: &str, kind: &str, studio: &dyn Dispatcher) -> Result<NetworkAction, String> {
    let matches = |&&source: &&SourceKind| format!("{source:?}").eq_ignore_ascii_case(kind);
    let source = SourceKind::ALL.iter().find(matches);
    let me = studio.identity().client_id;
    Ok(NetworkAction::AddInstrument {
        id: studio.state().model.instruments.free_id(me.0),
        name: or_text(Name::new(name))?,
        source: *source.ok_or_else(|| format!("unknown kind of instrument: {kind}"))?,
    })
}

fn set(id: InstrumentId, setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(id, InstrumentAction::Set(setting))
}

fn note(id: &str, beat: &str, key: &str, beats: &str) -> Result<NetworkAction, String> {
    let id = parse_id(id)?;
    let note = Note {
        tick: or_text(Ticks::new(ticks(number::<f64>(beat)? - 1.0)?))?,
        pitch: pitch(key)?,
        length: or_text(NoteLength::new(ticks(number(beats)?)?))?,
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    Ok(NetworkAction::PianoRoll(id, PianoRollAction::Add(note)))
}

/// Converts beats to ticks, and rejects times before the start.
fn ticks(beats: f64) -> Result<u32, String> {
    let ticks = (beats * 480.0).round();
    // `Ticks` and `NoteLength` check the upper limit.
    if ticks >= 0.0 { Ok(ticks as u32) } else { Err("beats count from 1".into()) }
}

/// Requests instruments, and waits for the answer.
async fn own(
    ids: &[InstrumentId],
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<(), String> {
    news.denied = 0;
    or_text(studio.request_ownership(ids))?;
    let me = studio.identity().client_id;
    let answered = |news: &News| {
        let roster = &studio.state().roster;
        let mine = ids.iter().filter(|&&id| roster.owns(me, id)).count();
        mine + news.denied >= ids.len()
    };
    wait_for_answer(news, answered).await
}

/// Requests the privilege, and waits for the answer.
async fn privilege(studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    news.denied = 0;
    or_text(studio.request_privilege())?;
    let me = studio.identity().client_id;
    wait_for_answer(news, |news| news.denied > 0 || studio.state().roster.is_privileged(me)).await
}

async fn wait_for_answer(news: &mut News, answered: impl Fn(&News) -> bool) -> Result<(), String> {
    if news.until(ANSWER_TIMEOUT, answered).await {
        Ok(())
    } else {
        Err("no answer from the host".into())
    }
}

async fn wait(what: &[&str], studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    let (seconds, what) = match what {
        [seconds, rest @ ..] if seconds.starts_with(|c: char| c.is_ascii_digit()) => {
            let seconds = number::<f32>(seconds)?;
            (Some(or_text(Duration::try_from_secs_f32(seconds))?), rest)
        }
        rest => (None, rest),
    };
    let shown: fn(&dyn Dispatcher) -> String = match what {
        [] if seconds.is_some() => {
            news.until(seconds.unwrap_or_default(), |_| false).await;
            return Ok(());
        }
        ["show", _, ..] => show::studio,
        ["who", _, ..] => show::participants,
        ["status", _, ..] => show::status,
        _ => return Err(usage_error("wait")),
    };
    let text = what[1..].join(" ");
    // The output is padded into columns; the text to find is not.
    let there = |_: &News| collapse_spaces(&shown(&**studio)).contains(&text);
    let limit = seconds.unwrap_or(WAIT_TIMEOUT);
    if news.until(limit, there).await {
        Ok(())
    } else {
        let seconds = limit.as_secs_f32();
        Err(format!("`{} {text}` did not show within {seconds} s", what[0]))
    }
}

fn collapse_spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse_ids(list: &str) -> Result<Vec<InstrumentId>, String> {
    list.split(',').map(parse_id).collect()
}

fn parse_id(id: &str) -> Result<InstrumentId, String> {
    number(id).map(InstrumentId)
}

fn pitch(key: &str) -> Result<Pitch, String> {
    value(&[key], "a key")
}

/// A value as it is shown (`8 kHz`), or without its unit.
fn value<T: FromStr<Err = UnreadableValue>>(words: &[&str], what: &str) -> Result<T, String> {
    words.join(" ").parse().map_err(|error| format!("{what} {error}"))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a valid number here"))
}

fn usage_error(command: &str) -> String {
    // The usage column of the lines that name the command.
    let column = |line: &str| collapse_spaces(&line.chars().take(28).collect::<String>());
    let names = |usage: &String| usage.split(' ').any(|word| word == command);
    let lines = HELP.lines().chain(HOST_HELP.lines());
    let usages: Vec<_> = lines.map(column).filter(names).collect();
    if usages.is_empty() {
        format!("unknown command {command}; `help` lists all commands")
    } else {
        format!("usage: {}", usages.join(", or "))
    }
}

fn or_text<T, E: ToString>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
