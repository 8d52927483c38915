//! The command line.

use std::path::PathBuf;

use clap::Parser;
use imbolc_net::protocol::framing::Codec;

/// What is asked for on the command line.
#[derive(Clone, Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "switches are")]
#[command(
    name = "imbolc-ui",
    version,
    about = "A music studio in a terminal, alone or with others",
    after_help = "\
Examples:
  imbolc-ui                                    play alone
  imbolc-ui --server --tui                     play, and let others join
  imbolc-ui --server --session-name 'Friday'   a host without a screen
  imbolc-ui --connect 192.168.1.100            join the session there
  imbolc-ui --connect 192.168.1.100 --own 1,2  and play instruments 1 and 2
  imbolc-ui --discover                         choose a session on the LAN

In the studio, ? shows the keys and : takes a command."
)]
pub struct Arguments {
    /// Host a session that others can join
    #[arg(long, conflicts_with_all = ["connect", "discover"])]
    pub server: bool,

    /// Play in the session that is hosted
    #[arg(long, requires = "server")]
    pub tui: bool,

    /// Join the session at this address; the port is 9999 unless it says otherwise
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "discover")]
    pub connect: Option<String>,

    /// Choose one of the sessions on the LAN
    #[arg(long)]
    pub discover: bool,

    /// The instruments to ask for
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub own: Vec<u32>,

    /// Ask for the control of transport, session and buses
    #[arg(long)]
    pub privilege: bool,

    /// What to be called
    #[arg(long, env = "USER", default_value = "somebody", hide_env = true)]
    pub name: String,

    /// What the hosted session is called
    #[arg(long, value_name = "NAME", requires = "server")]
    pub session_name: Option<String>,

    /// Where to listen; `[::]` is everywhere, and port 0 is any that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "[::]:9999")]
    pub bind: String,

    /// The network interface to be found on, or to look at; all unless it is named
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,

    /// Where projects are saved and loaded from; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub project_dir: Option<PathBuf>,

    /// Where to keep the secret with which to come back after a crash
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// What to speak with the host: `json`, which can be read along, or `postcard`
    #[arg(long, value_name = "NAME")]
    pub codec: Option<Codec>,

    /// Where to write what happens underneath.
    #[arg(long, value_name = "FILE", help = LOG)]
    pub log: Option<PathBuf>,
}

/// How the log is explained.
const LOG: &str = "Where to write what happens underneath; RUST_LOG says how much";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("imbolc-ui --server --connect there").is_err());
        assert!(parse("imbolc-ui --tui").is_err());
        assert_eq!(parse("imbolc-ui --connect there --own 1,2,3").unwrap().own, [1, 2, 3]);
        // By IPv4 and IPv6.
        assert_eq!(parse("imbolc-ui --server").unwrap().bind, "[::]:9999");
    }
}
