//! The commands: the same in every mode, for all they see is a [`Dispatcher`].

use std::{str::FromStr, sync::Arc, time::Duration};

use imbolc_net::{
    Dispatcher,
    dispatcher::DispatchError,
    model::InstrumentId,
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, Note,
        PianoRollAction, ProjectAction, ProjectName, ProjectNotice, SessionSetting, SourceKind,
        TransportAction,
    },
    util::quantity::{Bpm, Decibels, Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
};

use crate::{
    news::{News, Step, say},
    show, words,
};

pub const HELP: &str = "\
add NAME [KIND]             a new instrument: oscillator, fm, pluck or kick
delete ID                   away with an instrument
own ID,…   release ID,…     take instruments, or give them up
privilege  yield            take the control of the session, or give it up
filter ID HERTZ             the cutoff of an instrument's filter
level ID DECIBELS           its fader
note ID BEAT KEY [BEATS]    a note in its track; beats count from 1, key 60 is C4
key ID KEY on|off           play it
play  stop  bpm N           the transport, and its tempo
undo  redo                  take back your own last step, and do it again
save [NAME]                 keep the session, under this name from now on
load NAME                   go on with that one, all of you; what is not saved is lost
new                         begin anew, all of you; what is not saved is lost
projects                    what can be loaded
show  who  status           what there is, who takes part, how the connection does
wait SECONDS                print what happens for so long
wait show|who|status TEXT   … until TEXT shows there (`wait 5 show TEXT`: at most 5 s)
quit                        leave";

/// How long a wish may be unanswered, in a network that works.
const ANSWER: Duration = Duration::from_secs(10);

/// How long `wait show TEXT` waits unless it is told how long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is more to come.
pub enum Then {
    Go,
    /// And it has been said why this line could not be carried out.
    Failed,
    Quit,
}

/// Carries out a line.
///
/// # Errors
/// In words, if the line makes no sense or cannot be done.
pub async fn carry_out(
    line: &str,
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<Then, String> {
    let words: Vec<_> = line.split_whitespace().collect();
    match *words {
        [] => {}
        [comment, ..] if comment.starts_with('#') => {}
        ["help"] => say(HELP),
        ["quit"] => return Ok(Then::Quit),
        ["show"] => say(show::studio(&**studio)),
        ["who"] => say(show::people(&**studio)),
        ["status"] => say(show::status(&**studio)),
        ["wait", ref what @ ..] => wait(what, studio, news).await?,
        ["own", ids] => own(&instruments(ids)?, studio, news).await?,
        ["release", ids] => done(studio.release_ownership(&instruments(ids)?))?,
        ["privilege"] => privilege(studio, news).await?,
        ["yield"] => done(studio.release_privilege())?,
        ["undo"] => trace(Step::Back, studio, news)?,
        ["redo"] => trace(Step::Forth, studio, news)?,
        ["projects"] => say(show::projects(&**studio)),
        ["save"] => return project(ProjectAction::Save, studio, news).await,
        ["save", ref name @ ..] => {
            return project(ProjectAction::SaveAs(named(name)?), studio, news).await;
        }
        ["load", ref name @ ..] if !name.is_empty() => {
            return project(ProjectAction::Load(named(name)?), studio, news).await;
        }
        ["new"] => return project(ProjectAction::New, studio, news).await,
        ref edit => dispatch(action(edit, &**studio)?, &**studio)?,
    }
    Ok(Then::Go)
}

fn dispatch(action: NetworkAction, studio: &dyn Dispatcher) -> Result<(), String> {
    studio.dispatch(action.clone()).map_err(|error| match error {
        DispatchError::Refused(reason) => words::refusal(&action, &reason),
        error => error.to_string(),
    })
}

/// Takes a step back, or forth again. What it changes is known at once; whether
/// all of that could be, an event says.
fn trace(step: Step, studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    let before = studio.state();
    done(match step {
        Step::Back => studio.undo(),
        Step::Forth => studio.redo(),
    })?;
    news.expect(step, &words::changes(&before, &studio.state()));
    Ok(())
}

/// Has something done to a project, and waits until it is, or cannot be.
async fn project(
    task: ProjectAction,
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<Then, String> {
    dispatch(NetworkAction::Project(task.clone()), &**studio)?;
    // The same outcome as the last time is one all the same.
    news.look();
    let notice = || studio.state().model.projects.notice.clone();
    hear(news, |_| !matches!(notice(), ProjectNotice::Working(_))).await?;
    Ok(if notice() == ProjectNotice::Done(task) { Then::Go } else { Then::Failed })
}

fn named(words: &[&str]) -> Result<ProjectName, String> {
    done(ProjectName::new(&words.join(" ")))
}

/// The action that a command stands for.
fn action(words: &[&str], studio: &dyn Dispatcher) -> Result<NetworkAction, String> {
    Ok(match *words {
        ["add", name] => add(name, "oscillator", studio)?,
        ["add", name, kind] => add(name, kind, studio)?,
        ["delete", id] => NetworkAction::DeleteInstrument(instrument(id)?),
        ["filter", id, cutoff] => {
            let id = instrument(id)?;
            let cutoff = done(Hertz::new(number(cutoff)?))?;
            set(id, InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff)))
        }
        ["level", id, level] => {
            let id = instrument(id)?;
            set(id, InstrumentSetting::Level(done(Decibels::new(number(level)?))?))
        }
        ["note", id, beat, key] => note(id, beat, key, "1")?,
        ["note", id, beat, key, beats] => note(id, beat, key, beats)?,
        ["key", id, key, "on"] => {
            let id = instrument(id)?;
            let strike = InstrumentAction::Play(pitch(key)?, Velocity::of(100));
            NetworkAction::Instrument(id, strike)
        }
        ["key", id, key, "off"] => {
            NetworkAction::Instrument(instrument(id)?, InstrumentAction::Release(pitch(key)?))
        }
        ["play"] => NetworkAction::Transport(TransportAction::Play),
        ["stop"] => NetworkAction::Transport(TransportAction::Stop),
        ["bpm", tempo] => {
            NetworkAction::Session(SessionSetting::Tempo(done(Bpm::new(number(tempo)?))?))
        }
        [command, ..] => return Err(misused(command)),
        [] => return Err("nothing to do".into()),
    })
}

