//! A line of text with a cursor, which moves by what a reader takes for one character.
//!
//! It knows columns, but neither keys nor commands.

use imbolc_net::util::text::{columns, printable};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

/// The most characters of a line. 1,000: more is no command.
pub(super) const MAX_LINE: usize = 1000;

/// The line.
#[derive(Debug, Default)]
pub(super) struct LineEditor {
    text: String,
    /// The byte offset of the cursor, between two grapheme clusters.
    cursor: usize,
}

impl LineEditor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the line; the cursor moves to its end.
    pub(super) fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
    }

    /// Inserts a text at the cursor, in one line; false if it does not fit.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        if self.text.chars().count() + text.chars().count() > MAX_LINE {
            return false;
        }
        // What is hidden may be half of an emoji; a name that stays so is refused.
        let text = text.replace(char::is_control, " ");
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
        // An accent may have joined the letter before it, and that the one after it.
        let starts = self.text.grapheme_indices(true).map(|(start, _)| start);
        self.cursor = starts.chain([self.text.len()]).find(|at| *at >= self.cursor).unwrap_or(0);
        true
    }

    pub(super) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(super) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(super) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(super) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Deletes what is before the cursor.
    pub(super) fn backspace(&mut self) {
        let before = self.before();
        self.text.drain(before..self.cursor);
        self.cursor = before;
    }

    /// Deletes what is at the cursor.
    pub(super) fn delete(&mut self) {
        self.text.drain(self.cursor..self.after());
    }

    /// Deletes what follows the cursor.
    pub(super) fn delete_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    /// Deletes the word before the cursor.
    pub(super) fn delete_word(&mut self) {
        let before = self.text[..self.cursor].trim_end();
        let word = before.rfind(' ').map_or(0, |space| space + 1);
        self.text.drain(word..self.cursor);
        self.cursor = word;
    }

    /// What fits into `room` columns around the cursor, the column of the cursor in it, and
    /// whether something before it is left out.
    pub(super) fn window(&self, room: usize) -> (String, usize, bool) {
        let (before, after) = self.text.split_at(self.cursor);
        let (before, after) = (printable(before), printable(after));
        // What follows the cursor keeps up to half of the room.
        let beyond = columns(&after).min(room / 2).max(1);
        let mut shown = 0;
        let mut fits = |grapheme: &str| {
            shown += columns(grapheme);
            shown + beyond <= room
        };
        let kept = before.graphemes(true).rev().take_while(|grapheme| fits(grapheme));
        let start = before.len() - kept.map(str::len).sum::<usize>();
        let before = &before[start..];
        (format!("{before}{after}"), columns(before), start > 0)
    }

    fn before(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn after(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }
}
