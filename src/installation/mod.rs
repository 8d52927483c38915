//! What one user keeps on one machine: the key that identifies the installation, the
//! keys of others that it knows, and the places of its clients; in memory also the codes
//! that a host was shown in vain.
//!
//! It stores and finds. Admission and trust are decided elsewhere.
//! docs/security.md lists the files.
//!
//! What writes blocks, and says so: call it from `tokio::task::spawn_blocking`. What only
//! looks something up is answered from memory.

mod identity_key;
mod kept_list;
mod known_hosts;
mod place_file;
mod place_keeper;
mod private_files;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use kept_list::KeptList;
use known_hosts::KnownHost;
use parking_lot::Mutex;
pub(crate) use place_keeper::PlaceKeeper;
pub use {
    known_hosts::HostLabels,
    place_file::{PlaceFile, SavedPlace},
};

use crate::{
    admission::KnownParticipant,
    protocol::limits,
    security::{JoinCode, PrivateKey, PublicKey},
    util::text::cleaned,
};

/// The identity of this installation and the keys that it knows. Clones are the same
/// installation: the host and the client of a program share it.
///
/// Other programs may use the same directory at the same time. What they change is seen
/// with the next change of this program, and at its next start.
#[derive(Clone)]
pub struct Installation(Arc<Inner>);

struct Inner {
    /// `None` in memory.
    directory: Option<PathBuf>,
    private: PrivateKey,
    public: PublicKey,
    hosts: KeptList<KnownHost>,
    participants: KeptList<KnownParticipant>,
    notice: Option<String>,
    /// In memory only.
    spent: Mutex<VecDeque<(JoinCode, PublicKey)>>,
}

/// How many spent codes are remembered.
const MAX_SPENT: usize = 1024;

impl Installation {
    /// The installation whose files are in `directory`, which is created if it does not
    /// exist. The key is made on first use. What cannot be kept there is in memory, and
    /// [`notice`](Self::notice) says so. Blocks, for 1 s at most if another program holds
    /// the lock of the directory.
    ///
    /// # Errors
    /// If there is no key, and the operating system has no random bytes for one.
    pub fn open(directory: &Path) -> Result<Self, getrandom::Error> {
        let path = identity_key::key_path(directory);
        let (private, key_notice) = match identity_key::open_key(directory) {
            Ok(opened) => opened,
            Err(error) => {
                let notice = format!(
                    "a key in memory only is used, which is another one after a restart: {}: {error}",
                    path.display()
                );
                (identity_key::new_key()?, Some(notice))
            }
        };
        let (hosts, hosts_notice) = KeptList::open(directory, "known-hosts.json");
        let (participants, participants_notice) =
            KeptList::open(directory, "known-participants.json");
        let notices = [key_notice, hosts_notice, participants_notice];
        let notices: Vec<_> = notices.into_iter().flatten().collect();
        Ok(Self(Arc::new(Inner {
            directory: Some(directory.into()),
            public: private.public(),
            private,
            hosts,
            participants,
            notice: (!notices.is_empty()).then(|| notices.join("; ")),
            spent: Mutex::default(),
        })))
    }

    /// An installation that is forgotten when the program ends.
    ///
    /// # Errors
    /// If the operating system has no random bytes.
    pub fn in_memory() -> Result<Self, getrandom::Error> {
        let private = identity_key::new_key()?;
        Ok(Self(Arc::new(Inner {
            directory: None,
            public: private.public(),
            private,
            hosts: KeptList::in_memory(),
            participants: KeptList::in_memory(),
            notice: None,
            spent: Mutex::default(),
        })))
    }

