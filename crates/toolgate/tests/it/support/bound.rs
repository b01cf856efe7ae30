//! A service, and its authorization server, that know tokens bound to keys alone, and want nonces
//! of their own in proofs (RFC 9449).

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use toolgate_identity::dpop::{Expected, Proofs};
use toolgate_identity::refused::Refused;

use super::server::{Call, Reply};

/// Checks proofs as both of them do, each proof once.
pub struct Bound {
    authority: Proofs,
    service: Proofs,
    /// The key that the newest token is bound to.
    key: Mutex<Option<String>>,
}

impl Bound {
    pub fn new() -> Bound {
        Bound {
            authority: Proofs::new(Some(b"the authorization server")),
            service: Proofs::new(Some(b"the service")),
            key: Mutex::default(),
        }
    }

    /// What the token endpoint answers, where `token` is given out.
    pub fn grant(&self, call: &Call, token: &str) -> Reply {
        let url = format!("http://{}/token", call.header("host").unwrap());
        match self.authority.check(proof(call), &expected(call, &[&url], None, None)) {
            Ok(key) => {
                *self.key.lock().unwrap() = Some(key);
                let granted = json!({ "access_token": token, "token_type": "DPoP", "expires_in": 300, "refresh_token": "next" });
                Reply::json(200, granted.to_string())
            }
            Err(Refused::Nonce(nonce)) => {
                Reply::json(400, r#"{"error":"use_dpop_nonce"}"#).header("dpop-nonce", &nonce)
            }
            Err(refused) => panic!("a proof that is none: {refused}"),
        }
    }

    /// Whether the service serves a call that has to show `token`.
    pub fn admit(&self, call: &Call, token: &str) -> Result<(), Reply> {
        let refuse = |challenge: &str| Reply::json(401, "{}").header("www-authenticate", challenge);
        if call.header("authorization").is_none() {
            return Err(refuse(r#"DPoP algs="ES256""#));
        }
        assert_eq!(call.header("authorization"), Some(format!("DPoP {token}").as_str()));
        let url = format!("http://{}{}", call.header("host").unwrap(), call.path);
        let key = self.key.lock().unwrap().clone();
        let urls = [url.as_str()];
        let expected = expected(call, &urls, Some(token), key.as_deref());
        match self.service.check(proof(call), &expected) {
            Ok(_) => Ok(()),
            Err(Refused::Nonce(nonce)) => {
                let challenge = r#"DPoP error="use_dpop_nonce", algs="ES256""#;
                Err(refuse(challenge).header("dpop-nonce", &nonce))
            }
            Err(refused) => panic!("a proof that is none: {refused}"),
        }
    }
}

fn proof(call: &Call) -> &str {
    assert_eq!(call.headers.get_all("dpop").iter().count(), 1, "one proof");
    call.header("dpop").unwrap()
}

fn expected<'a>(
    call: &'a Call,
    urls: &'a [&'a str],
    token: Option<&'a str>,
    key: Option<&'a str>,
) -> Expected<'a> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Expected { method: &call.verb, urls, token, key, now }
}
