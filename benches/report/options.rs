//! The command line.

use std::path::PathBuf;

/// What to measure, how thoroughly, and where to write the results.
#[derive(Debug, Default)]
pub struct Options {
    pub quick: bool,
    pub out: Option<PathBuf>,
    /// Parts of row keys; a row is measured if its key contains one of them. Empty
    /// means all rows.
    pub filters: Vec<String>,
}

impl Options {
    /// Parses the arguments. Ignores `--bench`, which cargo passes.
    pub fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, &'static str> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--bench" => {}
                "--quick" => options.quick = true,
                "--out" => options.out = Some(arguments.next().ok_or("--out needs a DIR")?.into()),
                filter if !filter.starts_with('-') => {
                    options.filters.extend(filter.split(',').map(str::to_owned));
                }
                _ => {
                    return Err(
                        "usage: cargo bench --bench report [-- [--quick] [--out DIR] [FILTER[,FILTER]]]",
                    );
                }
            }
        }
        Ok(options)
    }

    /// Where to write the results: `--out`, or `benches` if all rows were measured
    /// thoroughly.
    pub fn destination(&self) -> Option<PathBuf> {
        let whole = !self.quick && self.filters.is_empty();
        self.out
            .clone()
            .or_else(|| whole.then(|| concat!(env!("CARGO_MANIFEST_DIR"), "/..").into()))
    }
}
