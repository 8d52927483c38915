//! Readable texts for the errors of the operating system.
//!
//! It knows error kinds only, never what the caller tried to do.

use std::io;

/// A description of `error` without its number, to follow a text such as
/// "cannot join".
pub(crate) fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use".into(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::ConnectionRefused => "nothing is listening there".into(),
        io::ErrorKind::ConnectionReset => "the connection was reset".into(),
        io::ErrorKind::UnexpectedEof => "the connection was cut".into(),
        io::ErrorKind::TimedOut => "it does not answer".into(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "it cannot be reached".into()
        }
        io::ErrorKind::InvalidInput if error.raw_os_error().is_some() => {
            "the operating system does not take that address".into()
        }
        io::ErrorKind::InvalidInput => "that is not an address of the form host:port".into(),
        _ => error.to_string(),
    }
}
