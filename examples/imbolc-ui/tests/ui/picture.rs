//! Draws terminal buffers as an SVG picture.
//!
//! Box-drawing and block characters become shapes and every word has its own position
//! and width, so that the cells align whatever fonts the reader has.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
};

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

/// The size of a cell.
const WIDTH: f32 = 9.0;
const HEIGHT: f32 = 19.0;
/// The distance of the baseline from the top of a cell.
const BASELINE: f32 = 14.0;
/// The space around a screen, and the height of its title bar.
const MARGIN: f32 = 12.0;
const TITLE: f32 = 30.0;
/// The space between two screens.
const GAP: f32 = 20.0;

const BACKGROUND: &str = "#15181e";
const FOREGROUND: &str = "#d7dae0";

/// One picture of screens below each other, each with a title.
pub fn draw(screens: &[(&str, Buffer)]) -> String {
    let columns = screens.iter().map(|(_, buffer)| buffer.area.width).max().unwrap_or_default();
    let width = f32::from(columns) * WIDTH + 2.0 * MARGIN;
    let mut body = String::new();
    let mut y = 0.0;
    for (title, buffer) in screens {
        let height = TITLE + f32::from(buffer.area.height) * HEIGHT + MARGIN;
        body += &format!("<g transform=\"translate(0 {})\">\n", number(y));
        body += &frame(title, width, height);
        body += &screen(buffer);
        body += "</g>\n";
        y += height + GAP;
    }
    let (width, height) = (number(width), number(y - GAP));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-size=\"15\" font-family=\"'DejaVu Sans Mono', \
         Menlo, Consolas, 'Liberation Mono', monospace\">\n{body}</svg>\n"
    )
}

/// The window around a screen.
fn frame(title: &str, width: f32, height: f32) -> String {
    let mut text = format!(
        "<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"9\" fill=\"{BACKGROUND}\" \
         stroke=\"#3b414d\"/>\n",
        number(width - 1.0),
        number(height - 1.0),
    );
    for (at, colour) in (0_u8..).zip(["#ff5f57", "#febc2e", "#28c840"]) {
        let x = number(20.0 + f32::from(at) * 18.0);
        text += &format!("<circle cx=\"{x}\" cy=\"15\" r=\"5\" fill=\"{colour}\"/>\n");
    }
    text += &format!(
        "<text x=\"{}\" y=\"20\" text-anchor=\"middle\" font-size=\"13\" fill=\"#9aa1ad\">{}</text>\n",
        number(width / 2.0),
        escaped(title),
    );
    text
}