    /// The default directory of a user: `$XDG_STATE_HOME/imbolc`, or
    /// `~/.local/state/imbolc`. `None` if neither variable is set.
    #[must_use]
    pub fn default_directory() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = set("XDG_STATE_HOME").map(PathBuf::from);
        let state = state.filter(|path| path.is_absolute());
        let home = || set("HOME").map(|home| Path::new(&home).join(".local").join("state"));
        Some(state.or_else(home)?.join("imbolc"))
    }

    /// What the user should know of the files, in a line: what is not kept, what was not
    /// understood.
    #[must_use]
    pub fn notice(&self) -> Option<&str> {
        self.0.notice.as_deref()
    }

    /// The key by which others know this installation.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.0.public
    }

    /// The secret half of the key, for the channel.
    #[must_use]
    pub fn private(&self) -> &PrivateKey {
        &self.0.private
    }

    /// Whether the key of `host` was verified.
    #[must_use]
    pub fn is_pinned(&self, host: PublicKey) -> bool {
        self.0.hosts.peek(|hosts| known_hosts::is_pinned(hosts, host))
    }

    /// The verified key of the host that had one of these labels last, and this label: the
    /// session, else the machine, else the address.
    #[must_use]
    pub fn pinned_under(&self, labels: &HostLabels) -> Option<(PublicKey, String)> {
        self.0.hosts.peek(|hosts| known_hosts::pinned_under(hosts, &labels.kept()))
    }

    /// Keeps the verified key of `host`. Other keys of the same machine are forgotten;
    /// another key of the same session or address loses this label. Of more than
    /// 1,024 hosts, those that were seen longest ago are forgotten. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written. The change then holds for this program, and is
    /// written with its next one.
    pub fn pin(&self, host: PublicKey, labels: &HostLabels) -> io::Result<()> {
        let new = KnownHost::new(host, labels.kept(), unix_time());
        self.0.hosts.change(move |hosts| known_hosts::pin(hosts, new.clone()))
    }

    /// Keeps where the known `host` was found now, and when; nothing if its key is not
    /// known. It gets no label of another key. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written. The change then holds for this program, and is
    /// written with its next one.
    pub fn refresh(&self, host: PublicKey, labels: &HostLabels) -> io::Result<()> {
        let found = KnownHost::new(host, labels.kept(), unix_time());
        if self.0.hosts.peek(|hosts| known_hosts::refreshed(hosts, found.clone()).is_none()) {
            return Ok(());
        }
        self.0.hosts.change(move |hosts| {
            // Another program may have forgotten it.
            if let Some(host) = known_hosts::refreshed(hosts, found.clone()) {
                known_hosts::pin(hosts, host);
            }
        })
    }

    /// Forgets every host under `label`: an address, with or without its port, the name of
    /// a machine or session, the digits of a key. Returns how many there were. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written. The change then holds for this program, and is
    /// written with its next one.
    pub fn forget_host(&self, label: &str) -> io::Result<usize> {
        self.0.hosts.change({
            let label = label.to_owned();
            move |hosts| known_hosts::forget_label(hosts, &label)
        })
    }

    /// Whether `host` was shown `code` and did not prove that it has it.
    pub(crate) fn is_spent(&self, code: &JoinCode, host: PublicKey) -> bool {
        self.0.spent.lock().iter().any(|(spent, to)| *to == host && spent == code)
    }

    /// Call this before `host` can test a guess of `code`, and [`restore`](Self::restore)
    /// when it has proven that it has the code. In between the code is spent for it, until
    /// the program ends. Of more than 1,024 the oldest are forgotten.
    pub(crate) fn spend(&self, code: JoinCode, host: PublicKey) {
        let mut spent = self.0.spent.lock();
        spent.push_back((code, host));
        if spent.len() > MAX_SPENT {
            spent.pop_front();
        }
    }

    /// The codes that `host` was shown are not spent: it has proven one of them.
    pub(crate) fn restore(&self, host: PublicKey) {
        self.0.spent.lock().retain(|(_, to)| *to != host);
    }

    /// The participants that this installation admits as a host; those that were seen
    /// longest ago first.
    #[must_use]
    pub fn known(&self) -> Vec<KnownParticipant> {
        let mut known = self.0.participants.peek(<[_]>::to_vec);
        for participant in &mut known {
            participant.name = cleaned(&participant.name, limits::NAME as usize);
        }
        known
    }

    /// Keeps the participants that a host admits: it admitted those of `before`, and admits
    /// those of `after` instead. The keys that other programs have added since stay, and
    /// those that they have removed do not come back. Of more than 1,024, those that were
    /// seen longest ago are forgotten. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written. The change then holds for this program, and is
    /// written with its next one.
    pub fn update_known(
        &self,
        before: &[KnownParticipant],
        after: &[KnownParticipant],
    ) -> io::Result<()> {
        let keys = |known: &[KnownParticipant]| known.iter().map(|known| known.key).collect();
        let (old, kept): (BTreeSet<_>, BTreeSet<_>) = (keys(before), keys(after));
        let mut gone: BTreeSet<_> = old.difference(&kept).copied().collect();
        let mut new: Vec<_> =
            after.iter().filter(|known| !before.contains(known)).cloned().collect();
        if gone.is_empty() && new.is_empty() {
            return Ok(());
        }
        new.sort_by_key(|known| known.last_seen);
        gone.extend(new.iter().map(|known| known.key));
        self.0.participants.change(move |known| {
            known.retain(|known| !gone.contains(&known.key));
            known.extend(new.iter().cloned());
        })
    }
}

/// The system's time in seconds since 1970.
fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { directory, public, .. } = &*self.0;
        f.debug_struct("Installation")
            .field("public", public)
            .field("directory", directory)
            .finish_non_exhaustive()
    }
}
