//! How near to the wire it gets, next to what one would use instead.
//!
//! `cargo bench --bench report [-- [--quick] [--out DIR] [FILTER]]`
//!
//! It prints a table, and writes it to `benches/RESULTS.md` with the machine that
//! it ran on and with pictures. `--quick` takes less than a minute, shows that it
//! runs, and writes nothing unless `--out` says where. With a `FILTER`, only the
//! rows whose keys contain it are measured, and nothing is written either.
//!
//! A module contributes rows and pictures by a function that takes a
//! [`Bench`](bench::Bench). It asks it whether a group of rows is wanted, has
//! contenders take turns, and hands over what came of it.

mod bench;
mod dispatching;
mod figure;
#[path = "../fixture/mod.rs"]
mod fixture;
mod full;
mod machine;
mod memory;
mod options;
mod page;
mod patches;
mod picture;
mod plain;
mod playing;
mod reading;
mod reasons;
mod row;
mod ways;

use std::process::ExitCode;

use bench::Bench;
use options::Options;

fn main() -> ExitCode {
    let options = match Options::from_arguments(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::FAILURE;
        }
    };
    let mut bench = Bench::new(&options);
    reading::measure(&mut bench);
    dispatching::measure(&mut bench);
    patches::measure(&mut bench);
    full::measure(&mut bench);
    memory::measure(&mut bench);
    playing::measure(&mut bench);

    match options.destination() {
        Some(directory) => page::write(&directory, &bench),
        None => ExitCode::SUCCESS,
    }
}
