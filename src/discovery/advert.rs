//! What a session announces about itself, and its encoding as a TXT record.
//! Pure: no socket, no clock. Every record that is parsed here is untrusted.

use crate::{
    model::Model,
    protocol::{PROTOCOL_VERSION, ProtocolError, SessionId, limits},
    studio::Studio,
    sync::session::{SessionConfig, checked_name},
    util::text::cleaned,
};

/// What a session announces about itself on the LAN.
///
/// [`DiscoveryServer`](super::DiscoveryServer) adds the name of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The session's display name: 1 to 64 plain characters.
    pub session: String,
    /// The id of the session, as in the host's
    /// [`identity`](crate::Dispatcher::identity). By it a client finds the session again
    /// at another address; it cannot if this is `None`, the default.
    pub session_id: Option<SessionId>,
    /// The protocol version of the host.
    pub protocol: u32,
    /// The host's [`Model::NAME`].
    pub model: String,
    /// The host's [`Model::VERSION`].
    pub model_version: u32,
    /// The current number of participants, including suspended ones and the host, unless
    /// nobody sits there. It may be 0.
    pub participants: u32,
    /// The largest number of participants that the host admits.
    pub max_participants: u32,
    /// Whether a stranger has to show the code or ask: `false` only if the session was
    /// [opened](crate::admission::AdmissionPolicy::Open) on purpose.
    pub secret: bool,
}

impl Advert {
    /// An advert for a session of the built-in studio: one participant, the default limit
    /// of [`SessionConfig`], and not open.
    ///
    /// # Errors
    /// [`ProtocolError::BadName`] if `session` is not a valid name.
    pub fn new(session: &str) -> Result<Self, ProtocolError> {
        Self::of::<Studio>(session)
    }

    /// As [`new`](Self::new), for a session of the model `M`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of<M: Model>(session: &str) -> Result<Self, ProtocolError> {
        Ok(Self {
            session: checked_name(session)?,
            session_id: None,
            protocol: PROTOCOL_VERSION,
            model: M::NAME.into(),
            model_version: M::VERSION,
            participants: 1,
            max_participants: SessionConfig::default().max_participants,
            secret: true,
        })
    }

    /// The TXT record of this session on the machine `host`. A higher `revision`
    /// supersedes a lower one.
    pub(super) fn to_txt(&self, host: &str, revision: u32) -> Vec<(&'static str, String)> {
        let number = |number: u32| number.to_string();
        let mut txt = vec![
            (key::FORMAT, number(FORMAT)),
            (key::SESSION, self.session.clone()),
            (key::HOST, host.to_owned()),
            (key::PROTOCOL, number(self.protocol)),
            (key::MODEL, self.model.clone()),
            (key::MODEL_VERSION, number(self.model_version)),
            (key::PARTICIPANTS, number(self.participants)),
            (key::MAX_PARTICIPANTS, number(self.max_participants)),
            (key::SECRET, number(self.secret.into())),
            (key::REVISION, number(revision)),
        ];
        txt.extend(self.session_id.map(|id| (key::SESSION_ID, id.to_string())));
        for (key, value) in &mut txt {
            // An entry holds at most 255 bytes, including the `=`.
            *value = truncated(value, 254 - key.len()).to_owned();
        }
        txt
    }
}

/// The version of the record's format.
const FORMAT: u32 = 1;

mod key {
    pub const FORMAT: &str = "txtvers";
    pub const SESSION: &str = "name";
    pub const SESSION_ID: &str = "session";
    pub const HOST: &str = "host";
    pub const PROTOCOL: &str = "proto";
    pub const MODEL: &str = "model";
    pub const MODEL_VERSION: &str = "modelver";
    pub const PARTICIPANTS: &str = "here";
    pub const MAX_PARTICIPANTS: &str = "max";
    pub const SECRET: &str = "secret";
    pub const REVISION: &str = "rev";
    pub const ALL: [&str; 11] = [
        FORMAT,
        SESSION,
        SESSION_ID,
        HOST,
        PROTOCOL,
        MODEL,
        MODEL_VERSION,
        PARTICIPANTS,
        MAX_PARTICIPANTS,
        SECRET,
        REVISION,
    ];
}

/// The versions that a session's host runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The protocol version.
    pub protocol: u32,
    /// The name of the model.
    pub model: String,
    /// The version of the model.
    pub model_version: u32,
}

/// A parsed TXT record. A missing or invalid entry is `None`, and so is a number of
/// participants that is 0 or beyond a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TxtRecord {
    pub session: Option<String>,
    pub session_id: Option<SessionId>,
    pub host: Option<String>,
    pub versions: Option<Versions>,
    pub participants: Option<u32>,
    pub max_participants: Option<u32>,
    pub secret: bool,
    pub revision: Option<u32>,
}

