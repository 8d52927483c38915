//! The program: see `imbolc-ui --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    imbolc_ui::main()
}
