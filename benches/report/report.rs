//! Compares imbolc-net with bare counterparts and with alternative libraries.
//!
//! `cargo bench --bench report [-- [--quick] [--out DIR] [FILTER[,FILTER]]]`
//!
//! Prints a table, and writes it to `benches/RESULTS.md` with a description of the
//! machine and with pictures. `--quick` takes about a minute and only checks that the
//! report runs. With filters, only rows whose keys contain one of them are
//! measured, such as `dispatch/local,idle/host`. Both write nothing without `--out`.
//!
//! Each module contributes rows and pictures through a function that takes a
//! [`Bench`](bench::Bench).

mod bench;
mod cpu;
mod dispatching;
mod figure;
#[path = "../fixture/mod.rs"]
mod fixture;
mod full;
mod machine;
mod memory;
mod net;
mod options;
mod page;
mod patches;
mod picture;
mod plain_studio;
mod playing;
mod reading;
mod reasons;
mod row;
mod sound;
mod sync_methods;

use std::process::ExitCode;

use bench::Bench;
use options::Options;

fn main() -> ExitCode {
    if let Some(done) = net::child() {
        return done;
    }
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
    net::measure(&mut bench);
    sound::measure(&mut bench);

    match options.destination() {
        Some(directory) => page::write(&directory, &bench),
        None => ExitCode::SUCCESS,
    }
}