impl TxtRecord {
    /// Parses a TXT record. `None` if it contains no key of ours: the record has
    /// not arrived yet, or belongs to another kind of service.
    ///
    /// The first of two entries with the same key counts (RFC 6763, section 6.4).
    pub(super) fn parse(txt: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        let entry = |key: &str| txt.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        key::ALL.iter().find_map(|key| entry(key))?;
        let value = |key| std::str::from_utf8(entry(key)?.1?).ok();
        let name = |key| checked_name(value(key)?).ok();
        let number = |key| parse_decimal(value(key)?);
        let count = |key| number(key).filter(|count| is_count(*count));
        let most = count(key::MAX_PARTICIPANTS).filter(|most| *most > 0);
        let versions = || {
            Some(Versions {
                protocol: number(key::PROTOCOL)?,
                model: name(key::MODEL)?,
                model_version: number(key::MODEL_VERSION)?,
            })
        };
        Some(Self {
            session: name(key::SESSION),
            session_id: value(key::SESSION_ID).and_then(SessionId::parse),
            host: name(key::HOST),
            versions: versions(),
            participants: count(key::PARTICIPANTS)
                .filter(|here| most.is_none_or(|most| *here <= most)),
            max_participants: most,
            secret: number(key::SECRET) == Some(1),
            revision: number(key::REVISION),
        })
    }
}

/// Whether a session can have so many participants.
fn is_count(count: u32) -> bool {
    usize::try_from(count).is_ok_and(|count| count <= limits::PARTICIPANTS)
}

