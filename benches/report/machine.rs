//! What the report ran on.

use std::{fs, process::Command};

/// A line for each thing that the numbers depend on.
pub fn describe() -> Vec<(&'static str, String)> {
    vec![
        ("processor", format!("{}, {} cores", processor(), cores())),
        ("system", output("uname", &["-sr"])),
        ("compiler", output("rustc", &["--version"])),
        ("profile", "bench, i.e. release".into()),
        ("date", output("date", &["-u", "+%F"])),
    ]
}

fn processor() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").ok();
    let model = told.as_deref().and_then(|told| {
        told.lines().find_map(|line| Some(line.strip_prefix("model name")?.split_once(": ")?.1))
    });
    model.unwrap_or("unknown").to_owned()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a command says, or that it is not known.
fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map_or_else(
        |_| "unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
