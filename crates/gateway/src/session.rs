//! Sessions of older revisions, without a session store: the id is a sealed token that carries
//! what every replica needs to know.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use toolgate_protocol::client::Client;
use toolgate_protocol::version::Version;

use crate::call::Caller;
use crate::clock::Timestamp;
use crate::seal::{Keyring, Purpose};

/// Capabilities longer than this are reduced to what decides behaviour, so that the token fits
/// into a header.
const LONGEST_CAPABILITIES: usize = 1024;
/// A longer `clientInfo` is left out of the token; nothing depends on it.
const LONGEST_INFO: usize = 256;

/// What a client agreed on at `initialize`.
#[derive(Clone, Debug)]
pub struct Session {
    /// Unique, random, and never shown: the client sees the sealed token.
    pub id: Arc<str>,
    /// Whose it is. Nobody else may use it (protocol 2025-11-25, security best practices).
    pub caller: Caller,
    /// What the client declared.
    pub client: Client,
    /// The address of the replica where it began, where its streams live.
    pub home: Option<Arc<str>>,
    /// The toolset in which it began. Nowhere else is there such a session.
    pub toolset: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    i: String,
    p: String,
    v: String,
    c: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    h: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<String>,
    t: u64,
}

/// Why a session token is not accepted. Both answer 404, so that a thief learns nothing
/// (protocol 2025-11-25, transports: session management).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// Not sealed by us, or too old.
    Unknown,
    /// Somebody else's, or of another toolset.
    Foreign,
}

impl Session {
    /// Begins a session for a client that has just said `initialize`.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn begin(
        caller: Caller,
        mut client: Client,
        home: Option<Arc<str>>,
        toolset: Option<Arc<str>>,
    ) -> Result<Session, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        if client.capabilities.len() > LONGEST_CAPABILITIES {
            client.capabilities = Bytes::from(client.abilities().declare(client.version));
        }
        client.info = client.info.filter(|info| info.len() <= LONGEST_INFO);
        // Copies: slices would keep the buffer that the request was read into for as long as
        // the session lasts.
        client.capabilities = Bytes::copy_from_slice(&client.capabilities);
        client.info = client.info.map(|info| Bytes::copy_from_slice(&info));
        Ok(Session { id: URL_SAFE_NO_PAD.encode(id).into(), caller, client, home, toolset })
    }

    /// The token that stands for it on the wire: visible ASCII, as the header demands.
    pub fn seal(&self, keys: &Keyring, now: Timestamp) -> String {
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        keys.seal(
            Purpose::Session,
            &Sealed {
                i: self.id.to_string(),
                p: self.caller.principal.to_string(),
                v: self.client.version.as_str().to_owned(),
                c: text(&self.client.capabilities),
                n: self.client.info.as_ref().map(text),
                h: self.home.as_deref().map(str::to_owned),
                s: self.toolset.as_deref().map(str::to_owned),
                t: now.seconds(),
            },
        )
    }

    /// Opens a token for this caller, in this toolset.
    ///
    /// # Errors
    /// When it is not ours, older than `lifetime`, somebody else's, or of another toolset.
    pub fn open(
        token: &str,
        caller: &Caller,
        toolset: Option<&str>,
        keys: &Keyring,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Session, NoSession> {
        let sealed: Sealed = keys.open(Purpose::Session, token).ok_or(NoSession::Unknown)?;
        if now.seconds().saturating_sub(sealed.t) > lifetime.as_secs() {
            return Err(NoSession::Unknown);
        }
        if *sealed.p != *caller.principal || sealed.s.as_deref() != toolset {
            return Err(NoSession::Foreign);
        }
        let version = Version::parse(&sealed.v).ok_or(NoSession::Unknown)?;
        Ok(Session {
            id: sealed.i.into(),
            caller: caller.clone(),
            client: Client {
                version,
                capabilities: Bytes::from(sealed.c),
                info: sealed.n.map(Bytes::from),
                log_level: None,
            },
            home: sealed.h.map(Into::into),
            toolset: sealed.s.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keyring {
        Keyring::new([&b"a secret"[..]]).unwrap()
    }

    fn caller(name: &str) -> Caller {
        crate::testing::caller(name)
    }

    fn token(keys: &Keyring, at: u64) -> String {
        let client = Client {
            version: Version::V2025_06_18,
            capabilities: Bytes::from_static(br#"{"roots":{}}"#),
            info: None,
            log_level: None,
        };
        let session = Session::begin(caller("ada"), client, None, None).unwrap();
        session.seal(keys, Timestamp::from_seconds(at))
    }

    #[test]
    fn another_replica_reads_the_whole_session_from_the_token() {
        let keys = keys();
        let token = token(&keys, 100);

        let now = Timestamp::from_seconds(160);
        let session =
            Session::open(&token, &caller("ada"), None, &keys, now, Duration::from_secs(60))
                .unwrap();

        assert_eq!(session.client.version, Version::V2025_06_18);
        assert_eq!(&session.client.capabilities[..], br#"{"roots":{}}"#);
    }

    /// Case A9: also where nobody holds the session yet, as on another replica.
    #[test]
    fn a_stolen_token_is_worthless_to_another_caller() {
        let keys = keys();
        let token = token(&keys, 100);

        let now = Timestamp::from_seconds(100);
        let stolen =
            Session::open(&token, &caller("eve"), None, &keys, now, Duration::from_secs(60));

        assert_eq!(stolen.unwrap_err(), NoSession::Foreign);
    }

    #[test]
    fn a_session_belongs_to_the_toolset_in_which_it_began() {
        let keys = keys();
        let now = Timestamp::from_seconds(100);
        let begun = |toolset: Option<&str>| {
            let token = token(&keys, 100);
            let session = open(&token, None, &keys, now).unwrap();
            Session { toolset: toolset.map(Into::into), ..session }.seal(&keys, now)
        };

        for begun_in in [None, Some("crm"), Some("billing")] {
            let token = begun(begun_in);
            for toolset in [None, Some("crm"), Some("billing")] {
                let opened = open(&token, toolset, &keys, now);
                let expected =
                    if toolset == begun_in { Ok(begun_in) } else { Err(NoSession::Foreign) };
                assert_eq!(
                    opened.as_ref().map(|it| it.toolset.as_deref()).map_err(|it| *it),
                    expected
                );
            }
        }
    }

    fn open(
        token: &str,
        toolset: Option<&str>,
        keys: &Keyring,
        now: Timestamp,
    ) -> Result<Session, NoSession> {
        Session::open(token, &caller("ada"), toolset, keys, now, Duration::from_secs(60))
    }

    #[test]
    fn a_token_dies_of_age() {
        let keys = keys();
        let token = token(&keys, 100);

        let now = Timestamp::from_seconds(161);
        let late = Session::open(&token, &caller("ada"), None, &keys, now, Duration::from_secs(60));

        assert_eq!(late.unwrap_err(), NoSession::Unknown);
    }

    #[test]
    fn the_token_is_visible_ascii_and_fits_a_header() {
        let token = token(&keys(), 1);

        assert!(token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
        assert!(token.len() < 512);
    }
}
