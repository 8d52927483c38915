//! What one can ask for on the command line.

use std::path::PathBuf;

/// What to measure, how thoroughly, and where to write it.
#[derive(Debug, Default)]
pub struct Options {
    pub quick: bool,
    pub out: Option<PathBuf>,
    /// Part of the keys of the rows that are wanted.
    pub filter: Option<String>,
}

impl Options {
    /// Reads them. Cargo passes `--bench` along, which does not matter here.
    pub fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, &'static str> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--out" => options.out = Some(arguments.next().ok_or("--out needs a DIR")?.into()),
                filter if !filter.starts_with('-') => options.filter = Some(argument),
                _ => {
                    return Err(
                        "usage: cargo bench --bench report [-- [--quick] [--out DIR] [FILTER]]",
                    );
                }
            }
        }
        Ok(options)
    }

    /// The directory that the results are for, if they are for keeping: all of
    /// them, thoroughly measured.
    pub fn destination(&self) -> Option<PathBuf> {
        let whole = !self.quick && self.filter.is_none();
        self.out
            .clone()
            .or_else(|| whole.then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/..").into()))
    }
}
