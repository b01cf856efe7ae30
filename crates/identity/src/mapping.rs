//! Which claims say who somebody is.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use toolgate_protocol::caller::{Caller, Identity, Proof};

use crate::refused::Flaw;
use crate::rules::compile::Problems;

/// Which claims say what. A claim is a name, or names with dots for a claim inside a claim, such
/// as `realm_access.roles`; a name that has dots itself is found first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Claims {
    /// Who it is.
    pub subject: String,
    /// The organisation. If it is named here, a token without it is refused.
    #[schemars(example = &"org_id")]
    pub tenant: Option<String>,
    /// Roles: a list, or one role.
    pub roles: String,
    /// Scopes: a list, or text with spaces. Without it: `scope`, or else `scp`.
    pub scopes: Option<String>,
    /// Groups: a list, or one group.
    pub groups: String,
    /// Who acts on behalf of the subject (RFC 8693).
    pub actor: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            tenant: None,
            roles: "roles".to_owned(),
            scopes: None,
            groups: "groups".to_owned(),
            actor: "act.sub".to_owned(),
        }
    }
}

/// The most values that a list of roles, scopes or groups may have.
const MOST: usize = 1000;

impl Claims {
    pub(crate) fn check(&self, path: &str, problems: &mut Problems) {
        for (key, claim) in [
            ("subject", Some(&self.subject)),
            ("tenant", self.tenant.as_ref()),
            ("roles", Some(&self.roles)),
            ("scopes", self.scopes.as_ref()),
            ("groups", Some(&self.groups)),
            ("actor", Some(&self.actor)),
        ] {
            if claim.is_some_and(|claim| claim.trim().is_empty()) {
                problems.add(&format!("{path}/{key}"), "empty (name a claim)");
            }
        }
    }

    /// The caller that verified `claims` of `issuer` speak of.
    ///
    /// # Errors
    /// A claim that is needed is absent, or one is of a type that says nothing.
    pub fn caller(
        &self,
        proof: Proof,
        issuer: &str,
        claims: Map<String, Value>,
    ) -> Result<Caller, Flaw> {
        let subject = text(&claims, &self.subject)?.ok_or(Flaw::Claims)?;
        let tenant = match &self.tenant {
            // Fail closed: without its tenant a caller would share those of everybody else
            // who has none.
            Some(claim) => Some(text(&claims, claim)?.ok_or(Flaw::Claims)?),
            None => None,
        };
        let scopes = match &self.scopes {
            Some(claim) => find(&claims, claim),
            None => claims.get("scope").or_else(|| claims.get("scp")),
        };
        let identity = Identity {
            principal: principal(proof, issuer, tenant.as_deref(), &subject),
            tenant,
            roles: list(find(&claims, &self.roles), false)?,
            scopes: list(scopes, true)?,
            groups: list(find(&claims, &self.groups), false)?,
            actor: text(&claims, &self.actor)?,
            proof,
            expires: claims.get("exp").and_then(seconds),
            subject,
            claims,
        };
        Ok(Caller::from(identity))
    }
}

/// The name under which everything of a caller is kept apart. No two different callers have the
/// same one, whatever characters an issuer puts into a subject.
pub(crate) fn principal(
    proof: Proof,
    issuer: &str,
    tenant: Option<&str>,
    subject: &str,
) -> Arc<str> {
    let mut name = String::from(proof.as_str());
    // An absent tenant is not an empty one.
    let tenant = tenant.map(|tenant| format!("={tenant}")).unwrap_or_default();
    for part in [issuer, tenant.as_str(), subject] {
        name.push('|');
        for c in part.chars() {
            match c {
                '%' => name.push_str("%25"),
                '|' => name.push_str("%7C"),
                c => name.push(c),
            }
        }
    }
    name.into()
}

/// Seconds since the epoch (`NumericDate`, RFC 7519, section 2); fractions are cut off.
pub(crate) fn seconds(value: &Value) -> Option<u64> {
    let fraction = || value.as_f64().filter(|n| n.is_finite() && *n >= 0.0).map(|n| n as u64);
    value.as_u64().or_else(fraction)
}

