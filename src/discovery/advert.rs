//! What a session says of itself, and how it stands in a TXT record. Knows no
//! socket and no clock; whatever is read here was written by a stranger.

use crate::{
    model::Model,
    protocol::{PROTOCOL_VERSION, ProtocolError, limits},
    studio::Studio,
    sync::session::{SessionConfig, checked_name},
    util::text::is_plain,
};

/// What a session says of itself on the LAN.
///
/// The name of the machine is added when it is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// What the session is called: 1 to 64 plain characters.
    pub session: String,
    /// The version of the protocol that its host speaks.
    pub protocol: u32,
    /// The [`Model::NAME`] that its host runs.
    pub model: String,
    /// The [`Model::VERSION`] that its host runs.
    pub model_version: u32,
    /// How many take part now, with the host and with those who are away.
    pub participants: u32,
    /// How many may take part.
    pub max_participants: u32,
    /// Whether the session asks for a secret. The protocol has none yet, so no
    /// host of this version says so.
    pub secret: bool,
}

impl Advert {
    /// A session of the built-in studio called `session`, with its host in it
    /// and room for as many as [`SessionConfig`] gives by default.
    ///
    /// # Errors
    /// [`ProtocolError::BadName`] if a session cannot be called that.
    pub fn new(session: &str) -> Result<Self, ProtocolError> {
        Self::of::<Studio>(session)
    }

    /// As [`new`](Self::new), of a session of another model.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of<M: Model>(session: &str) -> Result<Self, ProtocolError> {
        Ok(Self {
            session: checked_name(session)?.into(),
            protocol: PROTOCOL_VERSION,
            model: M::NAME.into(),
            model_version: M::VERSION,
            participants: 1,
            max_participants: SessionConfig::default().max_participants,
            secret: false,
        })
    }

    /// The TXT record of this session on the machine `host`. Of two records of
    /// one session, that with the higher `revision` is the newer.
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
        for (key, value) in &mut txt {
            // An entry is at most 255 bytes, with the sign between key and value.
            *value = fitting(value, 254 - key.len()).to_owned();
        }
        txt
    }
}

/// The version of the record's format.
const FORMAT: u32 = 1;

mod key {
    pub const FORMAT: &str = "txtvers";
    pub const SESSION: &str = "name";
    pub const HOST: &str = "host";
    pub const PROTOCOL: &str = "proto";
    pub const MODEL: &str = "model";
    pub const MODEL_VERSION: &str = "modelver";
    pub const PARTICIPANTS: &str = "here";
    pub const MAX_PARTICIPANTS: &str = "max";
    pub const SECRET: &str = "secret";
    pub const REVISION: &str = "rev";
    pub const ALL: [&str; 10] = [
        FORMAT,
        SESSION,
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

/// The versions that a session runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of the protocol.
    pub protocol: u32,
    /// The name of the model.
    pub model: String,
    /// Of the model.
    pub model_version: u32,
}

/// What was made of a stranger's TXT record. What is missing or cannot be
/// believed is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TxtRecord {
    pub session: Option<String>,
    pub host: Option<String>,
    pub versions: Option<Versions>,
    pub participants: Option<u32>,
    pub max_participants: Option<u32>,
    pub secret: bool,
    pub revision: Option<u32>,
}

impl TxtRecord {
    /// Reads a TXT record. `None` if it has nothing of a session's: then it is
    /// not there yet, or is something else's.
    ///
    /// Of a key that stands there twice the first one counts, as RFC 6763 says.
    pub(super) fn read(txt: &[(&str, Option<&[u8]>)]) -> Option<Self> {
        let entry = |key: &str| txt.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        key::ALL.iter().find_map(|key| entry(key))?;
        let value = |key| std::str::from_utf8(entry(key)?.1?).ok();
        let name = |key| checked_name(value(key)?).ok().map(str::to_owned);
        let number = |key| whole(value(key)?);
        let versions = || {
            Some(Versions {
                protocol: number(key::PROTOCOL)?,
                model: name(key::MODEL)?,
                model_version: number(key::MODEL_VERSION)?,
            })
        };
        Some(Self {
            session: name(key::SESSION),
            host: name(key::HOST),
            versions: versions(),
            participants: number(key::PARTICIPANTS),
            max_participants: number(key::MAX_PARTICIPANTS),
            secret: number(key::SECRET) == Some(1),
            revision: number(key::REVISION),
        })
    }
}

