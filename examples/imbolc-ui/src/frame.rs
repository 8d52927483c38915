//! The last step before the terminal: whatever was drawn into a frame, no cell controls
//! the terminal, and no cell leaves a residue when it changes.
//!
//! It knows cells only, never what they show.

use std::num::NonZeroU16;

use imbolc_net::util::text::{cleaned, columns, is_plain};
use ratatui::{
    Frame, Terminal,
    backend::Backend,
    buffer::{Buffer, Cell, CellDiffOption},
};
use unicode_width::UnicodeWidthChar;

/// Draws a frame.
///
/// # Errors
/// If the terminal is gone.
pub fn draw<B: Backend>(
    terminal: &mut Terminal<B>,
    draw: impl FnOnce(&mut Frame),
) -> Result<(), B::Error> {
    terminal.draw(|frame| {
        draw(frame);
        settle(frame.buffer_mut());
    })?;
    Ok(())
}

/// Makes every cell one that each terminal shows alike.
fn settle(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width);
    for row in buffer.content.chunks_mut(width.max(1)) {
        let mut at = 0;
        while at < row.len() {
            at += settle_cell(&mut row[at..]);
        }
    }
}

/// Settles the first cell of the rest of a row. Returns how many cells it takes.
fn settle_cell(row: &mut [Cell]) -> usize {
    let symbol = row[0].symbol();
    // Nearly all cells: letters, and what boxes and bars are drawn with.
    let is_simple = |character| matches!(character, ' '..='~' | '\u{2500}'..='\u{259f}');
    if !symbol.is_empty() && symbol.chars().all(is_simple) {
        return 1;
    }
    let mut symbol = safe(symbol);
    if most_columns(&symbol) > row.len() {
        // It would wrap into the next line.
        symbol.truncate(symbol.chars().next().map_or(0, char::len_utf8));
    }
    let (width, most) = (columns(&symbol).max(1), most_columns(&symbol));
    let is_covered = width > row.len() || row[1..width].iter().any(|cell| cell.symbol() != " ");
    if is_covered {
        row[0].set_symbol(" ");
        return 1;
    }
    row[0].set_symbol(&symbol);
    if width > 1 {
        // Otherwise `ratatui` blanks the second half of some emoji, which moves all that
        // follows on terminals that draw them wider.
        let forced = u16::try_from(width).ok().and_then(NonZeroU16::new);
        row[0].diff_option = forced.map_or(CellDiffOption::None, CellDiffOption::ForcedWidth);
        // Not drawn, but different from whatever is drawn there next: a terminal that has
        // drawn two narrow characters does not erase the second one with the first.
        for hidden in &mut row[1..width] {
            hidden.set_symbol("");
        }
    }
    // What a terminal draws beyond the cell is drawn over again.
    for after in row.iter_mut().take(most).skip(width) {
        after.diff_option = CellDiffOption::AlwaysUpdate;
    }
    width
}

/// A grapheme without what must not reach a terminal. A joiner may be its last character,
/// because the letter that it joins is in the next cell.
fn safe(symbol: &str) -> String {
    if is_plain(symbol.trim_end_matches('\u{200c}')) {
        return symbol.to_owned();
    }
    let safe = cleaned(symbol, symbol.len());
    if safe.is_empty() { " ".into() } else { safe }
}

/// How many columns a terminal takes that draws each character of a grapheme on its own, such
/// as two emoji that are joined. A selector makes a narrow emoji wide.
fn most_columns(symbol: &str) -> usize {
    let least = if symbol.contains('\u{fe0f}') { 2 } else { 1 };
    let widths = symbol.chars().filter_map(UnicodeWidthChar::width);
    widths.filter(|width| *width > 0).map(|width| width.max(least)).sum()
}
