//! The command line: its options and their help texts.
//!
//! It parses only; `mode` decides what the options mean.

use std::path::PathBuf;

use clap::Parser;
use imbolc_net::protocol::framing::Codec;

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
  imbolc-ui --connect 192.168.1.100            join a session
  imbolc-ui --connect 192.168.1.100 --own 1,2  ask for instruments 1 and 2
  imbolc-ui --discover                         list the sessions on the LAN

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

    /// The network interface for discovery; all interfaces by default
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,

    /// Directory of the projects, instead of the one in your data directory
    #[arg(long, value_name = "DIR")]
    pub project_dir: Option<PathBuf>,

    /// Directory of the resume token, with which you rejoin after a crash
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Wire format: `json` (readable) or `postcard` (compact)
    #[arg(long, value_name = "NAME")]
    pub codec: Option<Codec>,

    /// Write a log to this file; the level is set by `RUST_LOG`.
    #[arg(long, value_name = "FILE", help = LOG_HELP)]
    pub log: Option<PathBuf>,
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
        // The default address accepts IPv4 and IPv6.
        assert_eq!(parse("imbolc-ui --server").unwrap().bind, "[::]:9999");
    }
}
