//! Which dispatcher: decided here, once, from the command line.

use std::sync::Arc;

use imbolc_net::{Dispatcher, Mode, dispatcher};

use crate::cli::Arguments;

/// Opens the dispatcher that the command line asks for.
///
/// # Errors
/// If it cannot be opened, or this program was built without what it takes. The
/// message is one line.
pub async fn open(arguments: &Arguments) -> Result<Arc<dyn Dispatcher>, String> {
    dispatcher::open(mode(arguments)?).await.map_err(|error| error.to_string())
}

/// What the command line asks for.
fn mode(arguments: &Arguments) -> Result<Mode, String> {
    if arguments.server {
        return host(arguments);
    }
    if let Some(address) = &arguments.connect {
        return join(arguments, address);
    }
    Ok(Mode::Local { name: arguments.name.clone(), projects: arguments.project_dir.clone() })
}

#[cfg(feature = "net")]
fn host(arguments: &Arguments) -> Result<Mode, String> {
    use imbolc_net::{dispatcher::HostOptions, studio::Name};

    let session_name = arguments.session_name.as_deref().map(Name::new).transpose();
    Ok(Mode::Host {
        name: arguments.name.clone(),
        address: arguments.bind.clone(),
        session_name: session_name.map_err(|error| error.to_string())?,
        projects: arguments.project_dir.clone(),
        options: HostOptions::default(),
    })
}

#[cfg(feature = "net")]
fn join(arguments: &Arguments, address: &str) -> Result<Mode, String> {
    use imbolc_net::{
        client::{JoinOptions, TokenFile},
        protocol::InstrumentId,
    };

    let address = crate::cli::with_port(address);
    let directory = arguments.state_dir.clone().or_else(TokenFile::default_directory);
    let directory = directory.ok_or("there is no home directory: name one with --state-dir")?;
    let token_file = TokenFile::claim(&directory, &address, &arguments.name)
        .map_err(|error| format!("cannot use {}: {error}", directory.display()))?;
    let options = JoinOptions {
        name: arguments.name.clone(),
        own: arguments.own.iter().copied().map(InstrumentId).collect(),
        privilege: arguments.privilege,
        token_file: Some(token_file),
        ..JoinOptions::default()
    };
    Ok(Mode::Remote { address, options })
}

#[cfg(not(feature = "net"))]
fn host(_: &Arguments) -> Result<Mode, String> {
    Err(lacks("net", "--server"))
}

#[cfg(not(feature = "net"))]
fn join(_: &Arguments, address: &str) -> Result<Mode, String> {
    Err(lacks("net", &format!("--connect {address}")))
}

/// What to do about a feature that this program was built without.
#[cfg_attr(feature = "mdns", expect(dead_code, reason = "it has everything"))]
pub(crate) fn lacks(feature: &str, option: &str) -> String {
    let option = option.trim();
    let word = option.split(' ').next().unwrap_or_default();
    format!(
        "{word} needs the feature {feature}: cargo run -p imbolc-ui --features {feature} -- {option}"
    )
}
