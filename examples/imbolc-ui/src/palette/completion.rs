//! Completion: what the word at the end of a line can become, and which of it is chosen.
//!
//! It reads lines and a view; it draws nothing.

use super::{
    commands::{self, choices::Choice},
    names::plain_name,
};
use crate::view::View;

/// What a line can become.
#[derive(Debug)]
pub(super) struct Completion {
    /// The line before the completed word.
    stem: String,
    /// The words, each with an explanation.
    pub(super) candidates: Vec<Choice>,
    /// The index of the word that the line has now.
    pub(super) chosen: Option<usize>,
}

impl Completion {
    /// What `line` can become; no candidates if that is not known.
    pub(super) fn of(line: &str, view: &View) -> Self {
        let Some((name, arguments)) = line.split_once(' ') else {
            let help = |command: &commands::Command| {
                (command.name.to_owned(), format!("{}  {}", command.arguments, command.help))
            };
            let candidates = commands::commands_like(line).map(help).collect();
            return Self { stem: String::new(), candidates, chosen: None };
        };
        let choices = commands::command_named(name).map_or(&[][..], |command| command.choices);
        let mut word = arguments;
        let mut at = 0;
        while at + 1 < choices.len()
            && let Some((_, rest)) = word.split_once(' ')
        {
            (word, at) = (rest, at + 1);
        }
        let stem = line[..line.len() - word.len()].to_owned();
        let word = plain_name(word);
        let mut candidates = choices.get(at).map_or(Vec::new(), |choices| choices(view));
        candidates.retain(|(name, _)| plain_name(name).starts_with(&word));
        Self { stem, candidates, chosen: None }
    }

    /// The line as far as it is unambiguous.
    pub(super) fn common(&self) -> Option<String> {
        let (first, others) = self.candidates.split_first()?;
        let common = others.iter().fold(&*first.0, |common, other| common_prefix(common, &other.0));
        Some(format!("{}{common}", self.stem))
    }

    /// The line with the next candidate, or the one before; the list has no ends.
    pub(super) fn step(&mut self, forward: bool) -> Option<String> {
        let count = self.candidates.len();
        let at = match self.chosen {
            None if forward => 0,
            None => count.checked_sub(1)?,
            Some(at) if forward => (at + 1) % count,
            Some(at) => (at + count - 1) % count,
        };
        self.chosen = Some(at);
        Some(format!("{}{}", self.stem, self.candidates.get(at)?.0))
    }
}

/// The common prefix of two names.
fn common_prefix<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, a), b)| a != b);
    &a[..same.map_or(a.len().min(b.len()), |((at, _), _)| at)]
}