/// The appearance of text: colour, bold, italic.
type TextStyle = (&'static str, bool, bool);

/// What is drawn, by appearance, so that few elements suffice.
#[derive(Default)]
struct Layers {
    backgrounds: BTreeMap<&'static str, String>,
    /// Filled shapes by colour and opacity in percent.
    fills: BTreeMap<(&'static str, u8), String>,
    /// Lines by colour and width.
    lines: BTreeMap<(&'static str, u8), String>,
    /// Words and their baselines.
    words: Vec<(f32, Word)>,
}

/// Neighbouring characters of one appearance, without blanks.
struct Word {
    key: TextStyle,
    start: u16,
    end: u16,
    text: String,
}

fn screen(buffer: &Buffer) -> String {
    let mut layers = Layers::default();
    for row in 0..buffer.area.height {
        let mut words: Vec<Word> = Vec::new();
        let (top, mut column) = (TITLE + f32::from(row) * HEIGHT, 0);
        while column < buffer.area.width {
            let cell = &buffer[(column, row)];
            let (fill, background) = colours(cell);
            // Equal neighbours are one shape.
            let same = |x: &u16| buffer[(*x, row)] == *cell;
            let count = (column..buffer.area.width).take_while(same).count();
            let (left, width) = (MARGIN + f32::from(column) * WIDTH, cells(count) * WIDTH);
            if background != BACKGROUND {
                let path = layers.backgrounds.entry(background).or_default();
                rectangle(path, left, top, width, HEIGHT);
            }
            if !layers.draw_shape(cell.symbol(), fill, (left, top, width)) {
                // A word is one element: the columns before it that continue it.
                let key = (fill, cell.modifier.contains(Modifier::BOLD), is_italic(cell));
                let continues = |word: &Word| word.key == key && word.end == column;
                let text = cell.symbol().repeat(count);
                let end = column + u16::try_from(count).expect("within the screen");
                match words.last_mut().filter(|word| continues(word)) {
                    Some(word) => {
                        word.text += &text;
                        word.end = end;
                    }
                    None => words.push(Word { key, start: column, end, text }),
                }
            }
            column += u16::try_from(count).expect("within the screen");
        }
        layers.words.extend(words.into_iter().map(|word| (top + BASELINE, word)));
    }
    layers.finish()
}

impl Layers {
    /// Draws a run of equal cells, unless its symbol is text.
    fn draw_shape(
        &mut self,
        symbol: &str,
        colour: &'static str,
        (left, top, width): (f32, f32, f32),
    ) -> bool {
        let (right, bottom) = (left + width, top + HEIGHT);
        let (x, y) = (left + WIDTH / 2.0, top + HEIGHT / 2.0);
        let letter = symbol.chars().next().unwrap_or(' ');
        if let Some((parts, is_row)) = eighths(letter) {
            let path = self.fills.entry((colour, 100)).or_default();
            let part = f32::from(parts) / 8.0;
            if is_row {
                rectangle(path, left, bottom - part * HEIGHT, width, part * HEIGHT);
            } else {
                rectangle(path, left, top, width - WIDTH + part * WIDTH, HEIGHT);
            }
            return true;
        }
        if let Some(opacity) = shade(letter) {
            let path = self.fills.entry((colour, opacity)).or_default();
            rectangle(path, left, top, width, HEIGHT);
            return true;
        }
        let thick = if matches!(letter, '━' | '┃' | '╌') { 2 } else { 1 };
        let mut line = |from: (f32, f32), to: (f32, f32)| {
            let path = self.lines.entry((colour, thick)).or_default();
            path.push_str(&format!(
                "M{} {}L{} {}",
                number(from.0),
                number(from.1),
                number(to.0),
                number(to.1)
            ));
        };
        match letter {
            ' ' => {}
            '·' => {
                let path = self.fills.entry((colour, 100)).or_default();
                let mut x = x;
                while x < right {
                    rectangle(path, x - 1.0, y - 1.0, 2.0, 2.0);
                    x += WIDTH;
                }
            }
            '─' | '━' => line((left, y), (right, y)),
            '╴' => line((left, y), (x, y)),
            '╌' => {
                let mut dash = left;
                while dash < right {
                    line((dash + 0.5, y), (dash + 3.5, y));
                    dash += WIDTH / 2.0;
                }
            }
            '═' => {
                line((left, y - 1.5), (right, y - 1.5));
                line((left, y + 1.5), (right, y + 1.5));
            }
            '│' | '┃' | '┼' | '┌' | '┐' | '└' | '┘' => {
                let mut x = x;
                while x < right {
                    let starts = if matches!(letter, '┌' | '┐') { y } else { top };
                    let ends = if matches!(letter, '└' | '┘') { y } else { bottom };
                    line((x, starts), (x, ends));
                    let before =
                        if matches!(letter, '┐' | '┘' | '┼') { WIDTH / 2.0 } else { 0.0 };
                    let after =
                        if matches!(letter, '┌' | '└' | '┼') { WIDTH / 2.0 } else { 0.0 };
                    if before + after > 0.0 {
                        line((x - before, y), (x + after, y));
                    }
                    x += WIDTH;
                }
            }
            _ => return false,
        }
        true
    }

    fn finish(self) -> String {
        let mut text = String::new();
        let mut add = |element: &dyn Display| writeln!(text, "{element}").expect("to a string");
        for (colour, path) in &self.backgrounds {
            add(&format_args!("<path fill=\"{colour}\" d=\"{path}\"/>"));
        }
        for ((colour, opacity), path) in &self.fills {
            let opacity = f32::from(*opacity) / 100.0;
            add(&format_args!("<path fill=\"{colour}\" fill-opacity=\"{opacity}\" d=\"{path}\"/>"));
        }
        for ((colour, width), path) in &self.lines {
            add(&format_args!("<path stroke=\"{colour}\" stroke-width=\"{width}\" d=\"{path}\"/>"));
        }
        for (y, word) in &self.words {
            let (fill, bold, italic) = word.key;
            let weight = if bold { " font-weight=\"bold\"" } else { "" };
            let style = if italic { " font-style=\"italic\"" } else { "" };
            let (x, y) = (number(MARGIN + f32::from(word.start) * WIDTH), number(*y));
            // A font with another advance is stretched to the cells.
            let length = number(f32::from(word.end - word.start) * WIDTH);
            add(&format_args!(
                "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\"{weight}{style} \
                 textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
                escaped(&word.text)
            ));
        }
        text
    }
}

/// How many eighths of a cell a block fills: from below if `true`, else from the left.
fn eighths(letter: char) -> Option<(u8, bool)> {
    let from_below = "▁▂▃▄▅▆▇█".chars().position(|block| block == letter);
    let from_left = "▏▎▍▌▋▊▉".chars().position(|block| block == letter);
    let count = |at| u8::try_from(at + 1).ok();
    from_below
        .and_then(count)
        .map(|eighths| (eighths, true))
        .or_else(|| from_left.and_then(count).map(|eighths| (eighths, false)))
}

/// The opacity of a shaded block, in percent.
fn shade(letter: char) -> Option<u8> {
    match letter {
        '░' => Some(30),
        '▒' => Some(55),
        '▓' => Some(80),
        _ => None,
    }
}

fn rectangle(path: &mut String, x: f32, y: f32, width: f32, height: f32) {
    let [x, y, width, height, back] = [x, y, width, height, -width].map(number);
    write!(path, "M{x} {y}h{width}v{height}h{back}z").expect("to a string");
}

/// The colours of a cell's symbol and background.
fn colours(cell: &Cell) -> (&'static str, &'static str) {
    let (fg, bg) = (hex(cell.fg, FOREGROUND), hex(cell.bg, BACKGROUND));
    if cell.modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) }
}

/// The colours of the theme, as a dark terminal shows them.
fn hex(colour: Color, reset: &'static str) -> &'static str {
    match colour {
        Color::Reset => reset,
        Color::DarkGray => "#626b7a",
        Color::Red => "#f0616d",
        Color::LightRed => "#ff8f8f",
        Color::Green => "#7fd57a",
        Color::Yellow => "#e9c46a",
        Color::Blue => "#6aa5ff",
        Color::Magenta => "#d884e8",
        Color::Cyan => "#4fd0d9",
        other => panic!("the theme has no colour {other:?}"),
    }
}

/// A coordinate, with no more digits than needed.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a screen is never that large")]
fn cells(count: usize) -> f32 {
    count as f32
}

fn is_italic(cell: &Cell) -> bool {
    cell.modifier.contains(Modifier::ITALIC)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
