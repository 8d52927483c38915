//! The report as a page of Markdown, and as lines on a terminal.

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    fs,
    path::Path,
    process::ExitCode,
};

use crate::{bench::Bench, figure::Quantity, reasons, row::Row};

/// What the columns of the table say.
const HOW_TO_READ: &str = "\
Contenders took turns, round by round, after a round that warmed up.
A row says how many rounds counted; what names none is a count, or one number of all that was timed.
*Ours* is the median of the rounds, and a round is the median of its samples, or what the row names, e.g. the p99.
Below it may be the p99 of all samples, and half the distance between the quartiles of the rounds (±).
A ratio says how many times a peer ours is: the median of the ratios of the rounds, or that of the two numbers where there are no rounds to compare.
";

/// Writes the page, and its pictures next to it.
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

/// A row on a terminal.
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

fn page(bench: &Bench) -> String {
    let mut page = String::new();
    write_page(&mut page, bench).expect("a string takes all that is written to it");
    page
}

fn write_page(page: &mut String, bench: &Bench) -> fmt::Result {
    writeln!(page, "# How near to the wire it gets\n")?;
    writeln!(page, "`cargo bench --bench report` measures this and writes this page.\n")?;
    writeln!(page, "| | |\n|---|---|")?;
    for (what, value) in &bench.machine {
        writeln!(page, "| {what} | {value} |")?;
    }
    writeln!(page, "\n{HOW_TO_READ}")?;
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
    writeln!(page, "## {group}\n")?;
    writeln!(page, "| | what | ours | peers | ratio | target | |")?;
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
    let reason = |row: &Row| reasons::of(&row.key).unwrap_or("Not looked into yet.");
    writeln!(page, "## What stands in the way\n")?;
    let mut told = BTreeSet::new();
    for row in &missed {
        if told.insert(reason(row)) {
            let alike = missed.iter().filter(|other| reason(other) == reason(row));
            let keys: Vec<_> = alike.map(|row| format!("`{}`", row.key)).collect();
            writeln!(page, "- {}: {}", keys.join(", "), reason(row))?;
        }
    }
    Ok(())
}
