//! Arguments that the gateway gives: the model neither sees nor sets them.

pub(crate) mod hidden;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::Era;

use crate::call::{End, Reply, Request, Who};
use crate::config::bind::{Bound, Part};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};

/// A secret shorter than this is not looked for in answers: it would be found everywhere.
const SHORTEST: usize = 6;

impl Gateway {
    /// Gives a call the arguments that are the gateway's to give. From here on the message holds
    /// them: nothing that writes messages down may come after.
    ///
    /// # Errors
    /// When the client gives one of them, or there is no value for one.
    pub(crate) fn bind(&self, route: &Route, request: &mut Request) -> Result<(), Fault> {
        if route.bindings.is_empty() {
            return Ok(());
        }
        let Some(bound) = bound_of(route, request) else { return Ok(()) };
        if request.client.era() == Era::Modern {
            // The client's own message is what its headers belong to.
            route.mirrors.check(request)?;
        }
        let mut given = Vec::with_capacity(bound.len());
        for (name, value) in bound {
            let value = value_of(value, &request.who).ok_or_else(|| unbound(name))?;
            given.push((&**name, value));
        }
        let bytes = with_arguments(request, &given)?;
        request.message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "a call with bound arguments is malformed").because(error)
        })?;
        request.edits = Edits::default();
        route.mirrors.renew(request);
        Ok(())
    }
}

impl Route {
    /// Whether the call has arguments that the gateway gives.
    pub(crate) fn binds(&self, request: &Request) -> bool {
        !self.bindings.is_empty() && bound_of(self, request).is_some()
    }

    /// An answer in which no bound secret stands.
    ///
    /// # Errors
    /// When the answer cannot be written again, which is a mistake of ours.
    pub(crate) fn scrub(&self, request: &Request, reply: Reply) -> Result<Reply, Fault> {
        if self.bindings.is_empty() {
            return Ok(reply);
        }
        let secrets = bound_of(self, request).map(secrets_of).unwrap_or_default();
        if secrets.is_empty() {
            return Ok(reply);
        }
        reply.map_end(move |end| scrubbed(end, &secrets))
    }
}

fn bound_of<'a>(route: &'a Route, request: &Request) -> Option<&'a BTreeMap<String, Bound>> {
    route.bindings.get(&*request.named()?)
}

/// The whole message with these arguments besides the client's own.
fn with_arguments(request: &mut Request, given: &[(&str, String)]) -> Result<Bytes, Fault> {
    let invalid = || Fault::new(Reason::Arguments, "the arguments are no object");
    let params = request.message.params().ok_or_else(invalid)?;
    match params.get("arguments").filter(|arguments| arguments.raw() != "null") {
        Some(arguments) => {
            let arguments = arguments.object().ok_or_else(invalid)?;
            for (key, _) in arguments.iter() {
                if let Some((name, _)) = given.iter().find(|(name, _)| is_same(name, &key)) {
                    return Err(overridden(name));
                }
            }
            for (name, value) in given {
                request.edits.set(&arguments, name, value.clone());
            }
        }
        None => {
            let members: Vec<_> =
                given.iter().map(|(name, value)| format!("{}:{value}", quote(name))).collect();
            request.edits.set(&params, "arguments", format!("{{{}}}", members.join(",")));
        }
    }
    Ok(request.edits.apply(request.message.bytes()))
}

/// Several parsers take keys that differ in case for the same.
fn is_same(one: &str, other: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
        text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
    }
    one == other || folded(one).eq(folded(other))
}

/// The value as JSON; `None` when it needs what this caller does not have.
fn value_of(bound: &Bound, who: &Who) -> Option<String> {
    // A claim that stands alone keeps its type.
    if let [Part::Claim(name)] = &bound.0[..] {
        return who.caller.claims.get(name).filter(|value| !value.is_null()).map(|v| v.to_string());
    }
    let mut text = String::new();
    for part in &bound.0 {
        text.push_str(&text_of(part, who)?);
    }
    Some(quote(&text))
}

impl Bound {
    /// The value as text; `None` when it needs what this caller does not have.
    pub fn text(&self, who: &Who) -> Option<String> {
        self.0.iter().map(|part| text_of(part, who)).collect()
    }
}

fn text_of<'a>(part: &'a Part, who: &'a Who) -> Option<Cow<'a, str>> {
    let caller = &who.caller;
    Some(match part {
        Part::Text(secret) => secret.reveal().into(),
        // Nobody vouched for the caller of a listener without authentication.
        Part::Subject | Part::Principal | Part::Tenant | Part::Actor | Part::Claim(_)
            if caller.is_anonymous() =>
        {
            return None;
        }
        Part::Subject => (&*caller.subject).into(),
        Part::Principal => (&*caller.principal).into(),
        Part::Tenant => caller.tenant.as_deref()?.into(),
        Part::Actor => caller.actor.as_deref()?.into(),
        Part::Session => who.session.as_deref()?.into(),
        Part::Claim(name) => match caller.claims.get(name)? {
            serde_json::Value::String(text) => text.as_str().into(),
            serde_json::Value::Null => return None,
            other => other.to_string().into(),
        },
    })
}

fn overridden(name: &str) -> Fault {
    let message =
        format!("the argument {} is set by the gateway; call again without it", quote(name));
    Fault::new(Reason::Arguments, message)
}

fn unbound(name: &str) -> Fault {
    let message = format!(
        "the gateway sets the argument {} from what is known of the caller, and that is not known here",
        quote(name)
    );
    Fault::new(Reason::Unbound, message)
}

fn secrets_of(bound: &BTreeMap<String, Bound>) -> Vec<Arc<str>> {
    let parts = bound.values().flat_map(|bound| &bound.0);
    let secrets = parts.filter_map(|part| match part {
        Part::Text(secret) if secret.reveal().len() >= SHORTEST => Some(secret.reveal()),
        _ => None,
    });
    // As it stands within a string of JSON, and within JSON that is in such a string.
    secrets.flat_map(|secret| [within(&within(secret)), within(secret)]).map(Arc::from).collect()
}

fn within(text: &str) -> String {
    let quoted = quote(text);
    quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

fn scrubbed(end: End, secrets: &[Arc<str>]) -> Result<End, Fault> {
    let bytes = end.message.bytes();
    let is_there = |secret: &&Arc<str>| memchr::memmem::find(bytes, secret.as_bytes()).is_some();
    if !secrets.iter().any(|secret| is_there(&secret)) {
        return Ok(end);
    }
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for secret in secrets {
        text = text.replace(&**secret, "…");
    }
    let message = Message::scan_reply(text.into(), &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "an answer without its secrets is malformed").because(error)
    })?;
    Ok(End { message, ..end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_some_parser_takes_for_the_same_are_the_same() {
        for (one, other, same) in [
            ("owner", "owner", true),
            ("owner", "Owner", true),
            ("key", "\u{212a}ey", true),
            ("secret", "\u{17f}ecret", true),
            ("owner", "owners", false),
            ("owner", "", false),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
    }
}
