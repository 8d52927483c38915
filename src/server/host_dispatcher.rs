//! The dispatcher of a host: a session in this process, served over the network.
//! Combines [`InProcess`] with [`NetServer`], and holds no rule of its own.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    admission::{AdmissionControl, AdmissionPolicy, AdmissionStatus},
    authority::{
        Authority, Engine, Setup,
        in_process::{InProcess, delegate_to_in_process},
        local_dispatcher::fresh_session_id,
    },
    dispatcher::{
        CloseError, DispatchError, Dispatcher, Events, HostCommand, Identity, OpenError, Status,
    },
    installation::Installation,
    model::{InstrumentId, Model},
    protocol::NetworkState,
    server::{
        NetServer, ParticipantInfo, ServerConfig, Stats, admissions::fresh_code,
        net_server::run_timers,
    },
    studio::Studio,
    sync::session::{SessionConfig, checked_name},
    transport::Listener,
    util::time::Timestamp,
};

/// The options of a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The rules of the session.
    pub session: SessionConfig,
    /// The options of its server.
    pub server: ServerConfig,
    /// Which clients the host admits besides those that it knows or that show its code.
    /// Default: `Ask`, which is the same as `Code` if no person
    /// [sits there](SessionConfig::attended).
    pub admission: AdmissionPolicy,
    /// Whether clients of the host's own machine need no code. Default: `true`. Switch it
    /// off if others can reach a port that is forwarded to the host.
    pub local_exemption: bool,
    /// The key of this host, and the participants that it knows. Default: a new key, in
    /// memory.
    pub installation: Option<Installation>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            session: SessionConfig::default(),
            server: ServerConfig::default(),
            admission: AdmissionPolicy::Ask,
            local_exemption: true,
            installation: None,
        }
    }
}

/// A session that clients can join. The host is a participant like any other,
/// except that it starts with the privilege and may always take it back. If nobody
/// sits there ([`SessionConfig::attended`]), it is none, and may do what needs the
/// privilege without having it.
///
/// Prefer a runtime with one worker thread: sending patches to 64 clients then
/// costs 1.4 to 1.5 times the bare writes, compared with 1.8 times with two.
#[must_use = "dropping it ends the session"]
pub struct HostDispatcher<M: Model = Studio> {
    in_process: InProcess<M>,
    server: NetServer<M>,
}

impl<M: Model> HostDispatcher<M> {
    /// Starts a session with the state `model` and a host called `name`, and
    /// serves it on `listener`, which is already bound.
    ///
    /// # Errors
    /// If `name` is not valid, an option makes no sense, or the operating system
    /// provides no random bytes.
    ///
    /// # Panics
    /// If it is not called within a tokio runtime.
    pub fn open(
        name: &str,
        model: M::State,
        engine: Engine<M>,
        listener: impl Listener,
        mut options: HostOptions,
    ) -> Result<Self, OpenError> {
        let host = checked_name(name).map_err(OpenError::Name)?;
        let installation = match options.installation.take() {
            Some(installation) => installation,
            None => Installation::in_memory().map_err(OpenError::Random)?,
        };
        let setup = Setup {
            host,
            key: Some(installation.public()),
            model,
            engine,
            config: options.session.clone(),
        };
        options.installation = Some(installation);
        let authority = Authority::hosting(setup, fresh_session_id()?)?;
        let shutdown = CancellationToken::new();
        let server = NetServer::serve(Arc::clone(&authority), listener, &shutdown, options)?;
        let status = Status::Hosting { address: server.address() };
        Ok(Self { in_process: InProcess::new(authority, status), server })
    }

    /// All participants, in the order of their numbers: the host first.
    #[must_use]
    pub fn participants(&self) -> Vec<ParticipantInfo> {
        self.server.participants()
    }

    /// The session and the admission have locks of their own, and neither is held while
    /// the other is taken. A removal changes the session first: it refuses a client that was
    /// admitted just before.
    fn try_administer(&self, command: HostCommand) -> Result<(), DispatchError> {
        let (authority, admissions) = (self.in_process.authority(), self.server.admissions());
        match command {
            HostCommand::Decide { request, verdict } => {
                admissions.change(|control, now| control.decide(now, request, verdict))?;
            }
            HostCommand::Admit { name } => {
                let readmitted =
                    admissions.change(|control, now| control.admit_by_name(now, &name))?;
                if let Some(key) = readmitted {
                    authority.decide(|session, _| session.readmit_key(key));
                }
            }
            HostCommand::SetRole { client, role } => {
                let is_set = authority.decide(|session, _| session.set_role(client, role));
                return if is_set { Ok(()) } else { Err(DispatchError::NoParticipant) };
            }
            HostCommand::Remove { client } => {
                let code = fresh_code().map_err(|_| DispatchError::NoRandomNumbers)?;
                let removed = authority.decide(|session, _| session.remove_participant(client));
                let removed = removed.ok_or(DispatchError::NoParticipant)?;
                admissions.change(|control, now| match removed.key {
                    Some(key) => control.remove_key(now, key, &removed.name, code),
                    None => control.new_code(code),
                });
            }
            HostCommand::Free { client } => {
                let is_free = authority.decide(|session, _| session.free(client));
                return if is_free { Ok(()) } else { Err(DispatchError::NotAway) };
            }
            HostCommand::NewCode => {
                let code = fresh_code().map_err(|_| DispatchError::NoRandomNumbers)?;
                admissions.change(|control, _| AdmissionControl::new_code(control, code));
            }
        }
        Ok(())
    }

    /// The counters of the server.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }
}

impl<M: Model> fmt::Debug for HostDispatcher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostDispatcher").field("server", &self.server).finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: Model> Dispatcher<M> for HostDispatcher<M> {
    delegate_to_in_process!();

    fn administer(&self, command: HostCommand) -> Result<(), DispatchError> {
        self.in_process.check_open()?;
        self.try_administer(command)
    }

    fn admission(&self) -> Option<Arc<AdmissionStatus>> {
        Some(self.server.admissions().status())
    }

    async fn commit(&self, action: M::Action) -> Result<M::Outcome, DispatchError> {
        self.in_process.dispatch(&action)
    }

    async fn close(&self) -> Result<(), CloseError> {
        self.in_process.close();
        self.server.shut_down().await;
        // The server's timers have ended with it.
        tokio::select! {
            settled = self.in_process.settle() => settled,
            never = run_timers(Arc::clone(self.in_process.authority())) => never,
        }
    }
}
