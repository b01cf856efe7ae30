//! Do the rules decide as a table of cases says?

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use toolgate_protocol::caller::{Caller, Identity, Proof};

use crate::context::Context;
use crate::decision::{Effect, Missing};
use crate::explain::Explanation;
use crate::kind::{Kind, Thing};
use crate::policy::Policy;

/// A table of cases, as its file holds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Table(pub Vec<Case>);

/// One case: a call, and what is expected of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    #[serde(default)]
    pub name: Option<String>,
    /// Who calls.
    #[serde(default)]
    pub caller: CaseCaller,
    /// A tool, as `server/name`. One of `tool`, `resource`, `prompt` and `method`.
    #[serde(default)]
    pub tool: Option<String>,
    /// A resource, as `server/uri`.
    #[serde(default)]
    pub resource: Option<String>,
    /// A prompt, as `server/name`.
    #[serde(default)]
    pub prompt: Option<String>,
    /// A method that MCP does not define, as `server/method`.
    #[serde(default)]
    pub method: Option<String>,
    /// The arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// When, in seconds since the epoch.
    #[serde(default)]
    pub time: u64,
    /// From which address.
    #[serde(default)]
    pub ip: Option<std::net::IpAddr>,
    /// The session.
    #[serde(default)]
    pub session: Option<String>,
    /// The toolset that is called through.
    #[serde(default)]
    pub toolset: Option<String>,
    /// The protocol revision.
    #[serde(default)]
    pub revision: Option<String>,
    /// The labels that the caller has touched.
    #[serde(default)]
    pub touched: Vec<String>,
    /// What is to happen.
    pub expect: Effect,
    /// The scopes and roles that the refusal names. Not compared if absent.
    #[serde(default)]
    pub missing: Option<Vec<String>>,
    /// Whether lists show it. Not compared if absent.
    #[serde(default)]
    pub listed: Option<bool>,
}

/// A caller of a case. Without a subject it is anonymous.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CaseCaller {
    /// Who it is to its issuer.
    pub subject: Option<String>,
    /// Its organisation.
    pub tenant: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// Its groups.
    pub groups: Vec<String>,
    /// Who acts for it.
    pub actor: Option<String>,
    /// Its claims.
    pub claims: Map<String, Value>,
}

impl CaseCaller {
    /// The caller it stands for. With a subject it counts as proved by a token.
    pub fn caller(&self) -> Caller {
        let many = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
        let subject = self.subject.as_deref().unwrap_or("anonymous");
        Caller::from(Identity {
            principal: subject.into(),
            subject: subject.into(),
            tenant: self.tenant.as_deref().map(Into::into),
            roles: many(&self.roles),
            scopes: many(&self.scopes),
            groups: many(&self.groups),
            actor: self.actor.as_deref().map(Into::into),
            proof: if self.subject.is_some() { Proof::Jwt } else { Proof::None },
            issuer: None,
            claims: self.claims.clone(),
            expires: None,
        })
    }
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its place in the table, from 0.
    pub index: usize,
    /// What differs from what was expected; empty if nothing does.
    pub differences: Vec<String>,
    /// The decision and why; none if the case names no thing.
    pub explanation: Option<Explanation>,
}

impl Outcome {
    /// Whether all was as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Table {
    /// A table from JSON text.
    ///
    /// # Errors
    ///
    /// If the text is no such table.
    pub fn from_json(text: &[u8]) -> Result<Table, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Runs every case.
    pub fn run(&self, policy: &Policy) -> Vec<Outcome> {
        let cases = self.0.iter().enumerate();
        cases.map(|(index, case)| case.run(index, policy)).collect()
    }
}

impl Case {
    /// What a report calls it: its name, or what it is about.
    pub fn title(&self, index: usize) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let who = self.caller.subject.as_deref().unwrap_or("anonymous");
        let thing = self.named().next().map_or("nothing", |(_, id)| id);
        format!("case {index}: {who}, {thing}")
    }

    fn run(&self, index: usize, policy: &Policy) -> Outcome {
        let Some(thing) = self.thing() else {
            let text = "names no thing (one of tool, resource, prompt and method, as SERVER/NAME)";
            return Outcome { index, differences: vec![text.to_owned()], explanation: None };
        };
        if let Some(toolset) = &self.toolset {
            if let Some(text) = policy.no_toolset(toolset) {
                return Outcome { index, differences: vec![text], explanation: None };
            }
            if let Some(text) = policy.outside(toolset, &thing) {
                // Refused without a word of what is missing, and in no list.
                let as_expected = self.expect == Effect::Deny
                    && self.listed != Some(true)
                    && self.missing.as_ref().is_none_or(Vec::is_empty);
                let differences = if as_expected { Vec::new() } else { vec![text] };
                return Outcome { index, differences, explanation: None };
            }
        }
        let arguments = Value::Object(self.arguments.clone()).to_string();
        let touched: Vec<Arc<str>> = self.touched.iter().map(|one| one.as_str().into()).collect();
        let context = Context {
            arguments: Some(arguments.as_bytes()),
            time: self.time,
            ip: self.ip,
            session: self.session.as_deref(),
            toolset: self.toolset.as_deref(),
            revision: self.revision.as_deref(),
            touched: &touched,
        };
        let explanation = policy.explain(&self.caller.caller(), &thing, &context);
        Outcome {
            index,
            differences: self.differences(&explanation),
            explanation: Some(explanation),
        }
    }

    /// The one thing that it names.
    fn thing(&self) -> Option<Thing<'_>> {
        let mut named = self.named();
        let (kind, id) = named.next().filter(|_| named.next().is_none())?;
        let (server, name) = id.split_once('/')?;
        Some(Thing { kind, server, name })
    }

    fn named(&self) -> impl Iterator<Item = (Kind, &str)> {
        let all = [
            (Kind::Tool, &self.tool),
            (Kind::Resource, &self.resource),
            (Kind::Prompt, &self.prompt),
            (Kind::Method, &self.method),
        ];
        all.into_iter().filter_map(|(kind, id)| Some((kind, id.as_deref()?)))
    }

    fn differences(&self, found: &Explanation) -> Vec<String> {
        let mut out = Vec::new();
        if self.expect != found.effect {
            out.push(
                format!("expected {:?}, found {:?}", self.expect, found.effect).to_lowercase(),
            );
        }
        if let Some(listed) = self.listed.filter(|listed| *listed != found.listed) {
            out.push(format!("expected listed: {listed}, found {}", found.listed));
        }
        let told = if found.visible { found.missing.clone() } else { Missing::default() };
        let mut told = [told.scopes, told.roles].concat();
        told.sort();
        let expected = self.missing.clone().map(|mut names| {
            names.sort();
            names
        });
        if let Some(expected) = expected.filter(|expected| *expected != told) {
            out.push(format!("expected missing: {expected:?}, found {told:?}"));
        }
        out
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.passed() { "ok" } else { "failed" };
        write!(f, "case {}: {word}", self.index)?;
        self.differences.iter().try_for_each(|text| write!(f, "\n  {text}"))?;
        match &self.explanation {
            Some(explanation) if !self.passed() => write!(f, "\n{explanation}"),
            _ => Ok(()),
        }
    }
}