fn add(name: &str, kind: &str, studio: &dyn Dispatcher) -> Result<NetworkAction, String> {
    let named = |&&source: &&SourceKind| format!("{source:?}").eq_ignore_ascii_case(kind);
    let source = SourceKind::ALL.iter().find(named);
    let me = studio.identity().client_id;
    Ok(NetworkAction::AddInstrument {
        id: studio.state().model.instruments.free_id(me.0),
        name: done(Name::new(name))?,
        source: *source.ok_or_else(|| format!("there is no kind of instrument called {kind}"))?,
    })
}

fn set(id: InstrumentId, setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(id, InstrumentAction::Set(setting))
}

fn note(id: &str, beat: &str, key: &str, beats: &str) -> Result<NetworkAction, String> {
    let id = instrument(id)?;
    let note = Note {
        tick: done(Ticks::new(ticks(number::<f64>(beat)? - 1.0)?))?,
        pitch: pitch(key)?,
        length: done(NoteLength::new(ticks(number(beats)?)?))?,
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    Ok(NetworkAction::PianoRoll(id, PianoRollAction::Add(note)))
}

/// Beats in ticks, of which there are none before the beginning.
fn ticks(beats: f64) -> Result<u32, String> {
    let ticks = (beats * 480.0).round();
    // What is too much for a piece is refused by whoever takes the ticks.
    if ticks >= 0.0 { Ok(ticks as u32) } else { Err("beats count from 1".into()) }
}

/// Asks for instruments, and waits for the answer.
async fn own(
    ids: &[InstrumentId],
    studio: &Arc<dyn Dispatcher>,
    news: &mut News,
) -> Result<(), String> {
    news.denied = 0;
    done(studio.request_ownership(ids))?;
    let me = studio.identity().client_id;
    let answered = |news: &News| {
        let roster = &studio.state().roster;
        let mine = ids.iter().filter(|&&id| roster.owns(me, id)).count();
        mine + news.denied >= ids.len()
    };
    hear(news, answered).await
}

/// Asks for the privilege, and waits for the answer.
async fn privilege(studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    news.denied = 0;
    done(studio.request_privilege())?;
    let me = studio.identity().client_id;
    hear(news, |news| news.denied > 0 || studio.state().roster.is_privileged(me)).await
}

async fn hear(news: &mut News, answered: impl Fn(&News) -> bool) -> Result<(), String> {
    if news.until(ANSWER, answered).await {
        Ok(())
    } else {
        Err("the host has not answered".into())
    }
}

async fn wait(what: &[&str], studio: &Arc<dyn Dispatcher>, news: &mut News) -> Result<(), String> {
    let (seconds, what) = match what {
        [seconds, rest @ ..] if seconds.starts_with(|c: char| c.is_ascii_digit()) => {
            let seconds = number::<f32>(seconds)?;
            (Some(done(Duration::try_from_secs_f32(seconds))?), rest)
        }
        rest => (None, rest),
    };
    let shown: fn(&dyn Dispatcher) -> String = match what {
        [] if seconds.is_some() => {
            news.until(seconds.unwrap_or_default(), |_| false).await;
            return Ok(());
        }
        ["show", _, ..] => show::studio,
        ["who", _, ..] => show::people,
        ["status", _, ..] => show::status,
        _ => return Err(misused("wait")),
    };
    let text = what[1..].join(" ");
    // Columns are padded; what is looked for is not.
    let there = |_: &News| squeezed(&shown(&**studio)).contains(&text);
    let limit = seconds.unwrap_or(PATIENCE);
    if news.until(limit, there).await {
        Ok(())
    } else {
        let seconds = limit.as_secs_f32();
        Err(format!("`{} {text}` has not come true within {seconds} s", what[0]))
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn instruments(list: &str) -> Result<Vec<InstrumentId>, String> {
    list.split(',').map(instrument).collect()
}

fn instrument(id: &str) -> Result<InstrumentId, String> {
    number(id).map(InstrumentId)
}

fn pitch(key: &str) -> Result<Pitch, String> {
    done(Pitch::new(number(key)?))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not a number that fits here"))
}

fn misused(command: &str) -> String {
    // The first column, of the lines that have the command in it.
    let column = |line: &str| squeezed(&line.chars().take(28).collect::<String>());
    let names = |usage: &String| usage.split(' ').any(|word| word == command);
    let usages: Vec<_> = HELP.lines().map(column).filter(names).collect();
    if usages.is_empty() {
        format!("there is no command {command}; `help` lists them")
    } else {
        format!("it goes like this: {}", usages.join(", or "))
    }
}

fn done<T, E: ToString>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}
