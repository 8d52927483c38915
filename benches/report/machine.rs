//! A description of the machine that runs the report.

use std::{fs, process::Command};

/// The properties that the numbers depend on. Call it before measuring, which is load
/// itself.
pub fn describe() -> Vec<(&'static str, String)> {
    vec![
        ("processor", format!("{}, {} cores", processor(), cores())),
        ("system", output("uname", &["-sr"])),
        ("compiler", output("rustc", &["--version"])),
        ("profile", "bench, i.e. release".into()),
        ("load before the run", load()),
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

/// The load averages.
fn load() -> String {
    let told = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut averages = told.split_whitespace();
    match (averages.next(), averages.next(), averages.next()) {
        (Some(one), Some(five), Some(fifteen)) => {
            format!("{one} in the last minute, {five} in 5 min, {fifteen} in 15 min")
        }
        _ => "unknown".into(),
    }
}

/// The output of a command, or a placeholder.
fn output(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map_or_else(
        |_| "unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
