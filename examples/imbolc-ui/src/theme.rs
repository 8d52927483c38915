//! Colours, symbols and number formats that all panes share.
//!
//! Functions from values to text and styles: it knows neither a view nor the screen.

use std::time::Duration;

use imbolc_net::{
    protocol::ClientId,
    util::{
        quantity::{Amount, Decibels, Velocity},
        text::columns,
    },
};
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;

/// Follows a value that the authority has not confirmed.
pub const UNCONFIRMED: &str = "*";

/// Background information.
pub const DIM: Style = Style::new().fg(Color::DarkGray);
/// What the cursor is on.
pub const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// The marked region.
pub const MARKED: Style = Style::new().bg(Color::DarkGray);
/// Headings.
pub const HEADING: Style = Style::new().add_modifier(Modifier::BOLD);
/// Errors.
pub const ERROR: Style = Style::new().fg(Color::Red);
/// Warnings.
pub const WARNING: Style = Style::new().fg(Color::Yellow);
/// A good state.
pub const GOOD: Style = Style::new().fg(Color::Green);

/// The colour of a participant, the same on every screen.
#[must_use]
pub const fn participant_colour(client: ClientId) -> Color {
    const COLOURS: [Color; 6] =
        [Color::Cyan, Color::Magenta, Color::Yellow, Color::Green, Color::Blue, Color::LightRed];
    COLOURS[client.0 as usize % COLOURS.len()]
}

/// The colour of a participant as a style.
#[must_use]
pub const fn participant_style(client: ClientId) -> Style {
    Style::new().fg(participant_colour(client))
}

/// The style of a value that is confirmed, or not yet.
#[must_use]
pub const fn value_style(confirmed: bool) -> Style {
    if confirmed { Style::new() } else { Style::new().add_modifier(Modifier::ITALIC) }
}

/// The mark after a value that is confirmed, or not yet.
#[must_use]
pub const fn unconfirmed_mark(confirmed: bool) -> &'static str {
    if confirmed { "" } else { UNCONFIRMED }
}

/// A meter of `width` cells, from -60 dB to full scale.
#[must_use]
pub fn meter(peak: Decibels, width: usize) -> String {
    horizontal_bar((peak.get() + 60.0) / 60.0, width)
}

/// A horizontal bar that fills a `part` of `width` cells, in eighths of a cell.
#[must_use]
pub fn horizontal_bar(part: f32, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = eighths(part, width);
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    let filled = bar.chars().count();
    bar.push_str(&" ".repeat(width.saturating_sub(filled)));
    bar
}

/// A vertical bar of `height` cells that is filled from below, in eighths of a cell;
/// the top cell comes first.
#[must_use]
pub fn vertical_bar(part: f32, height: usize) -> Vec<&'static str> {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let eighths = eighths(part, height);
    (0..height).rev().map(|row| EIGHTHS[eighths.saturating_sub(row * 8).min(8)]).collect()
}

/// How many eighths of a cell a part of `cells` fills.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a screen is never that large"
)]
fn eighths(part: f32, cells: usize) -> usize {
    (part.clamp(0.0, 1.0) * (cells * 8) as f32).round() as usize
}

/// The symbol at the start of a note or step: a shade for its velocity; a digit for the
/// tens of its probability (in percent) if that is below 100; hollow if it is not
/// `confirmed`.
#[must_use]
pub fn velocity_symbol(velocity: Velocity, probability: u8, confirmed: bool) -> char {
    match (confirmed, probability) {
        (false, _) => '□',
        (true, ..100) => char::from(b'0' + probability / 10),
        (true, _) => ['░', '▒', '▓', '█'][usize::from(velocity.get() / 32)],
    }
}

/// A part of a whole in percent, rounded.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 100")]
pub fn to_percent(part: Amount) -> u8 {
    (part.get() * 100.0).round() as u8
}

/// The colour of a meter that shows `peak`.
#[must_use]
pub fn meter_style(peak: Decibels) -> Style {
    match peak.get() {
        ..-12.0 => GOOD,
        ..-3.0 => WARNING,
        _ => ERROR,
    }
}

/// A duration as text: `7 s`, `2 min 5 s`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A text in lines of at most `width` columns, broken between words; a word that is
/// longer than a line is broken too.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let fits = columns(word.trim_end()) <= width;
        let letters = word.graphemes(true).filter(|_| !fits);
        for piece in fits.then_some(word).into_iter().chain(letters) {
            let end = columns(piece.trim_end());
            match lines.last_mut().filter(|line| columns(line) + end <= width) {
                Some(line) => line.push_str(piece),
                None => lines.push(piece.to_owned()),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_in_eighths() {
        assert_eq!(horizontal_bar(0.0, 4), "    ");
        assert_eq!(horizontal_bar(0.5, 4), "██  ");
        assert_eq!(horizontal_bar(0.53, 4), "██▏ ");
        assert_eq!(horizontal_bar(2.0, 4), "████");
        assert_eq!(vertical_bar(0.0, 2), [" ", " "]);
        assert_eq!(vertical_bar(0.53, 4), [" ", "▁", "█", "█"]);
        assert_eq!(vertical_bar(2.0, 2), ["█", "█"]);
        assert_eq!(meter(Decibels::MIN, 3), "   ");
        assert_eq!(meter(Decibels::of(0.0), 3), "███");
    }

    #[test]
    fn text_wraps_between_words() {
        assert_eq!(wrapped("a bass and a lead", 7), ["a bass ", "and a ", "lead"]);
        assert_eq!(wrapped("山田太郎", 5), ["山田", "太郎"]);
    }

    #[test]
    fn duration_is_told_in_words() {
        assert_eq!(duration_text(Duration::from_secs(59)), "59 s");
        assert_eq!(duration_text(Duration::from_secs(125)), "2 min 5 s");
    }
}