fn find<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(claim) {
        return Some(value);
    }
    let mut names = claim.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

fn text(claims: &Map<String, Value>, claim: &str) -> Result<Option<Arc<str>>, Flaw> {
    match find(claims, claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str().into())),
        Some(Value::Number(number)) => Ok(Some(number.to_string().into())),
        Some(_) => Err(Flaw::Claims),
    }
}

fn list(value: Option<&Value>, spaced: bool) -> Result<Vec<Arc<str>>, Flaw> {
    let list: Vec<Arc<str>> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if spaced => text.split_whitespace().map(Arc::from).collect(),
        Some(Value::String(text)) => vec![text.as_str().into()],
        Some(Value::Array(values)) => {
            let texts = values.iter().map(|value| value.as_str().map(Arc::from));
            texts.collect::<Option<_>>().ok_or(Flaw::Claims)?
        }
        Some(_) => return Err(Flaw::Claims),
    };
    if list.len() > MOST { Err(Flaw::Claims) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn caller(rule: &Claims, claims: Value) -> Result<Caller, Flaw> {
        let Value::Object(claims) = claims else { panic!("an object") };
        rule.caller(Proof::Jwt, "https://as", claims)
    }

    fn words(list: &[Arc<str>]) -> Vec<&str> {
        list.iter().map(|word| &**word).collect()
    }

    #[test]
    fn claims_say_who_somebody_is() {
        let rule: Claims = serde_json::from_value(json!({
            "tenant": "org.id", "roles": "realm_access.roles", "groups": "https://x.example/groups",
        }))
        .unwrap();

        let caller = caller(
            &rule,
            json!({
                "sub": "u1", "org": {"id": "acme"}, "realm_access": {"roles": ["admin", "user"]},
                "scope": "read write", "https://x.example/groups": "staff",
                "act": {"sub": "agent-7"}, "exp": 1234.9,
            }),
        )
        .unwrap();

        assert_eq!((&*caller.subject, caller.tenant.as_deref()), ("u1", Some("acme")));
        assert_eq!(words(&caller.roles), ["admin", "user"]);
        assert_eq!(words(&caller.scopes), ["read", "write"]);
        assert_eq!(words(&caller.groups), ["staff"]);
        assert_eq!((caller.actor.as_deref(), caller.expires), (Some("agent-7"), Some(1234)));
        assert_eq!(&*caller.principal, "jwt|https://as|=acme|u1");
    }

    #[test]
    fn scopes_are_text_or_a_list_under_either_name() {
        let rule = Claims::default();
        for claims in [
            json!({"sub": "u", "scope": "a b"}),
            json!({"sub": "u", "scope": ["a", "b"]}),
            json!({"sub": "u", "scp": "a b"}),
            json!({"sub": "u", "scp": ["a", "b"]}),
        ] {
            assert_eq!(words(&caller(&rule, claims).unwrap().scopes), ["a", "b"]);
        }
    }

    #[test]
    fn what_says_nothing_is_refused_rather_than_left_out() {
        let rule = Claims { tenant: Some("org".into()), ..Claims::default() };
        for claims in [
            json!({"org": "o"}),
            json!({"sub": "", "org": "o"}),
            json!({"sub": ["u"], "org": "o"}),
            json!({"sub": "u"}),
            json!({"sub": "u", "org": {}}),
            json!({"sub": "u", "org": "o", "roles": [1]}),
            json!({"sub": "u", "org": "o", "roles": {"admin": true}}),
        ] {
            assert_eq!(caller(&rule, claims.clone()).unwrap_err(), Flaw::Claims, "{claims}");
        }
    }

    proptest! {
        #[test]
        fn different_callers_have_different_names(
            a in ("[a|%=]{0,4}", prop::option::of("[a|%=]{0,3}"), "[a|%=]{0,4}"),
            b in ("[a|%=]{0,4}", prop::option::of("[a|%=]{0,3}"), "[a|%=]{0,4}"),
        ) {
            let name = |of: &(String, Option<String>, String)| {
                principal(Proof::Jwt, &of.0, of.1.as_deref(), &of.2)
            };
            prop_assert_eq!(name(&a) == name(&b), a == b);
        }
    }
}
