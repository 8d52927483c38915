//! The program `imbolc-ui`. See `imbolc-ui --help`; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    imbolc_ui::main()
}