/// Digits only; [`str::parse`] would accept a leading `+`.
fn parse_decimal(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The longest prefix of `text` that fits into `bytes` bytes.
fn truncated(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The instance name of the DNS record: `session on host`, followed by `tag`,
/// which distinguishes sessions of the same name. One label without dots, at
/// most 63 bytes.
///
/// It is in lower case because `mdns-sd` compares some names in lower case with
/// names as they were registered. The TXT record keeps the original spelling.
pub(super) fn record_label(session: &str, host: &str, tag: u32) -> String {
    let tag = format!(" {tag:08x}");
    let name = format!("{session} on {host}").to_lowercase().replace(['.', '\\'], "-");
    format!("{}{tag}", truncated(&name, 63 - tag.len()))
}

/// A display name for a session whose TXT record has none: the plain characters
/// of its label.
pub(super) fn name_from_label(label: &str) -> String {
    checked_name(&cleaned(label, limits::NAME as usize))
        .unwrap_or_else(|_| "unnamed session".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::util::text::is_plain;

    fn parse(txt: &[(String, Option<Vec<u8>>)]) -> Option<TxtRecord> {
        let txt = txt.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        TxtRecord::parse(&txt.collect::<Vec<_>>())
    }

    fn record(advert: &Advert, host: &str, revision: u32) -> Vec<(String, Option<Vec<u8>>)> {
        let entry = |(key, value): (&str, String)| (key.to_owned(), Some(value.into_bytes()));
        advert.to_txt(host, revision).into_iter().map(entry).collect()
    }

    fn entry(key: &str, value: &str) -> (String, Option<Vec<u8>>) {
        (key.into(), Some(value.into()))
    }

    fn any_txt() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
        let keys = prop_oneof![
            proptest::sample::select(key::ALL.to_vec()).prop_map(str::to_owned),
            proptest::sample::select(key::ALL.to_vec()).prop_map(str::to_uppercase),
            ".{0,20}",
        ];
        let values = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..255),
            ".{0,100}".prop_map(String::into_bytes),
            any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        ];
        proptest::collection::vec((keys, proptest::option::of(values)), 0..20)
    }

    proptest! {
        #[test]
        fn parsed_names_are_safe_to_display(txt in any_txt()) {
            let Some(record) = parse(&txt) else { return Ok(()) };
            let model = record.versions.map(|versions| versions.model);
            for name in [record.session, record.host, model].into_iter().flatten() {
                prop_assert!(is_plain(&name), "{name:?}");
                prop_assert!((1..=limits::NAME as usize).contains(&name.chars().count()));
            }
        }

        #[test]
        fn parsing_inverts_encoding(
            session in "[^\\p{C}\\p{Z}]{1,50}",
            host in "[a-z]([a-z0-9-]{0,40}[a-z0-9])?",
            numbers in any::<[u32; 5]>(),
            secret in any::<bool>(),
            id in proptest::option::of(any::<[u8; 16]>()),
        ) {
            let [protocol, model_version, participants, max_participants, revision] = numbers;
            let max_participants = max_participants % 1024 + 1;
            let participants = participants % max_participants + 1;
            let session = checked_name(&session).unwrap_or_default();
            prop_assume!((1..=50).contains(&session.chars().count()));
            let session_id = id.map(SessionId::new);
            let advert = Advert {
                session: session.clone(),
                session_id,
                protocol,
                model: "studio".into(),
                model_version,
                participants,
                max_participants,
                secret,
            };
            let parsed = parse(&record(&advert, &host, revision)).unwrap();
            prop_assert_eq!(parsed, TxtRecord {
                session: Some(session),
                session_id,
                host: Some(host),
                versions: Some(Versions { protocol, model: "studio".into(), model_version }),
                participants: Some(participants),
                max_participants: Some(max_participants),
                secret,
                revision: Some(revision),
            });
        }

        #[test]
        fn entries_take_at_most_255_bytes(session in ".{0,300}", host in ".{0,300}") {
            let advert = Advert { session, ..Advert::new("jam").unwrap() };
            for (key, value) in advert.to_txt(&host, u32::MAX) {
                prop_assert!(key.len() + 1 + value.len() <= 255);
            }
        }

        #[test]
        fn record_label_is_one_lower_case_label(
            session in ".{0,80}",
            host in ".{0,80}",
            tag in any::<u32>(),
        ) {
            let label = record_label(&session, &host, tag);
            prop_assert!(label.len() <= 63);
            prop_assert_eq!(&label, &label.to_lowercase());
            prop_assert!(!label.contains(['.', '\\']));
            let tag = format!(" {tag:08x}");
            prop_assert!(label.ends_with(&tag));
        }

        #[test]
        fn name_from_label_is_a_valid_name(label in ".{0,300}") {
            prop_assert!(checked_name(&name_from_label(&label)).is_ok());
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character_boundary() {
        let session = "🎹".repeat(64);
        let txt = Advert::new(&session).unwrap().to_txt("host", 0);
        assert!(txt.contains(&("name", "🎹".repeat(62))), "{txt:?}");
    }

    #[test]
    fn invalid_entries_do_not_hide_valid_ones() {
        let good = record(&Advert::new("Friday jam").unwrap(), "ana", 7);
        let with = |key: &str, value: &str| {
            let mut txt = good.clone();
            txt.iter_mut().find(|(name, _)| name == key).unwrap().1 = Some(value.into());
            parse(&txt).unwrap()
        };
        assert_eq!(with("name", "a\u{1b}[2J").session, None);
        assert_eq!(with("name", &"x".repeat(65)).session, None);
        for number in ["", "-1", "+1", "1.0", " 1", "4294967296", "one"] {
            assert_eq!(with("proto", number).versions, None, "{number:?}");
            assert_eq!(with("here", number).participants, None, "{number:?}");
        }
        let mut txt = good.clone();
        for id in ["", "ff", &"g".repeat(32), &"f".repeat(33)] {
            txt.push(entry("session", id));
            assert_eq!(parse(&txt).unwrap().session_id, None, "{id:?}");
            txt.pop();
        }
        for (here, most) in [("99999", "4294967295"), ("1025", "1025")] {
            let mut txt = vec![entry("here", here), entry("max", most)];
            let record = parse(&txt).unwrap();
            assert_eq!((record.participants, record.max_participants), (None, None));
            txt[1] = entry("max", "64");
            let record = parse(&txt).unwrap();
            assert_eq!((record.participants, record.max_participants), (None, Some(64)));
        }
        assert_eq!(with("here", "nobody").session.as_deref(), Some("Friday jam"));
        assert!(with("secret", "1").secret && !with("secret", "yes").secret);
    }

    #[test]
    fn session_without_participants_has_a_count() {
        let empty = parse(&[entry("here", "0"), entry("max", "64")]).unwrap();
        assert_eq!((empty.participants, empty.max_participants), (Some(0), Some(64)));
        let closed = parse(&[entry("here", "0"), entry("max", "0")]).unwrap();
        assert_eq!(closed.max_participants, None);
    }

    #[test]
    fn first_duplicate_counts_and_foreign_records_are_ignored() {
        let record = parse(&[entry("NAME", "first"), entry("name", "second")]).unwrap();
        assert_eq!(record.session.as_deref(), Some("first"));
        assert_eq!(parse(&[entry("path", "/printer")]), None);
        assert_eq!(parse(&[]), None);
    }
}
