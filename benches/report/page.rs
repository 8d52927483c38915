//! The report as a page of Markdown, and as lines on a terminal.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    fs,
    path::Path,
    process::ExitCode,
};

use crate::{bench::Bench, figure::Quantity, reasons, row::Row};

/// Explains the columns of the tables.
const HOW_TO_READ: &str = "\
Contenders run in turn, round by round, after a warm-up round.
*Ours* is the median of the rounds; the value of a round is the median of its samples, or another quantile that the row names.
Below it are the p99 of all samples, half the interquartile range of the rounds (±), and the number of rounds.
A row without rounds is a count, or a single value over all samples.
A ratio is ours divided by the peer: the median over the rounds, or the quotient of the two values if there are no rounds to compare.
";

/// Writes the page and its pictures.
pub fn write(directory: &Path, bench: &Bench) -> ExitCode {
    let written = fs::create_dir_all(directory).and_then(|()| {
        for picture in &bench.pictures {
            fs::write(directory.join(&picture.file), picture.svg())?;
        }
        fs::write(directory.join("RESULTS.md"), page(bench))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

/// A row as a line of text.
pub fn line(row: &Row) -> String {
    let mut line = format!("{:32} {:>10}", row.key, row.ours.to_string());
    for (name, peer) in &row.peers {
        let _ = write!(line, " | {name} {peer} ({:.2} ×)", row.ours.ratio_to(peer));
    }
    for target in &row.targets {
        let met = if row.meets(*target) { "met" } else { "MISSED" };
        let _ = write!(line, " | {}: {met}", row.describe(*target));
    }
    line
}

/// The figures that matter most to a user, and their rows.
const OVERVIEW: [(&str, &[&str]); 13] = [
    ("read a snapshot", &["read/idle"]),
    (
        "edit until your own snapshot shows it: local session, client",
        &["dispatch/local", "dispatch/remote"],
    ),
    ("knob on one client until another shows it, in clear, one turn after another", &["knob/warm"]),
    ("the same after 40 ms of quiet", &["knob/quiet"]),
    ("the same encrypted, one turn after another", &["net/knob-encrypted"]),
    ("patch of a knob on the wire: JSON, Postcard", &["bytes/knob-json", "bytes/knob-postcard"]),
    ("CPU time of the host per patch and client, 64 clients", &["fanout/64"]),
    ("join a session of 64 instruments", &["full/join-postcard"]),
    ("actions accepted from one client", &["actions/one-postcard"]),
    ("idle host with 8 clients, of a core", &["idle/host"]),
    ("memory of a session of 64 instruments", &["memory/session"]),
    ("voices that `scsynth` computes on a core", &["sound/voices"]),
    ("rendering of 64 tracks, as a multiple of real time", &["sound/render-64"]),
];

fn write_overview(page: &mut String, rows: &[Row]) -> fmt::Result {
    writeln!(page, "| | | row |\n|---|--:|---|")?;
    for (meaning, keys) in OVERVIEW {
        let found = keys.iter().filter_map(|key| rows.iter().find(|row| row.key == *key));
        let (values, names): (Vec<_>, Vec<_>) =
            found.map(|row| (row.ours.to_string(), format!("`{}`", row.key))).unzip();
        if !values.is_empty() {
            writeln!(page, "| {meaning} | {} | {} |", values.join(", "), names.join(", "))?;
        }
    }
    Ok(())
}

fn page(bench: &Bench) -> String {
    let mut page = String::new();
    write_page(&mut page, bench).expect("a string takes all that is written to it");
    page
}

fn write_page(page: &mut String, bench: &Bench) -> fmt::Result {
    writeln!(page, "# Benchmark results\n")?;
    writeln!(page, "`cargo bench --bench report` writes this page.\n")?;
    write_overview(page, &bench.rows)?;
    writeln!(page, "\n| machine | |\n|---|---|")?;
    for (what, value) in &bench.machine {
        writeln!(page, "| {what} | {value} |")?;
    }
    writeln!(page, "\n## All rows\n\n{HOW_TO_READ}")?;
    for group in groups(&bench.rows) {
        write_group(page, bench, group)?;
    }
    write_missed(page, &bench.rows)?;
    for picture in &bench.pictures {
        writeln!(page, "\n![{}]({})", picture.title, picture.file)?;
    }
    Ok(())
}

/// The groups of the rows, in the order of their first rows.
fn groups(rows: &[Row]) -> Vec<&str> {
    let mut groups = Vec::new();
    for row in rows {
        if !groups.contains(&row.group()) {
            groups.push(row.group());
        }
    }
    groups
}

fn write_group(page: &mut String, bench: &Bench, group: &str) -> fmt::Result {
    writeln!(page, "### {group}\n")?;
    writeln!(page, "| | measured | ours | peers | ratio | target | |")?;
    writeln!(page, "|---|---|--:|--:|--:|---|---|")?;
    for row in bench.rows.iter().filter(|row| row.group() == group) {
        let peers: Vec<_> = row.peers.iter().map(|(name, peer)| format!("{name} {peer}")).collect();
        let ratios: Vec<_> =
            row.peers.iter().map(|(_, peer)| format!("{:.2}", row.ours.ratio_to(peer))).collect();
        let targets: Vec<_> = row.targets.iter().map(|target| row.describe(*target)).collect();
        let met = row.met().map_or("", |met| if met { "met" } else { "**missed**" });
        let cells = [peers, ratios, targets].map(|lines| lines.join("<br>"));
        let [key, what, ours] = [&row.key, &row.what, &ours(row)];
        writeln!(page, "| `{key}` | {what} | {ours} | {} | {met} |", cells.join(" | "))?;
    }
    writeln!(page)
}

fn ours(row: &Row) -> String {
    let mut ours = row.ours.to_string();
    if let Some(p99) = row.ours.p99() {
        let _ = write!(ours, "<br>p99 {}", Quantity(p99, row.ours.unit()));
    }
    if let Some(spread) = row.ours.spread() {
        let _ = write!(ours, "<br>± {:.0} %", spread * 50.0);
    }
    if row.ours.rounds() > 1 {
        let _ = write!(ours, "<br>{} rounds", row.ours.rounds());
    }
    ours
}

fn write_missed(page: &mut String, rows: &[Row]) -> fmt::Result {
    let missed: Vec<_> = rows.iter().filter(|row| row.met() == Some(false)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    let reason = |row: &Row| reasons::of(&row.key).unwrap_or("Not investigated yet.");
    writeln!(page, "### Missed targets\n")?;
    let mut written = BTreeSet::new();
    for row in &missed {
        if written.insert(reason(row)) {
            let alike = missed.iter().filter(|other| reason(other) == reason(row));
            let keys: Vec<_> = alike.map(|row| format!("`{}`", row.key)).collect();
            writeln!(page, "- {}: {}", keys.join(", "), reason(row))?;
        }
    }
    Ok(())
}
