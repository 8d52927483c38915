//! How far a rendering is, and whether it goes on.

use std::ops::ControlFlow;

use super::render_error::RenderError;

/// How far a rendering is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The fraction that is done, from 0 to 1.
    pub done: f32,
}

/// Reports the progress of a part of the rendering, and asks whether to go on.
pub(super) struct Watch<'a> {
    pub(super) progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    pub(super) from: f32,
    pub(super) to: f32,
}

impl Watch<'_> {
    /// A part of this part.
    pub(super) fn within(&mut self, from: f32, to: f32) -> Watch<'_> {
        let [from, to] = [from, to].map(|part| self.from + (self.to - self.from) * part);
        Watch { progress: self.progress, from, to }
    }

    pub(super) fn at(&mut self, part: f32) -> Result<(), RenderError> {
        let done = self.from + (self.to - self.from) * part.clamp(0.0, 1.0);
        match (self.progress)(Progress { done }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RenderError::Cancelled),
        }
    }
}

/// `of` divided by `whole`.
#[expect(clippy::cast_precision_loss, reason = "for a progress bar")]
pub(super) fn part(of: u64, whole: u64) -> f32 {
    of as f32 / whole.max(1) as f32
}
