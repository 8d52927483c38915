//! Parses the output of `scsynth`: most errors are reported nowhere else.
//!
//! It must not know how errors are handled.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    time::{Duration, Instant},
};

/// A line of the same kind is reported again after this time.
const QUIET: Duration = Duration::from_secs(10);

/// How many kinds of lines are distinguished. Further kinds are not reported.
const KINDS: usize = 64;

/// The longest line in bytes; a longer one is cut.
const LONGEST: u64 = 1024;

/// The meaning of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The sample rate in Hz, and the frames of a period.
    Audio { rate: f64, period: u32 },
    /// An output is connected to the sound card.
    Connected,
    /// It listens. That does not mean that audio runs.
    Ready,
    /// There is no JACK server.
    NoJack,
    /// The JACK server has ended.
    JackGone,
    /// Another program has its port.
    PortTaken,
    /// A bundle came too late.
    Late,
    /// A definition was refused, for this reason.
    Refused(String),
    /// Any other error.
    Error(String),
}

impl Said {
    /// The meaning of a line; `None` if it does not matter.
    pub(super) fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with("late ") {
            Some(Self::Late)
        } else if let Some(audio) = line.strip_prefix("SC_AudioDriver: sample rate = ") {
            let (rate, period) = audio.split_once(", driver's block size = ")?;
            Some(Self::Audio { rate: rate.parse().ok()?, period: period.parse().ok()? })
        } else if line.starts_with("JackDriver: connected") && line.contains(":out_") {
            Some(Self::Connected)
        } else if line.starts_with("SuperCollider 3 server ready") {
            Some(Self::Ready)
        } else if line.contains("jack server is not running") {
            Some(Self::NoJack)
        } else if line.contains("killed by jack") {
            Some(Self::JackGone)
        } else if line.contains("failed to open UDP socket: address in use") {
            Some(Self::PortTaken)
        } else if let Some(why) = line.strip_prefix("exception in GraphDef_Recv: ") {
            Some(Self::Refused(why.into()))
        } else if harmless(line) {
            None
        } else if line.contains("alloc failed") {
            Some(Self::Error("the server is out of memory: shorten or remove delays".into()))
        } else if ["FAILURE", "ERROR", "exception"].iter().any(|word| line.contains(word)) {
            Some(Self::Error(format!("scsynth: {line}")))
        } else {
            None
        }
    }
}

/// Messages for nodes that have freed themselves meanwhile, and problems that are reported
/// elsewhere: unusable definitions, and the end without JACK.
fn harmless(line: &str) -> bool {
    line.starts_with("terminate called without an active exception")
        || (line.contains(" Node ") && line.ends_with(" not found"))
        || line.contains("SynthDef not found")
        || (line.contains("SynthDef ") && line.ends_with(" not found"))
}

/// Reads lines until the process ends, and calls `tell` for those that matter: of each kind of
/// error, at most one line per 10 s.
pub(super) fn read_console(output: impl Read, mut tell: impl FnMut(Said)) {
    let mut output = BufReader::new(output);
    let mut told: BTreeMap<String, Instant> = BTreeMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match output.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        tracing::debug!(line = line.trim_end(), "scsynth");
        match Said::of(&line) {
            Some(said @ Said::Error(_)) => {
                // Numbers of nodes and buffers make no other kind.
                let kind: String = line.chars().filter(|c| !c.is_ascii_digit()).collect();
                let again = told.get(&kind).is_none_or(|at| at.elapsed() >= QUIET);
                if again && (told.len() < KINDS || told.contains_key(&kind)) {
                    told.insert(kind, Instant::now());
                    tell(said);
                }
            }
            Some(said) => tell(said),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_scsynth_are_understood() {
        let line = "SC_AudioDriver: sample rate = 48000.000000, driver's block size = 256\n";
        assert_eq!(Said::of(line), Some(Said::Audio { rate: 48000.0, period: 256 }));
        assert_eq!(Said::of("late 0.514926732"), Some(Said::Late));
        assert_eq!(Said::of("SuperCollider 3 server ready."), Some(Said::Ready));
        let line = "JackDriver: connected  Imbolc:out_1 to system:playback_1";
        assert_eq!(Said::of(line), Some(Said::Connected));
        let line = "JackDriver: connected  system:capture_1 to Imbolc:in_1";
        assert_eq!(Said::of(line), None);
        let line = "exception in GraphDef_Recv: UGen 'X' not installed.";
        assert_eq!(Said::of(line), Some(Said::Refused("UGen 'X' not installed.".into())));
        let line =
            "DelayN_Ctor: alloc failed, increase server's RT memory (e.g. via ServerOptions)";
        assert!(matches!(Said::of(line), Some(Said::Error(text)) if text.contains("memory")));
        let line = "FAILURE IN SERVER: /nosuch Command not found";
        assert!(matches!(Said::of(line), Some(Said::Error(text)) if text.contains("/nosuch")));
    }

    #[test]
    fn messages_for_nodes_that_are_gone_are_no_trouble() {
        assert_eq!(Said::of("FAILURE IN SERVER /n_set Node 4711 not found"), None);
    }

    #[test]
    fn a_flood_of_errors_is_told_once() {
        let flood: Vec<_> =
            (0..1000).map(|n| format!("FAILURE IN SERVER /b_query {n} is bad\n")).collect();
        let mut told = 0;
        read_console(flood.concat().as_bytes(), |_| told += 1);
        assert_eq!(told, 1);
    }

    #[test]
    fn console_survives_long_lines_and_bytes_that_are_no_text() {
        let mut bytes = vec![0xFF; 100_000];
        bytes.extend(b"\nlate 0.1\n");
        let mut told = Vec::new();
        read_console(&*bytes, |said| told.push(said));
        assert_eq!(told, [Said::Late]);
    }
}
