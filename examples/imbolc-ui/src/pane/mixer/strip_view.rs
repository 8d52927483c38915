//! Draws a mixer strip as a column.
//!
//! It reads a view and writes cells; no key arrives here.

use imbolc_net::{
    studio::Output,
    util::{
        quantity::Decibels,
        text::{columns, fitted},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};

use super::strip::{self, Strip, StripId};
use crate::{pane::instruments, theme, view::View};

/// The width of a column.
pub(super) const STRIP_WIDTH: u16 = 10;

/// The rows above and below the fader.
const ROWS_AROUND_FADER: u16 = 7;

/// Draws the strip if it still exists. `selected` says whether the cursor is on it.
pub(super) fn draw_strip(
    id: StripId,
    selected: bool,
    view: &View,
    area: Rect,
    buffer: &mut Buffer,
) {
    let Some(strip) = id.of(view.studio()) else { return };
    let confirmed = id.of(&view.confirmed.model);
    let silenced = strip.solo == Some(false) && id.is_silenced(view.studio());
    StripView { id, strip, confirmed, silenced, view }.draw(selected, area, buffer);
}

struct StripView<'a> {
    id: StripId,
    strip: Strip,
    /// The strip as the authority has confirmed it.
    confirmed: Option<Strip>,
    /// Whether solos elsewhere silence it.
    silenced: bool,
    view: &'a View<'a>,
}