/// A number in plain decimal.
fn whole(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The beginning of `text` that takes `bytes` bytes at most.
fn fitting(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The name of the DNS record: `session on host`, and `tag`, which tells apart
/// sessions of the same name. It is one label without dots, of 63 bytes at most.
///
/// It is in lower case, for `mdns-sd` compares names of its own in lower case
/// with names as they were given; the TXT record has the name as it is.
pub(super) fn label(session: &str, host: &str, tag: u32) -> String {
    let tag = format!(" {tag:08x}");
    let name = format!("{session} on {host}").to_lowercase().replace(['.', '\\'], "-");
    format!("{}{tag}", fitting(&name, 63 - tag.len()))
}

/// A name that can be shown, of a session that does not say how it is called:
/// what is plain of its DNS record's name.
pub(super) fn name_of_label(label: &str) -> String {
    let plain = label.chars().filter(|character| is_plain(character.encode_utf8(&mut [0; 4])));
    let name: String = plain.take(limits::NAME as usize).collect();
    checked_name(&name).unwrap_or("a session without a name").to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(txt: &[(String, Option<Vec<u8>>)]) -> Option<TxtRecord> {
        let txt = txt.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
        TxtRecord::read(&txt.collect::<Vec<_>>())
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
        fn whatever_a_stranger_says_can_be_shown(txt in any_txt()) {
            let Some(said) = read(&txt) else { return Ok(()) };
            let model = said.versions.map(|versions| versions.model);
            for name in [said.session, said.host, model].into_iter().flatten() {
                prop_assert!(is_plain(&name), "{name:?}");
                prop_assert!((1..=limits::NAME as usize).contains(&name.chars().count()));
            }
        }

        #[test]
        fn what_is_announced_is_what_is_heard(
            session in "[^\\p{C}\\p{Z}]{1,50}",
            host in "[a-z]([a-z0-9-]{0,40}[a-z0-9])?",
            numbers in any::<[u32; 5]>(),
            secret in any::<bool>(),
        ) {
            let [protocol, model_version, participants, max_participants, revision] = numbers;
            prop_assume!(is_plain(&session));
            let advert = Advert {
                session: session.clone(),
                protocol,
                model: "studio".into(),
                model_version,
                participants,
                max_participants,
                secret,
            };
            let said = read(&record(&advert, &host, revision)).unwrap();
            prop_assert_eq!(said, TxtRecord {
                session: Some(session),
                host: Some(host),
                versions: Some(Versions { protocol, model: "studio".into(), model_version }),
                participants: Some(participants),
                max_participants: Some(max_participants),
                secret,
                revision: Some(revision),
            });
        }

        #[test]
        fn an_entry_never_takes_more_than_255_bytes(session in ".{0,300}", host in ".{0,300}") {
            let advert = Advert { session, ..Advert::new("jam").unwrap() };
            for (key, value) in advert.to_txt(&host, u32::MAX) {
                prop_assert!(key.len() + 1 + value.len() <= 255);
            }
        }

        #[test]
        fn a_record_is_named_by_one_label_in_lower_case(
            session in ".{0,80}",
            host in ".{0,80}",
            tag in any::<u32>(),
        ) {
            let label = label(&session, &host, tag);
            prop_assert!(label.len() <= 63);
            prop_assert_eq!(&label, &label.to_lowercase());
            prop_assert!(!label.contains(['.', '\\']));
            let tag = format!(" {tag:08x}");
            prop_assert!(label.ends_with(&tag));
        }

        #[test]
        fn a_session_without_a_name_can_be_shown_too(label in ".{0,300}") {
            prop_assert!(checked_name(&name_of_label(&label)).is_ok());
        }
    }

    #[test]
    fn the_longest_names_are_cut_between_two_characters() {
        let session = "🎹".repeat(64);
        let txt = Advert::new(&session).unwrap().to_txt("host", 0);
        assert!(txt.contains(&("name", "🎹".repeat(62))), "{txt:?}");
    }

    #[test]
    fn what_is_garbled_is_unknown_and_what_is_not_is_known() {
        let good = record(&Advert::new("Friday jam").unwrap(), "ana", 7);
        let with = |key: &str, value: &str| {
            let mut txt = good.clone();
            txt.iter_mut().find(|(name, _)| name == key).unwrap().1 = Some(value.into());
            read(&txt).unwrap()
        };
        assert_eq!(with("name", "a\u{1b}[2J").session, None);
        assert_eq!(with("name", &"x".repeat(65)).session, None);
        for number in ["", "-1", "+1", "1.0", " 1", "4294967296", "one"] {
            assert_eq!(with("proto", number).versions, None, "{number:?}");
            assert_eq!(with("here", number).participants, None, "{number:?}");
        }
        assert_eq!(with("here", "nobody").session.as_deref(), Some("Friday jam"));
        assert!(with("secret", "1").secret && !with("secret", "yes").secret);
    }

    #[test]
    fn the_first_of_two_counts_and_what_has_nothing_of_ours_is_no_session() {
        let said = read(&[entry("NAME", "first"), entry("name", "second")]).unwrap();
        assert_eq!(said.session.as_deref(), Some("first"));
        assert_eq!(read(&[entry("path", "/printer")]), None);
        assert_eq!(read(&[]), None);
    }
}
