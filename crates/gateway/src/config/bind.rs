//! Arguments that the gateway gives.

use std::collections::BTreeMap;

use toolgate_values::Secret;

/// The arguments that the gateway gives, by the server's own name of the tool.
pub type Bindings = BTreeMap<String, BTreeMap<String, Bound>>;

/// A value that comes from outside the model's arguments: text and references, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound(pub Vec<Part>);

/// A piece of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, which may be secret.
    Text(Secret),
    /// `${caller.subject}`.
    Subject,
    /// `${caller.principal}`: the caller, apart from all others.
    Principal,
    /// `${caller.tenant}`.
    Tenant,
    /// `${caller.actor}`.
    Actor,
    /// `${caller.claims.NAME}`.
    Claim(String),
    /// `${session.id}`.
    Session,
}

impl Part {
    /// What a reference of this kind means; `None` for any other.
    pub(super) fn of(reference: &str) -> Option<Part> {
        Some(match reference {
            "caller.subject" => Part::Subject,
            "caller.principal" => Part::Principal,
            "caller.tenant" => Part::Tenant,
            "caller.actor" => Part::Actor,
            "session.id" => Part::Session,
            _ => {
                let claim = reference.strip_prefix("caller.claims.")?;
                (!claim.is_empty()).then(|| Part::Claim(claim.to_owned()))?
            }
        })
    }
}

/// Whether a reference is one that only a call can resolve, at a place where that is meant.
pub(super) fn is_left_for_calls(reference: &str, path: &str) -> bool {
    let is_place = path.contains("].bind")
        || path.contains("].sql.session")
        || path.contains("].files.roots[") && path.ends_with("].path")
        || path.contains("].sql.tools") && path.ends_with(".from");
    path.starts_with("servers[") && is_place && Part::of(reference).is_some()
}
