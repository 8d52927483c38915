//! The command line: its options and their help texts.
//!
//! It parses only; `mode` decides what the options mean.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use imbolc_net::{protocol::framing::Codec, security::JoinCode};

/// The options of the command line.
#[derive(Clone, Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "command-line switches")]
#[command(
    name = "imbolc-ui",
    version,
    about = "A music studio in the terminal, for one or several musicians",
    after_help = "\
Examples:
  imbolc-ui                                    a local session
  imbolc-ui --server --tui                     host, and play
  imbolc-ui --server --session-name 'Friday'   host without a screen
  imbolc-ui --connect 192.168.1.100            join a session; it asks for the host's code
  imbolc-ui --connect 192.168.1.100 --own 1,2  ask for instruments 1 and 2
  imbolc-ui --discover                         list the sessions on the LAN
  imbolc-ui --doctor                           find out why there is no sound
  imbolc-ui --render song.imbolc.json --out mix.wav

The sound comes from scsynth, SuperCollider's server (Debian: apt install \
supercollider-server jackd2), on the machine that hosts or plays alone.

In the studio, press ? for the keys and : for a command."
)]
pub struct Arguments {
    /// Host a session that others can join
    #[arg(long, conflicts_with_all = ["connect", "discover"])]
    pub server: bool,

    /// Show the studio of the hosted session, too
    #[arg(long, requires = "server")]
    pub tui: bool,

    /// Join the session at this address; the default port is 9999
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "discover")]
    pub connect: Option<String>,

    /// List the sessions on the LAN and choose one
    #[arg(long)]
    pub discover: bool,

    /// Ask for these instruments
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub own: Vec<u32>,

    /// Ask for the privilege: control of transport, session settings and buses
    #[arg(long)]
    pub privilege: bool,

    /// Your name in the session
    #[arg(long, env = "USER", default_value = "musician", hide_env = true)]
    pub name: String,

    /// The name of the hosted session
    #[arg(long, value_name = "NAME", requires = "server")]
    pub session_name: Option<String>,

    /// Where to listen: `[::]` is every interface, port 0 any free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:9999")]
    pub bind: String,

    /// Admit everybody who joins, without a code; others cannot tell whose session it is
    #[arg(long, requires = "server")]
    pub open: bool,

    /// Treat programs on this machine as any other: a forwarded port looks local
    #[arg(long)]
    pub no_local_exemption: bool,

    /// The code that the host shows; `IMBOLC_CODE` is not seen in a list of processes
    #[arg(long, value_name = "123-456", env = "IMBOLC_CODE", hide_env = true, value_parser = parse_code)]
    pub code: Option<JoinCode>,

    /// Your role in the session that you join
    #[arg(long, value_name = "ROLE", default_value = "player")]
    pub join_as: JoinRole,

    /// Do not encrypt, for debugging; only open sessions and this machine admit that
    #[arg(long)]
    pub plain: bool,

    /// Forget the hosts with this address, machine, session or key, and end
    #[arg(long, value_name = "HOST", conflicts_with_all = ["server", "connect", "discover"])]
    pub forget_host: Option<String>,

    /// The network interface for discovery; all interfaces by default
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,

    /// Directory of the projects, instead of the one in your data directory
    #[arg(long, value_name = "DIR")]
    pub project_dir: Option<PathBuf>,

    /// Directory of your key, the hosts that you know, and your places after a crash
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Wire format: `json` (readable) or `postcard` (compact)
    #[arg(long, value_name = "NAME")]
    pub codec: Option<Codec>,

    /// The sound engine
    #[arg(long, value_name = "NAME", default_value = "auto")]
    #[arg(conflicts_with_all = ["connect", "discover"])]
    pub engine: EngineChoice,

    /// The program scsynth, instead of the one on PATH
    #[arg(long, value_name = "PATH")]
    pub scsynth: Option<PathBuf>,

    /// Whether to render a project, and how
    #[command(flatten)]
    pub render: RenderArguments,

    /// Check the installation for sound, play a quiet tone, and end; the exit status is 0 if
    /// sound works
    #[arg(long, conflicts_with_all = ["server", "connect", "discover", "render"])]
    pub doctor: bool,

    /// Write a log to this file; the level is set by `RUST_LOG`.
    #[arg(long, value_name = "FILE", help = LOG_HELP)]
    pub log: Option<PathBuf>,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JoinRole {
    /// Sees everything and changes nothing
    Viewer,
    /// Plays
    Player,
}

