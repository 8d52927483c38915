//! Frames on a real terminal, as a parser of its bytes sees them.

use std::{cell::RefCell, io, num::NonZeroU16, rc::Rc};

use imbolc_net::util::text::columns;
use imbolc_ui::frame;
use ratatui::{
    Terminal, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    layout::Rect,
    text::Line,
    widgets::{Block, Clear, Paragraph},
};
use unicode_segmentation::UnicodeSegmentation as _;

const WIDTH: u16 = 30;
const HEIGHT: u16 = 6;

/// A terminal that draws each character on its own, as many do.
#[derive(Clone)]
struct Screen(Rc<RefCell<vt100::Parser>>, Rc<RefCell<Vec<u8>>>);

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().process(bytes);
        self.1.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn new() -> (Self, Terminal<CrosstermBackend<Self>>) {
        let size = |size| NonZeroU16::new(size).expect("not empty");
        let parser = vt100::Parser::new(size(HEIGHT), size(WIDTH), 0);
        let screen = Self(Rc::new(RefCell::new(parser)), Rc::default());
        let viewport = Viewport::Fixed(Rect::new(0, 0, WIDTH, HEIGHT));
        let backend = CrosstermBackend::new(screen.clone());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport });
        (screen, terminal.expect("in memory"))
    }

    /// The characters in a cell.
    fn cell(&self, row: u16, column: u16) -> String {
        let parser = self.0.borrow();
        let cell = parser.screen().cell(row, column).expect("on the screen");
        cell.contents().trim_end().to_owned()
    }

    /// Checks that a row shows `text` and nothing else. A terminal that does not join emoji
    /// shows the first of them.
    fn shows(&self, row: u16, text: &str) {
        let mut column = 0;
        for grapheme in text.graphemes(true) {
            let shown = self.cell(row, column);
            let first = grapheme.trim_end().chars().next();
            assert_eq!(shown.chars().next(), first, "{text:?} at {column}: {shown:?}");
            column += u16::try_from(columns(grapheme)).expect("few");
        }
        for column in column..WIDTH {
            assert_eq!(self.cell(row, column), "", "{text:?} is followed by a residue");
        }
    }
}

const NAMES: [&str; 14] = [
    "Ana",
    "山田太郎",
    "👩\u{200d}🎤 Zoë",
    "👩\u{200d}🎤👩\u{200d}🎤",
    "👩🏽\u{200d}🎤!",
    "Zoe\u{308}",
    "می\u{200c}خواهم",
    "🇩🇪🇫🇷",
    "हिन्दी",
    "한글",
    "🏳\u{fe0f}\u{200d}🌈 x",
    "",
    "x",
    "กำลังใจ",
];

#[test]
fn wide_and_joined_characters_leave_no_residue() {
    let (screen, mut terminal) = Screen::new();
    for step in 0..NAMES.len() * NAMES.len() {
        // Each name follows each other one, in every row at another time.
        let rows: Vec<String> = (0..usize::from(HEIGHT))
            .map(|row| {
                let at = step * (row + 1) + step / NAMES.len();
                format!("{} |{}", NAMES[at % NAMES.len()], step % (row + 2))
            })
            .collect();
        frame::draw(&mut terminal, |frame| {
            let lines: Vec<_> = rows.iter().map(|row| Line::from(row.as_str())).collect();
            frame.render_widget(Paragraph::new(lines), frame.area());
        })
        .expect("in memory");
        for (row, text) in (0..).zip(&rows) {
            screen.shows(row, text);
        }
    }
}

#[test]
fn box_over_half_a_wide_character_has_its_edge() {
    let (screen, mut terminal) = Screen::new();
    for over in [false, true, false] {
        frame::draw(&mut terminal, |frame| {
            frame.render_widget("山田太郎山田太郎", frame.area());
            if over {
                let area = Rect::new(3, 0, 6, 3);
                frame.render_widget(Clear, area);
                frame.render_widget(Block::bordered(), area);
            }
        })
        .expect("in memory");
        screen.shows(0, if over { "山 ┌────┐ 田太郎" } else { "山田太郎山田太郎" });
    }
}

#[test]
fn joined_emoji_at_the_edge_does_not_wrap() {
    let (screen, mut terminal) = Screen::new();
    let text = format!("{}👩\u{200d}🎤", " ".repeat(usize::from(WIDTH) - 2));
    frame::draw(&mut terminal, |frame| frame.render_widget(text.as_str(), frame.area()))
        .expect("in memory");
    screen.shows(1, "");
    assert_eq!(screen.cell(0, WIDTH - 2), "👩");
}

#[test]
fn no_cell_controls_the_terminal() {
    let (screen, mut terminal) = Screen::new();
    let text = "a\u{202e}b\u{1b}[2Jc\u{200b}d\u{9b}31me\u{2066}\u{7}f";
    frame::draw(&mut terminal, |frame| frame.render_widget(text, frame.area())).expect("in memory");
    let shown = screen.0.borrow().screen().contents();
    assert!(shown.starts_with('a') && shown.ends_with('f'), "{shown:?}");
    let written = String::from_utf8(screen.1.borrow().clone()).expect("text");
    assert!(
        !written.contains(['\u{202e}', '\u{200b}', '\u{9b}', '\u{2066}', '\u{7f}']),
        "{written:?}"
    );
}
