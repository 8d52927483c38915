//! Asks the person at a terminal for what a host wants to see of a client that it does
//! not know: its code, or an answer about the words.
//!
//! It knows the terminal and the reasons of a host; joining is passed in as a function.

use std::io::{IsTerminal as _, Write as _, stdin, stdout};

use imbolc_net::{
    client::WordsPrompt,
    dispatcher::{ConnectionError, OpenError},
    protocol::{EntryRefusal, ProtocolError},
    security::{Entry, JoinCode, Words},
    util::text::printable,
};
use tokio::sync::oneshot;

/// What a client shows a host that does not know it.
#[derive(Debug, Default)]
pub struct EntryProof {
    /// The code, as it was typed.
    pub code: Option<JoinCode>,
    /// How to compare words with the person at the host.
    pub ask: Option<WordsPrompt>,
}

impl From<JoinCode> for EntryProof {
    fn from(code: JoinCode) -> Self {
        Self { code: Some(code), ask: None }
    }
}

/// What a host wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryNeed {
    /// Why, in one line.
    pub why: String,
    /// Whether the person at the host can be asked instead.
    pub may_ask: bool,
    /// Whether the failure says already what to do where nobody can be asked.
    is_explained: bool,
}

/// Why a session was not joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinFailure {
    /// The reason, in one line.
    pub why: String,
    /// What the host wants to see, if that helps.
    pub need: Option<EntryNeed>,
}

impl From<String> for JoinFailure {
    fn from(why: String) -> Self {
        Self { why, need: None }
    }
}

impl From<OpenError> for JoinFailure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Join { address, reason } => Self::at(&address, &reason),
            error => error.to_string().into(),
        }
    }
}

impl JoinFailure {
    /// The host at `address` was not joined for `reason`.
    #[must_use]
    pub fn at(address: &str, reason: &ConnectionError) -> Self {
        let help = |how| match reason {
            ConnectionError::OtherHost { label, .. } => {
                format!(": if that is right, {how}, or forget the other: --forget-host '{label}'")
            }
            _ => String::new(),
        };
        let need = needed_after(reason)
            .map(|need| EntryNeed { why: need.why + &help("type its code"), ..need });
        let help = help("join with --code");
        Self { why: format!("cannot join {address}: {reason}{help}"), need }
    }
}

/// What a host that could not be joined for `reason` wants to see, if that helps.
fn needed_after(reason: &ConnectionError) -> Option<EntryNeed> {
    let (may_ask, is_explained) = match reason {
        ConnectionError::UnknownHost { entry, .. } => (*entry == Entry::Ask, false),
        ConnectionError::OtherHost { .. } => (false, true),
        ConnectionError::Host(ProtocolError::NotAdmitted(refusal)) => match refusal {
            EntryRefusal::CodeNeeded => (false, false),
            EntryRefusal::CodeOrQuestion => (true, false),
            EntryRefusal::WrongCode | EntryRefusal::CodeReplaced => (false, true),
            _ => return None,
        },
        _ => return None,
    };
    Some(EntryNeed { why: reason.to_string(), may_ask, is_explained })
}

/// Joins by `join`, first with `code`. What the host wants to see then is asked for at the
/// terminal, as often as it takes.
///
/// # Errors
/// If joining fails for another reason, or there is no terminal to ask at. The message is
/// one line.
pub async fn join_asking<T>(
    code: Option<JoinCode>,
    join: impl AsyncFn(EntryProof) -> Result<T, JoinFailure>,
) -> Result<T, String> {
    let mut proof = EntryProof { code, ask: None };
    // A host that does not accept a code does not say it again.
    let mut may_ask = false;
    loop {
        proof = match join(proof).await {
            Ok(joined) => return Ok(joined),
            Err(JoinFailure { need: Some(need), .. }) if stdin().is_terminal() => {
                may_ask |= need.may_ask;
                typed_proof(&need.why, may_ask).await?
            }
            Err(JoinFailure { why, need: Some(EntryNeed { is_explained: false, .. }) }) => {
                return Err(format!("{why}: give it with --code 123-456"));
            }
            Err(JoinFailure { why, .. }) => return Err(why),
        };
    }
}

/// Asks at the terminal.
async fn typed_proof(why: &str, may_ask: bool) -> Result<EntryProof, String> {
    say(why);
    loop {
        let other = if may_ask { " (or Enter, to ask the person there)" } else { "" };
        let typed = ask_line(&format!("code that the host shows{other}: ")).await;
        let typed = typed.ok_or("no code was typed")?;
        if let Some(code) = JoinCode::parse(&typed) {
            return Ok(code.into());
        }
        if may_ask && matches!(typed.trim(), "" | "ask") {
            return Ok(EntryProof { code: None, ask: Some(WordsPrompt::new(show_words)) });
        }
        say("a code is six digits, such as 123-456");
    }
}

/// Shows the words, and has them compared.
fn show_words(words: Words) -> oneshot::Receiver<bool> {
    let (sender, receiver) = oneshot::channel();
    say(&format!("the host has to show these words: {}", words.join(" ")));
    tokio::spawn(async move {
        let typed = ask_line("does it show the same? y or n: ").await.unwrap_or_default();
        let same = matches!(typed.trim(), "y" | "yes");
        if same {
            say("waiting for somebody at the host…");
        }
        // If the receiver is gone, the host has answered.
        let _ = sender.send(same);
    });
    receiver
}

/// A line that is typed; `None` at the end of the input.
async fn ask_line(question: &str) -> Option<String> {
    let _ = write!(stdout(), "{}", printable(question));
    let _ = stdout().flush();
    let (sender, receiver) = oneshot::channel();
    // A thread of its own does not keep the program from ending.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = stdin().read_line(&mut line).is_ok_and(|read| read > 0);
        let _ = sender.send(read.then_some(line));
    });
    receiver.await.ok().flatten()
}

fn say(line: &str) {
    let _ = writeln!(stdout(), "{}", printable(line));
}
