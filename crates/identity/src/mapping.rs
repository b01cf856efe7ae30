//! Which claims say who somebody is.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use toolgate_protocol::caller::{Caller, Identity, Proof};

use crate::refused::Flaw;

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

/// What callers of an issuer have besides what their claims say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Claims that must have one of these values. A value may end in `*`. Without any: every caller.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
    /// The organisation, unless a claim says it.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// The most values that a list of roles, scopes or groups may have.
const MOST: usize = 1000;

impl Claims {
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
        self.caller_with(proof, issuer, claims, &[])
    }

    /// The same, with what `grants` add.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn caller_with(
        &self,
        proof: Proof,
        issuer: &str,
        claims: Map<String, Value>,
        grants: &[Grant],
    ) -> Result<Caller, Flaw> {
        let grants: Vec<&Grant> =
            grants.iter().filter(|grant| holds(&grant.when, &claims)).collect();
        let subject = text(&claims, &self.subject)?.ok_or(Flaw::Claims)?;
        let tenant = match &self.tenant {
            // Fail closed: without its tenant a caller would share those of everybody else
            // who has none.
            Some(claim) => Some(text(&claims, claim)?.ok_or(Flaw::Claims)?),
            None => grants.iter().find_map(|grant| grant.tenant.as_deref()).map(Arc::from),
        };
        let scopes = match &self.scopes {
            Some(claim) => find(&claims, claim),
            None => claims.get("scope").or_else(|| claims.get("scp")),
        };
        let mut roles = list(find(&claims, &self.roles), false)?;
        let mut scopes = list(scopes, true)?;
        for grant in grants {
            roles.extend(grant.roles.iter().map(|role| Arc::from(role.as_str())));
            scopes.extend(grant.scopes.iter().map(|scope| Arc::from(scope.as_str())));
        }
        let identity = Identity {
            principal: principal(proof, issuer, tenant.as_deref(), &subject),
            tenant,
            roles,
            scopes,
            groups: list(find(&claims, &self.groups), false)?,
            actor: text(&claims, &self.actor)?,
            proof,
            issuer: Some(issuer.into()),
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

/// Longer names first, so that `kubernetes.io.namespace` finds `namespace` in `kubernetes.io`.
fn find<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(claim) {
        return Some(value);
    }
    claim.rmatch_indices('.').find_map(|(dot, _)| {
        let (name, rest) = (claim.get(..dot)?, claim.get(dot + 1..)?);
        find(claims.get(name)?.as_object()?, rest)
    })
}

/// Whether each claim that `wanted` names has one of the values it lists.
pub(crate) fn holds(wanted: &BTreeMap<String, Vec<String>>, claims: &Map<String, Value>) -> bool {
    wanted.iter().all(|(claim, accepted)| {
        let fits = |text: &str| accepted.iter().any(|wanted| matches(wanted, text));
        match find(claims, claim) {
            Some(Value::String(text)) => fits(text),
            Some(Value::Bool(value)) => fits(if *value { "true" } else { "false" }),
            Some(Value::Number(number)) => fits(&number.to_string()),
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).any(fits),
            _ => false,
        }
    })
}

fn matches(wanted: &str, text: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == wanted,
    }
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
    fn a_claim_inside_a_claim_is_found_even_if_names_have_dots() {
        let Value::Object(claims) = json!({
            "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "agent"}},
            "a": {"b.c": 1, "b": {"c": 2}},
        }) else {
            panic!("an object")
        };

        let found = |claim: &str| find(&claims, claim).cloned();
        assert_eq!(found("kubernetes.io.namespace"), Some(json!("prod")));
        assert_eq!(found("kubernetes.io.serviceaccount.name"), Some(json!("agent")));
        assert_eq!(found("a.b.c"), Some(json!(1)));
        assert_eq!(found("kubernetes.io.serviceaccount.uid"), None);
        for nonsense in ["", ".", "..", "a.", ".a", "kubernetes"] {
            assert_eq!(found(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_demanded_must_be_there_with_one_of_the_values() {
        let wanted = |text: Value| serde_json::from_value::<BTreeMap<_, _>>(text).unwrap();
        let Value::Object(claims) = json!({
            "owner": "octo", "ref": "refs/heads/main", "verified": true, "id": 7, "aud": ["a", "b"],
        }) else {
            panic!("an object")
        };

        for good in [
            json!({}),
            json!({"owner": ["octo"]}),
            json!({"owner": ["x", "octo"], "ref": ["refs/heads/*"]}),
            json!({"verified": ["true"], "id": ["7"], "aud": ["b"]}),
        ] {
            assert!(holds(&wanted(good.clone()), &claims), "{good}");
        }
        for bad in [
            json!({"owner": []}),
            json!({"owner": ["octopus"]}),
            json!({"owner": ["oct"]}),
            json!({"owner": ["octo"], "ref": ["refs/tags/*"]}),
            json!({"absent": ["*"]}),
            json!({"verified": ["false"]}),
        ] {
            assert!(!holds(&wanted(bad.clone()), &claims), "{bad}");
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
