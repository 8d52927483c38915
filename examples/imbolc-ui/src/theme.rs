//! Colours and marks, in one place.

use std::time::Duration;

use imbolc_net::{
    protocol::ClientId,
    util::quantity::{Amount, Decibels, Velocity},
};
use ratatui::style::{Color, Modifier, Style};

/// What is not certain yet is followed by this.
pub const UNCERTAIN: &str = "*";

/// What is there, but not what one looks at.
pub const QUIET: Style = Style::new().fg(Color::DarkGray);
/// What one looks at.
pub const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// What belongs to the region that is being marked.
pub const MARKED: Style = Style::new().bg(Color::DarkGray);
/// What heads a table.
pub const HEADING: Style = Style::new().add_modifier(Modifier::BOLD);
/// What went wrong.
pub const WRONG: Style = Style::new().fg(Color::Red);
/// What needs attention.
pub const CAREFUL: Style = Style::new().fg(Color::Yellow);
/// What is going well.
pub const WELL: Style = Style::new().fg(Color::Green);

/// The colour of a participant, the same on every screen.
#[must_use]
pub const fn colour(client: ClientId) -> Color {
    const COLOURS: [Color; 6] =
        [Color::Cyan, Color::Magenta, Color::Yellow, Color::Green, Color::Blue, Color::LightRed];
    COLOURS[client.0 as usize % COLOURS.len()]
}

/// A participant's colour as a style.
#[must_use]
pub const fn of(client: ClientId) -> Style {
    Style::new().fg(colour(client))
}

/// How a value is drawn that is `certain`, or not yet.
#[must_use]
pub const fn certain(certain: bool) -> Style {
    if certain { Style::new() } else { Style::new().add_modifier(Modifier::ITALIC) }
}

/// What follows a value that is `certain`, or not yet.
#[must_use]
pub const fn mark(certain: bool) -> &'static str {
    if certain { "" } else { UNCERTAIN }
}

/// A meter of `width` cells, from -60 dB to full scale.
#[must_use]
pub fn meter(peak: Decibels, width: usize) -> String {
    bar((peak.get() + 60.0) / 60.0, width)
}

/// A bar that fills a `part` of `width` cells, to the eighth of a cell.
#[must_use]
pub fn bar(part: f32, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = eighths(part, width);
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    let filled = bar.chars().count();
    bar.push_str(&" ".repeat(width.saturating_sub(filled)));
    bar
}

/// A bar that stands: the part of `height` cells that is filled from below, to
/// the eighth of a cell, from the top down.
#[must_use]
pub fn column(part: f32, height: usize) -> Vec<&'static str> {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let eighths = eighths(part, height);
    (0..height).rev().map(|row| EIGHTHS[eighths.saturating_sub(row * 8).min(8)]).collect()
}

/// How many eighths of a cell a part of so many cells fills.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a screen is not that wide"
)]
fn eighths(part: f32, cells: usize) -> usize {
    (part.clamp(0.0, 1.0) * (cells * 8) as f32).round() as usize
}

/// How the head of a note or a step is drawn: by a shade for its velocity, by
/// the tens of its probability (in percent) if it may not be played, and hollow
/// if it is not `certain` yet.
#[must_use]
pub fn head(velocity: Velocity, probability: u8, certain: bool) -> char {
    match (certain, probability) {
        (false, _) => '□',
        (true, ..100) => char::from(b'0' + probability / 10),
        (true, _) => ['░', '▒', '▓', '█'][usize::from(velocity.get() / 32)],
    }
}

/// A part of a whole in percent, rounded.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is at most 100")]
pub fn percent(part: Amount) -> u8 {
    (part.get() * 100.0).round() as u8
}

/// The colour of a meter that shows `peak`.
#[must_use]
pub fn meter_style(peak: Decibels) -> Style {
    match peak.get() {
        ..-12.0 => WELL,
        ..-3.0 => CAREFUL,
        _ => WRONG,
    }
}

/// A duration as one reads it: `7 s`, `2 min 5 s`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `text` in `width` columns at the most, with an ellipsis if it was longer.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_it_should_be_and_as_full() {
        assert_eq!(bar(0.0, 4), "    ");
        assert_eq!(bar(0.5, 4), "██  ");
        assert_eq!(bar(0.53, 4), "██▏ ");
        assert_eq!(bar(2.0, 4), "████");
        assert_eq!(column(0.0, 2), [" ", " "]);
        assert_eq!(column(0.53, 4), [" ", "▁", "█", "█"]);
        assert_eq!(column(2.0, 2), ["█", "█"]);
        assert_eq!(meter(Decibels::MIN, 3), "   ");
        assert_eq!(meter(Decibels::of(0.0), 3), "███");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(fit("Bass", 4), "Bass");
        assert_eq!(fit("Basso", 4), "Bas…");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
