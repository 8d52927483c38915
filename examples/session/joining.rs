//! The options of joining, and how the host is asked.

use clap::{Args, ValueEnum};
use imbolc_net::{
    client::{ClientConfig, JoinOptions, RemoteDispatcher},
    dispatcher::OpenError,
    installation::{Installation, PlaceFile},
    model::InstrumentId,
    protocol::{Role, framing::Codec},
    security::JoinCode,
    transport::with_port,
};

use crate::{
    Identity, InstallationFiles, JoinRequests,
    entry_prompt::{self, EntryProof, JoinFailure},
};

/// Whom to join, and as what.
#[derive(Args)]
pub struct Joining {
    /// The host: its name or address, and its port unless that is 9999
    address: String,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    files: InstallationFiles,
    /// The instruments to request
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    own: Vec<u32>,
    /// Request the privilege: control of transport, session settings and mixer
    #[arg(long)]
    privilege: bool,
    /// The code that the host shows; IMBOLC_CODE is not seen in a list of processes
    #[arg(long, value_name = "123-456", env = "IMBOLC_CODE", hide_env = true, value_parser = parse_code)]
    code: Option<JoinCode>,
    /// As what to join: a viewer sees everything and changes nothing
    #[arg(long, value_name = "ROLE", default_value = "player")]
    join_as: JoinRole,
    /// Do not encrypt, for debugging; only open sessions and this machine admit that
    #[arg(long)]
    plain: bool,
    /// Treat a host on this machine as any other: a forwarded port looks local
    #[arg(long)]
    no_local_exemption: bool,
    /// The wire format: `json`, which is readable in a capture, or `postcard`
    #[arg(long, value_name = "NAME")]
    codec: Option<Codec>,
}

#[derive(Clone, Copy, ValueEnum)]
enum JoinRole {
    Viewer,
    Player,
}

fn parse_code(typed: &str) -> Result<JoinCode, String> {
    JoinCode::parse(typed).ok_or_else(|| "a code is six digits, such as 123-456".into())
}

impl Joining {
    /// Joins, and asks at the terminal for what the host wants to see.
    ///
    /// # Errors
    /// If the session cannot be joined. The message is one line.
    pub async fn join(self) -> Result<(RemoteDispatcher, JoinRequests), String> {
        let address = with_port(&self.address);
        let installation = self.files.installation()?;
        let join = async |proof| self.join_once(&address, &installation, proof).await;
        entry_prompt::join_asking(self.code.clone(), join).await
    }

    async fn join_once(
        &self,
        address: &str,
        installation: &Installation,
        proof: EntryProof,
    ) -> Result<(RemoteDispatcher, JoinRequests), JoinFailure> {
        let directory = self.files.directory()?;
        let place = match PlaceFile::claim(&directory, address, &self.identity.name) {
            Ok(place) => Some(place),
            // It was said already that nothing is kept there.
            Err(_) if installation.notice().is_some() => None,
            Err(error) => return Err(format!("cannot use {}: {error}", directory.display()).into()),
        };
        let own: Vec<_> = self.own.iter().copied().map(InstrumentId).collect();
        let requests = JoinRequests {
            own: own.clone(),
            privilege: self.privilege,
            has_place: place
                .as_ref()
                .and_then(PlaceFile::load)
                .is_some_and(|saved| saved.session.is_some()),
        };
        let options = JoinOptions {
            name: self.identity.name.clone(),
            own,
            privilege: self.privilege,
            role: match self.join_as {
                JoinRole::Viewer => Role::Viewer,
                JoinRole::Player => Role::Player,
            },
            place,
            installation: Some(installation.clone()),
            code: proof.code,
            ask: proof.ask,
            plain: self.plain,
            local_exemption: !self.no_local_exemption,
            config: match self.codec {
                Some(codec) => ClientConfig::default().speaking(codec),
                None => ClientConfig::default(),
            },
            ..JoinOptions::default()
        };
        let joined: Result<_, OpenError> = RemoteDispatcher::connect(address, options).await;
        Ok((joined?, requests))
    }
}
