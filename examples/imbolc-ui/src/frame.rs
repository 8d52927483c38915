//! The last step before the terminal: whatever was drawn into a frame, no cell controls
//! the terminal, and no cell leaves a residue when it changes.
//!
//! It knows cells only, never what they show.

use imbolc_net::util::text::{cleaned, columns, is_plain};
use ratatui::{
    Frame, Terminal,
    backend::Backend,
    buffer::{Buffer, CellDiffOption},
};
use unicode_width::UnicodeWidthChar as _;

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
        for at in 0..row.len() {
            let symbol = row[at].symbol();
            if symbol.len() == 1 && symbol.as_bytes()[0].is_ascii_graphic() || symbol == " " {
                continue;
            }
            let symbol = safe(symbol);
            let (least, most) = (columns(&symbol), most_columns(&symbol));
            let is_covered = least > 1 && row.get(at + 1).is_none_or(|next| next.symbol() != " ");
            if is_covered {
                row[at].set_symbol(" ");
            } else if at + most > width {
                // It would wrap into the next line.
                let first: String = symbol.chars().take(1).collect();
                row[at].set_symbol(&first);
            } else {
                row[at].set_symbol(&symbol);
                // What a terminal draws beyond the cell is drawn over again.
                for after in &mut row[at + least..at + most.max(least)] {
                    after.diff_option = CellDiffOption::AlwaysUpdate;
                }
            }
        }
    }
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
    let widths = symbol.chars().filter_map(|character| character.width());
    widths.filter(|width| *width > 0).map(|width| width.max(least)).sum()
}