/// The code that was typed.
fn parse_code(typed: &str) -> Result<JoinCode, String> {
    JoinCode::parse(typed).ok_or_else(|| "a code is six digits, such as 123-456".into())
}

/// The sound engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// scsynth as soon as it is there; until then time runs on in silence
    Auto,
    /// The same, but the program ends with a line if scsynth is not installed
    Supercollider,
    /// None: time, notes and meters without sound
    Silent,
}

/// The options for rendering a project.
#[derive(Args, Clone, Debug)]
pub struct RenderArguments {
    /// Render this project to a WAV file, without a screen, and end. Its samples are looked up in
    /// `samples/` beside it
    #[arg(long, value_name = "PROJECT", requires = "out")]
    #[arg(conflicts_with_all = ["server", "connect", "discover", "engine"])]
    pub render: Option<PathBuf>,

    /// The WAV file
    #[arg(long, value_name = "FILE", requires = "render")]
    pub out: Option<PathBuf>,

    /// The first bar to render, from 1
    #[arg(long, value_name = "BAR", requires = "render", value_parser = clap::value_parser!(u32).range(1..))]
    pub from: Option<u32>,

    /// The last bar to render; needed if the music repeats for ever
    #[arg(long, value_name = "BAR", requires = "render", value_parser = clap::value_parser!(u32).range(1..))]
    pub to: Option<u32>,

    /// The sample rate in Hz
    #[arg(long, value_name = "HZ", requires = "render", default_value_t = 48_000)]
    pub rate: u32,

    /// Write 32-bit floats instead of 16-bit integers
    #[arg(long, requires = "render")]
    pub float: bool,

    /// A directory for a WAV file of each instrument and bus
    #[arg(long, value_name = "DIR", requires = "render")]
    pub stems: Option<PathBuf>,
}

/// The error of a command line, in one line.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let is_advice = |line: &str| line.starts_with("Usage:") || line.starts_with("For more");
    let lines = text.lines().map(str::trim).take_while(|line| !is_advice(line));
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

/// The help text of `--log`.
const LOG_HELP: &str = "Write a log to this file; RUST_LOG sets the level";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("imbolc-ui --server --connect there").is_err());
        assert!(parse("imbolc-ui --tui").is_err());
        assert_eq!(parse("imbolc-ui --connect there --own 1,2,3").unwrap().own, [1, 2, 3]);
        assert!(parse("imbolc-ui").unwrap().engine == EngineChoice::Auto);
        let render = parse("imbolc-ui --render a.imbolc.json --out b.wav --to 8").unwrap().render;
        assert_eq!((render.from, render.to, render.rate), (None, Some(8), 48_000));
        // The default address accepts IPv4 and IPv6.
        assert_eq!(parse("imbolc-ui --server").unwrap().bind, "[::]:9999");
    }

    #[test]
    fn contradictions_of_options_are_one_line() {
        for (line, words) in [
            ("--render song --out mix.wav --server", "cannot be used with"),
            ("--render song --out mix.wav --engine silent", "cannot be used with"),
            ("--render song", "not provided: --out <FILE>"),
            ("--out mix.wav", "not provided: --render <PROJECT>"),
            ("--stems there", "not provided: --out <FILE> --render <PROJECT>"),
            ("--connect there --engine silent", "cannot be used with"),
            ("--render song --out mix.wav --from 0", "invalid value '0' for '--from <BAR>'"),
            ("--doctor --connect there", "cannot be used with"),
            ("--engine loud", "possible values: auto, supercollider, silent"),
            (
                "--connect there --code 12",
                "--code <123-456>': a code is six digits, such as 123-456",
            ),
            ("--sever", "unexpected argument '--sever' found tip: "),
        ] {
            let words_of_line = ["imbolc-ui"].into_iter().chain(line.split(' '));
            let error = Arguments::try_parse_from(words_of_line).unwrap_err();
            let told = one_line(&error);
            assert!(told.contains(words) && !told.contains('\n'), "{line}: {told}");
            assert!(!told.contains("--help"), "{line}: {told}");
        }
    }
}
