//! Offline rendering: a project becomes WAV files, without a sound card.
//!
//! The sequencer of the live engine writes a [`Score`], which `scsynth -N` plays faster than
//! time into a file of samples; that file is cut and written as WAV. All files grow in hidden
//! directories beside their targets, and are moved to their places when all are complete: a
//! rendering that fails or is cancelled leaves no file.

mod perform;
mod progress;
mod render_error;
mod render_options;
mod score;
mod score_files;
mod score_run;
mod song;
mod stems;
mod wav;

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use imbolc_net::{studio::StudioState, util::quantity::Decibels};
use tempfile::TempDir;

pub use self::{
    progress::Progress,
    render_error::RenderError,
    render_options::{Bars, RenderOptions},
    score::{BLOCK, Score},
    score_run::{RunError, ScoreRun},
};
use self::{
    progress::{Watch, part},
    song::Song,
    stems::Stem,
    wav::{Take, Track},
};
use crate::{server::find_scsynth, sounds::output_delay};

/// How often a run of `scsynth` is polled.
const LOOK: Duration = Duration::from_millis(10);

/// The result of a rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The length in samples of each channel.
    pub frames: u64,
    /// The peak level of the mix, relative to full scale.
    pub peak: Decibels,
    /// The files of the stems.
    pub stems: Vec<PathBuf>,
    /// Problems, one line each: sounds and files that could not be played.
    pub troubles: Vec<String>,
}

/// Renders a project: from its first bar, until the end of its last one, and on until it is
/// below −90 dB, at most 30 s. `progress` is called from time to time and cancels by `Break`.
///
/// Without a given last bar, the song ends with the bar of the last written event: a note of a
/// track, a placement, a point of a lane, or the first round of a pattern chain. Repeating parts,
/// such as a drum pattern, are played until then. The click is not heard, and the loop of the
/// transport is not played.
///
/// The same project gives the same samples each time.
///
/// # Errors
/// [`RenderError`]; then there is no new file.
pub fn render(
    state: &StudioState,
    options: &RenderOptions,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Rendered, RenderError> {
    let scsynth = find_scsynth(options.scsynth.as_deref())?;
    if !(44_100..=192_000).contains(&options.rate) {
        return Err(RenderError::Rate(options.rate));
    }
    // A device would be replaced by the file.
    if options.out.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(RenderError::file(&options.out)(io::Error::other("not a file")));
    }
    let mut watch = Watch { progress, from: 0.0, to: 1.0 };
    let work = HiddenFolder::beside(&options.out)?;
    let longest = wav::longest(options.rate, options.float);
    let song = Song::of(state, options.bars, longest, &mut watch.within(0.0, 0.05))?;
    let mut results = vec![(work.file("mix.wav"), options.out.clone())];
    let (mut stems, mut stems_work) = (Vec::new(), None);
    if let Some(folder) = &options.stems {
        fs::create_dir_all(folder).map_err(RenderError::file(folder))?;
        let own = stems_work.insert(HiddenFolder::within(folder)?);
        stems = stems::of(state, &song.players);
        results.extend(stems.iter().map(|stem| (own.file(&stem.file), folder.join(&stem.file))));
    }

    let (mix, stem_files) = results.split_at(1);
    let mut rendered =
        Rendered { frames: 0, peak: Decibels::MIN, stems: Vec::new(), troubles: Vec::new() };
    // The server has only so many outputs. The first run makes the mix, too.
    let runs = stems.len().div_ceil(stems::MAX_OF_A_RUN).max(1);
    for run in 0..runs {
        let [from, to] = [run, run + 1].map(|run| 0.05 + 0.95 * part(run as u64, runs as u64));
        let mut watch = watch.within(from, to);
        let range = run * stems::MAX_OF_A_RUN..stems.len().min((run + 1) * stems::MAX_OF_A_RUN);
        let own = stems.get(range.clone()).unwrap_or_default();
        let (take, troubles) = record(&scsynth, (&song, own), options, &work, &mut watch)?;
        let mut tracks = Vec::new();
        if run == 0 {
            (rendered.frames, rendered.peak) = take.measure(&mut watch.within(0.85, 0.9))?;
            rendered.troubles = troubles;
            let late = u64::from(output_delay(options.rate));
            tracks.extend(mix.iter().map(|(file, _)| Track { file, channel: 0, late }));
        }
        let files = stem_files.get(range).unwrap_or_default().iter().zip((2..).step_by(2));
        tracks.extend(files.map(|((file, _), channel)| Track { file, channel, late: 0 }));
        take.write(&tracks, rendered.frames, options.float, &mut watch.within(0.9, 1.0))?;
    }
    for (file, target) in &results {
        fs::rename(file, target).map_err(RenderError::file(target))?;
    }
    rendered.stems = results.into_iter().skip(1).map(|(_, target)| target).collect();
    Ok(rendered)
}

/// Plays a song once, and returns the recording and the problems.
fn record(
    scsynth: &Path,
    (song, stems): (&Song, &[Stem]),
    options: &RenderOptions,
    work: &HiddenFolder,
    watch: &mut Watch<'_>,
) -> Result<(Take, Vec<String>), RenderError> {
    let (score, raw) = (work.file("score.osc"), work.file("output.raw"));
    let rate = options.rate;
    let channels = wav::channels(stems.len());
    let troubles = perform::write_score(song, stems, options, &score, &mut watch.within(0.0, 0.1))?;
    let take = Take::of(raw.clone(), rate, stems.len(), song.end);

    let mut run =
        ScoreRun::start(scsynth, &score, &raw, (rate, channels)).map_err(RunError::from)?;
    let mut watch = watch.within(0.1, 0.85);
    while !run.is_over()? {
        thread::sleep(LOOK);
        watch.at(take.written())?;
    }
    if take.written() < 1.0 {
        return Err(RunError::Short.into());
    }
    Ok((take, troubles))
}

/// A hidden directory for files that are not complete. It is removed when this is dropped.
#[derive(Debug)]
struct HiddenFolder(TempDir);

impl HiddenFolder {
    /// In the directory of a file, so that a file in it can be moved there.
    fn beside(file: &Path) -> Result<Self, RenderError> {
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self::within(folder.unwrap_or(Path::new(".")))
    }

    fn within(folder: &Path) -> Result<Self, RenderError> {
        let made = tempfile::Builder::new().prefix(".imbolc-render-").tempdir_in(folder);
        made.map(Self).map_err(RenderError::file(folder))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
