//! The sound outside of the session: renders projects to files, and reports what is installed.
//!
//! The sound of the session itself is chosen in `mode`.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    ops::ControlFlow,
    path::Path,
    time::Duration,
};

use imbolc_net::{projects, studio::StudioState};
use imbolc_supercollider::{
    render::{self, Bars, Progress, RenderError, RenderOptions, Rendered},
    server::ServerOptions,
};

use crate::{
    cli::RenderArguments,
    job::{JobDone, JobProgress, JobResult},
    theme,
};

/// Renders a snapshot of the session to a file, at 48 kHz.
///
/// # Errors
/// Why nothing was rendered, in one line.
pub fn bounce(
    studio: &StudioState,
    bars: Option<[u32; 2]>,
    file: &Path,
    sound: &ServerOptions,
    progress: &JobProgress,
) -> JobResult {
    let mut options = RenderOptions::new(file.to_owned());
    if let Some([first, last]) = bars {
        options.bars = Bars { first: Some(first), last: Some(last) };
    }
    options.scsynth.clone_from(&sound.scsynth);
    options.samples.clone_from(&sound.samples);
    let rendered = render::render(studio, &options, &mut |so_far| progress.report(so_far.done));
    match rendered {
        Ok(rendered) => Ok(JobDone::Say(rendered_text(&options, &rendered))),
        Err(RenderError::Endless) => {
            Err("the music repeats for ever: name its bars, as in :bounce mix.wav 1 8".into())
        }
        Err(why) => Err(why.to_string()),
    }
}

/// Renders the project that the command line names, without a screen. It shows how far it is
/// on standard error, if that is a terminal, and asks `goes_on` from time to time.
///
/// # Errors
/// Why nothing was rendered, in one line.
pub fn render_project(
    arguments: &RenderArguments,
    project: &Path,
    scsynth: Option<&Path>,
    goes_on: &dyn Fn() -> ControlFlow<()>,
) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", project.display());
    if !project.is_file() {
        return Err(failed(&"no such file"));
    }
    let out = arguments.out.clone().unwrap_or_default();
    if !out.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("wav")) {
        return Err(format!("{}: only WAV is written: its name ends in .wav", out.display()));
    }
    let studio = projects::read(project).map_err(|error| failed(&error))?;
    let mut options = RenderOptions::new(out);
    options.bars = Bars { first: arguments.from, last: arguments.to };
    options.rate = arguments.rate;
    options.float = arguments.float;
    options.stems.clone_from(&arguments.stems);
    options.scsynth = scsynth.map(Path::to_owned);
    options.samples = project.parent().map(projects::samples_directory);
    let mut bar = ProgressBar::default();
    let rendered = render::render(&studio, &options, &mut |so_far| {
        bar.show(so_far);
        goes_on()
    });
    bar.erase();
    rendered.map(|rendered| rendered_text(&options, &rendered)).map_err(|why| why.to_string())
}

/// A line on a terminal that is drawn again and again.
#[derive(Debug, Default)]
struct ProgressBar {
    /// The shown percentage.
    shown: Option<u8>,
}

impl ProgressBar {
    fn show(&mut self, progress: Progress) {
        const WIDTH: usize = 40;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let percent = (progress.done * 100.0) as u8;
        if stderr().is_terminal() && self.shown.replace(percent) != Some(percent) {
            let bar = theme::horizontal_bar(progress.done, WIDTH);
            // A terminal that cannot be written to does no harm.
            let _ = write!(stderr(), "\r{bar} {percent:3} %");
        }
    }

    fn erase(&self) {
        if self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

/// The result of a rendering, in one line.
fn rendered_text(options: &RenderOptions, rendered: &Rendered) -> String {
    let seconds = rendered.frames / u64::from(options.rate.max(1));
    let length = theme::duration_text(Duration::from_secs(seconds));
    let mut text = format!(
        "{}: {length}, {} Hz, peak {}",
        options.out.display(),
        grouped(options.rate),
        rendered.peak
    );
    let stems = rendered.stems.len();
    if stems > 0 {
        text.push_str(", ");
        text.push_str(&stems.to_string());
        text.push_str(if stems == 1 { " stem" } else { " stems" });
    }
    for trouble in &rendered.troubles {
        text.push_str("; ");
        text.push_str(trouble);
    }
    text
}

/// A number with its thousands apart.
fn grouped(number: u32) -> String {
    match number {
        ..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use imbolc_net::util::quantity::Decibels;

    use super::*;

    #[test]
    fn result_of_a_rendering_is_one_line() {
        let options = RenderOptions::new("mix.wav".into());
        let mut rendered = Rendered {
            frames: 48_000 * 123,
            peak: Decibels::of(-3.2),
            stems: Vec::new(),
            troubles: Vec::new(),
        };
        let told = rendered_text(&options, &rendered);
        assert_eq!(told, "mix.wav: 2 min 3 s, 48,000 Hz, peak -3.2 dB");
        rendered.troubles.push("kick.wav: not in samples/".into());
        rendered.stems = vec!["1.wav".into(), "2.wav".into()];
        let told = rendered_text(&options, &rendered);
        assert!(told.ends_with("dB, 2 stems; kick.wav: not in samples/"), "{told}");
    }
}