impl StripView<'_> {
    fn draw(&self, selected: bool, area: Rect, buffer: &mut Buffer) {
        let fader = area.height.saturating_sub(ROWS_AROUND_FADER);
        let mut heading = Line::from(self.heading()).patch_style(theme::HEADING);
        if selected {
            heading = heading.style(theme::SELECTED);
            buffer.set_style(Rect { height: 1, ..area }, theme::SELECTED);
        }
        let lines = [
            (0, heading),
            (1, self.owner()),
            (2 + fader, self.level()),
            (3 + fader, self.pan_and_flags()),
            (4 + fader, self.output()),
            (5 + fader, self.sends()),
            (6 + fader, self.effects()),
        ];
        for (row, line) in lines {
            if row < area.height {
                line.render(Rect { y: area.y + row, height: 1, ..area }, buffer);
            }
        }
        self.draw_fader(Rect { y: area.y + 2, height: fader, ..area }, buffer);
    }

    /// A text that shows a part of the strip, marked if that part is not confirmed.
    fn marked<T: PartialEq>(&self, text: &str, part: impl Fn(&Strip) -> T) -> Span<'static> {
        let certain = self.confirmed.as_ref().map(&part) == Some(part(&self.strip));
        Span::styled(
            format!("{text}{}", theme::unconfirmed_mark(certain)),
            theme::value_style(certain),
        )
    }

    fn heading(&self) -> Span<'static> {
        let name = self.strip.name.as_ref().map_or("", |name| name.as_str());
        let heading = match self.id {
            StripId::Instrument(id) => format!("{id} {name}"),
            StripId::LayerGroup(id) => format!("G{id} {name}"),
            StripId::Bus(id) => format!("B{id} {name}"),
            StripId::Master => "Master".into(),
        };
        let note = if self.is_sounding() { " ♪" } else { "" };
        let width = usize::from(STRIP_WIDTH) - columns(note) - theme::UNCONFIRMED.len();
        let heading = fitted(&heading, width) + note;
        let heading = self.marked(&heading, |strip| strip.name.clone());
        if self.silenced { heading.patch_style(theme::DIM) } else { heading }
    }

    /// Whether a note of the instrument is held.
    fn is_sounding(&self) -> bool {
        let StripId::Instrument(id) = self.id else { return false };
        let instrument = self.view.studio().instruments.get(id);
        instrument.is_some_and(|instrument| !instrument.sounding.is_empty())
    }

    /// The participant that may edit the strip: its owner or the privilege holder.
    fn owner(&self) -> Line<'static> {
        if let StripId::Instrument(id) = self.id {
            let owner = Line::from(instruments::owner_spans(self.view, id));
            if owner.width() <= usize::from(STRIP_WIDTH) {
                return owner;
            }
            // There is no room for the duration.
            let Some(owner) = self.view.owner(id) else { return Line::default() };
            let away = if self.view.away(owner.client_id).is_some() { " away" } else { "" };
            let name = fitted(&owner.name, usize::from(STRIP_WIDTH) - away.len());
            return Line::from(vec![
                Span::styled(name, theme::participant_style(owner.client_id)),
                Span::styled(away, theme::WARNING),
            ]);
        }
        match &self.view.state.roster.leader() {
            Some(holder) => {
                let name = fitted(&format!("★ {holder}"), usize::from(STRIP_WIDTH));
                Line::styled(name, theme::participant_style(holder.client_id))
            }
            None => Line::styled("★ free", theme::DIM),
        }
    }

    fn draw_fader(&self, area: Rect, buffer: &mut Buffer) {
        let style = if self.strip.mute || self.silenced { theme::DIM } else { Style::new() };
        let part = strip::fader_position(self.strip.level);
        draw_fader_bar(part, style, Rect { x: area.x + 1, width: 2, ..area }, buffer);
        // The mark at 0 dB.
        let unity =
            theme::vertical_bar(strip::fader_position(Decibels::of(0.0)), usize::from(area.height));
        if let Some(row) = unity.iter().position(|cell| *cell != " ") {
            let y = area.y + u16::try_from(row).unwrap_or_default();
            buffer.set_string(area.x + 3, y, "╴0", theme::DIM);
        }
        for (peak, x) in self.peaks().into_iter().flatten().zip([6, 8]) {
            let part = strip::fader_position(peak);
            let column = Rect { x: area.x + x, width: 1, ..area };
            draw_fader_bar(part, theme::meter_style(peak), column, buffer);
        }
    }

    /// The peak levels, left and right; a layer group has no signal of its own.
    fn peaks(&self) -> Option<[Decibels; 2]> {
        let metering = &self.view.metering;
        match self.id {
            StripId::Instrument(id) => Some(metering.instruments.get(id)),
            StripId::LayerGroup(_) => None,
            StripId::Bus(id) => Some(metering.buses.get(id)),
            StripId::Master => Some(metering.peaks),
        }
    }

    fn level(&self) -> Line<'static> {
        self.marked(&self.strip.level.to_string(), |strip| strip.level).into()
    }

    fn pan_and_flags(&self) -> Line<'static> {
        let strip = &self.strip;
        let mut line = Line::default();
        if let Some(pan) = strip.pan {
            line.push_span(self.marked(&pan.to_string(), |strip| strip.pan));
        }
        line.push_span(" ".repeat(6_usize.saturating_sub(line.width())));
        let flags =
            [(strip.mute, "M", theme::WARNING), (strip.solo == Some(true), "S", theme::GOOD)];
        for (on, flag, style) in flags {
            let shown = if on { flag } else { " " };
            line.push_span(Span::styled(shown, style));
        }
        line.push_span(self.marked("", |strip| (strip.mute, strip.solo)));
        line
    }

    fn output(&self) -> Line<'static> {
        let to = match (self.strip.output, self.id) {
            (Some(Output::Master), _) => "→ master".to_owned(),
            (Some(Output::Bus(id)), _) => {
                let bus = self.view.studio().mixer.bus(id);
                let name = bus.map_or("?", |bus| bus.name.as_str());
                fitted(&format!("→ {name}"), usize::from(STRIP_WIDTH) - 1)
            }
            (None, StripId::LayerGroup(_)) => return Line::styled("layers", theme::DIM),
            (None, _) => return Line::default(),
        };
        self.marked(&to, |strip| strip.output).into()
    }

    fn sends(&self) -> Line<'static> {
        let Some(sends) = &self.strip.sends else { return Line::default() };
        let count = sends.iter().count();
        let what = if count == 1 { "send" } else { "sends" };
        count_line(count, what, self.marked("", |strip| strip.sends.clone()))
    }

    fn effects(&self) -> Line<'static> {
        let Some(chain) = &self.strip.chain else { return Line::default() };
        let count = chain.slots().len();
        let what = if count == 1 { "effect" } else { "effects" };
        count_line(count, what, self.marked("", |strip| strip.chain.clone()))
    }
}

/// A count of things, and whether it is confirmed.
fn count_line(count: usize, what: &str, mark: Span<'static>) -> Line<'static> {
    let (text, style) = match count {
        0 => (format!("no {what}"), theme::DIM),
        count => (format!("{count} {what}"), Style::new()),
    };
    Line::from(vec![Span::styled(text, style), mark])
}

/// Fills a part of an area from below, and dots the rest.
fn draw_fader_bar(part: f32, style: Style, area: Rect, buffer: &mut Buffer) {
    for (row, cell) in (area.y..).zip(theme::vertical_bar(part, usize::from(area.height))) {
        let (cell, style) = if cell == " " { ("·", theme::DIM) } else { (cell, style) };
        buffer.set_string(area.x, row, cell.repeat(usize::from(area.width)), style);
    }
}
