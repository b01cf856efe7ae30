//! Why was it decided so? For people, and as JSON.

use std::fmt;

use serde::Serialize;
use toolgate_protocol::caller::Caller;

use crate::context::Context;
use crate::decision::{Effect, Missing};
use crate::kind::Thing;
use crate::policy::Policy;
use crate::problem::did_you_mean;

/// A decision and how it came about. Displays as text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The principal of the caller.
    pub caller: String,
    /// The thing, as `server/name`.
    pub thing: String,
    /// What happens.
    pub effect: Effect,
    /// The rules that decided.
    pub rules: Vec<ExplainedRule>,
    /// How many rules could apply to the thing at all.
    pub considered: usize,
    /// What a person is asked.
    pub approve: Vec<String>,
    /// Why a rule could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether lists show it to the caller.
    pub listed: bool,
    /// Whether the caller may know that it exists.
    pub visible: bool,
    /// What the caller lacks, whether or not it may be told.
    pub missing: Missing,
    /// The version of the rules.
    pub version: String,
}

/// A rule that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedRule {
    /// Its name.
    pub name: String,
    /// Where it stands: a JSON pointer within the rules.
    pub path: String,
    /// The policy, as Cedar text.
    pub text: String,
}

impl Policy {
    /// What is wrong with the name of a toolset, if there is none of that name.
    pub fn no_toolset(&self, name: &str) -> Option<String> {
        let names = self.catalog.toolsets();
        let known = names.contains(&name);
        let hint = || did_you_mean(name, names, "add it to toolsets");
        (!known).then(|| format!("no toolset is called \"{name}\"{}", hint()))
    }

    /// Why nothing is decided on this thing at the endpoint of a toolset, if it is not in there.
    pub fn outside(&self, toolset: &str, thing: &Thing<'_>) -> Option<String> {
        let is_in = self.catalog.known(thing).toolsets.iter().any(|name| name == toolset);
        (!is_in)
            .then(|| format!("{thing} is not in the toolset {toolset}: it does not exist there"))
    }

    /// Decides, and says why.
    pub fn explain(
        &self,
        caller: &Caller,
        thing: &Thing<'_>,
        context: &Context<'_>,
    ) -> Explanation {
        let decision = self.decide(caller, thing, context);
        let decided = self.rules.iter().filter(|rule| decision.rules.contains(&rule.name));
        let rules = decided.map(|rule| ExplainedRule {
            name: rule.name.to_string(),
            path: rule.path.clone(),
            text: rule.text.clone(),
        });
        Explanation {
            caller: caller.principal.to_string(),
            thing: thing.to_string(),
            effect: decision.effect,
            rules: rules.collect(),
            considered: self.target(thing).map_or(0, |target| target.rules.len()),
            approve: decision.approve.iter().map(ToString::to_string).collect(),
            error: decision.error.clone(),
            listed: self.may_see(caller, thing),
            visible: decision.visible,
            missing: decision.missing.clone(),
            version: self.version().to_string(),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.effect {
            Effect::Allow => "may use",
            Effect::Deny => "may not use",
            Effect::Approve => "may, if a person approves, use",
        };
        writeln!(f, "{} {word} {}", self.caller, self.thing)?;
        for rule in &self.rules {
            writeln!(f, "  decided by {} ({})", rule.name, rule.path)?;
            rule.text.lines().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        if self.rules.is_empty() {
            writeln!(
                f,
                "  none of the {} rules for it decided: what nothing permits is denied",
                self.considered
            )?;
        }
        self.approve.iter().try_for_each(|text| writeln!(f, "  a person is asked: {text}"))?;
        if let Some(error) = &self.error {
            writeln!(f, "  denied because it could not be evaluated: {error}")?;
        }
        if !self.missing.scopes.is_empty() {
            writeln!(f, "  missing scopes: {}", self.missing.scopes.join(", "))?;
        }
        if !self.missing.roles.is_empty() {
            writeln!(f, "  one of these roles would permit it: {}", self.missing.roles.join(", "))?;
        }
        let seen = match (self.listed, self.visible) {
            (true, _) => "in the caller's lists",
            (false, true) => "not in the caller's lists; a refusal says what is missing",
            (false, false) => "hidden: to the caller it does not exist",
        };
        write!(f, "  {seen}; rules {}", self.version)
    }
}
