//! May this caller do this? The order of a decision.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cedar_policy::{AuthorizationError, Entities, PolicyId, PolicySet, Request, Response};
use toolgate_protocol::caller::{Caller, Identity};

use crate::context::{Context, Reading};
use crate::decision::{Decision, Effect, Missing};
use crate::entity::Claims;
use crate::kind::Thing;
use crate::policy::Policy;
use crate::principal::Principal;
use crate::rules::Disclose;
use crate::sight::Sight;
use crate::source::Rule;
use crate::target::Target;

/// Names that are longer, in bytes, are not remembered: no real one is.
const LONGEST: usize = 2048;
/// How many roles are tried to find those that would help.
const ROLES_TRIED: usize = 16;

/// What the evaluation of rules gave.
struct Verdict {
    effect: Effect,
    rules: Vec<Arc<str>>,
    approve: Vec<Arc<str>>,
    told: Vec<Arc<str>>,
    error: Option<String>,
}

impl Policy {
    /// Decides on one call. Whatever cannot be evaluated is denied.
    ///
    /// Remembered per caller and thing if no rule that applies reads the context.
    pub fn decide(
        &self,
        caller: &Caller,
        thing: &Thing<'_>,
        context: &Context<'_>,
    ) -> Arc<Decision> {
        self.decide_in(caller, thing, |_| *context)
    }

    /// The same, with circumstances that are only looked for if a rule reads any.
    pub fn decide_in<'c>(
        &self,
        caller: &Caller,
        thing: &Thing<'_>,
        context: impl FnOnce(Reading) -> Context<'c>,
    ) -> Arc<Decision> {
        let (Some(principal), Some(target)) = (self.principal(caller), self.target(thing)) else {
            return Arc::new(refused());
        };
        let key = (principal.id, target.id);
        if target.reads_context {
            let context = context(target.reading());
            return Arc::new(self.fresh(&principal, &target, &context));
        }
        if let Some(decision) = self.decisions.get(key) {
            return decision;
        }
        let decision = Arc::new(self.fresh(&principal, &target, &Context::default()));
        self.decisions.put(key, Arc::clone(&decision));
        decision
    }

    /// Whether a list may show it: whether some call with some arguments could be allowed or
    /// approved.
    ///
    /// Where no rule that applies reads the context this is exactly what [`Policy::decide`] says.
    /// Where one does, what it reads counts as fulfilled in a permit and as not fulfilled in a
    /// forbid. So nothing is hidden that could be called; and what is shown cannot be called only
    /// if conditions on the context contradict each other.
    pub fn may_see(&self, caller: &Caller, thing: &Thing<'_>) -> bool {
        match (self.principal(caller), self.target(thing)) {
            (Some(principal), Some(target)) => self.sight(&principal, &target).listed,
            _ => false,
        }
    }

    /// Whether a decision on this thing reads arguments.
    pub fn reads_arguments(&self, thing: &Thing<'_>) -> bool {
        match self.target(thing).as_deref().map(|target| &target.arguments) {
            Some(Ok(types)) => !types.is_empty(),
            _ => true,
        }
    }

    /// Whether whoever could call this thing may go on with what it began: decided anew, on all
    /// but the arguments, which were looked at when it began.
    pub fn may_go_on<'c>(
        &self,
        caller: &Caller,
        thing: &Thing<'_>,
        context: impl FnOnce(Reading) -> Context<'c>,
    ) -> Arc<Decision> {
        if !self.reads_arguments(thing) {
            return self.decide_in(caller, thing, context);
        }
        let effect = if self.may_see(caller, thing) { Effect::Allow } else { Effect::Deny };
        let (Some(principal), Some(target)) = (self.principal(caller), self.target(thing)) else {
            return Arc::new(refused());
        };
        let sight = self.sight(&principal, &target);
        Arc::new(Decision {
            effect,
            required: target.scopes.clone(),
            labels: target.labels.clone(),
            visible: sight.visible,
            missing: sight.missing.clone(),
            error: None,
            ..refused()
        })
    }

    fn fresh(&self, principal: &Principal, target: &Target, context: &Context<'_>) -> Decision {
        let sight = self.sight(principal, target);
        let mut verdict = self.evaluate_call(principal, target, context);
        // What is not listed cannot be called, whatever an evaluation says.
        if !sight.listed {
            verdict.effect = Effect::Deny;
            verdict.approve.clear();
        }
        let told = if verdict.effect == Effect::Deny { verdict.told } else { Vec::new() };
        Decision {
            effect: verdict.effect,
            rules: verdict.rules,
            approve: verdict.approve,
            error: verdict.error,
            told,
            required: target.scopes.clone(),
            labels: target.labels.clone(),
            visible: sight.visible,
            missing: sight.missing.clone(),
        }
    }

    /// The caller, made ready; remembered.
    pub(crate) fn principal(&self, caller: &Caller) -> Option<Arc<Principal>> {
        let mut hasher = self.hasher.build_hasher();
        hash(caller, &self.claims, &mut hasher);
        let key = hasher.finish();
        let known = self.principals.get(key);
        if let Some(known) = known.filter(|known| same(&known.caller, caller, &self.claims)) {
            return Some(known);
        }
        let principal = Arc::new(self.prepare(caller, self.next_id())?);
        self.principals.put(key, Arc::clone(&principal));
        Some(principal)
    }

    /// The thing, made ready; remembered.
    pub(crate) fn target(&self, thing: &Thing<'_>) -> Option<Arc<Target>> {
        let key = self.hasher.hash_one(thing);
        if let Some(known) = self.targets.get(key).filter(|known| known.is(thing)) {
            return Some(known);
        }
        let target = Arc::new(self.aim(thing, self.next_id())?);
        // Clients choose the names they ask for.
        if thing.name.len() <= LONGEST {
            self.targets.put(key, Arc::clone(&target));
        }
        Some(target)
    }

    fn next_id(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    /// What the caller may know of the thing; remembered.
    pub(crate) fn sight(&self, principal: &Principal, target: &Target) -> Arc<Sight> {
        let key = (principal.id, target.id);
        if let Some(sight) = self.sights.get(key) {
            return sight;
        }
        let sight = Arc::new(self.look(principal, target));
        self.sights.put(key, Arc::clone(&sight));
        sight
    }

    fn look(&self, principal: &Principal, target: &Target) -> Sight {
        if self.listed(principal, target) {
            return Sight { listed: true, visible: true, missing: Missing::default() };
        }
        let has = |scope: &&String| principal.caller.scopes.iter().any(|one| **one == ***scope);
        let lacking = target.scopes.iter().filter(|scope| !has(scope)).cloned();
        let mut missing = Missing { scopes: lacking.collect(), roles: Vec::new() };
        let mut identity = Identity::clone(&principal.caller);
        identity.scopes.extend(missing.scopes.iter().map(|scope| scope.as_str().into()));
        let would_see = |identity: Identity| {
            let principal = self.prepare(&Caller::from(identity), self.next_id());
            principal.is_some_and(|principal| self.listed(&principal, target))
        };
        if !missing.scopes.is_empty() && would_see(identity.clone()) {
            return Sight { listed: false, visible: self.disclose >= Disclose::Scopes, missing };
        }
        for role in target.roles.iter().take(ROLES_TRIED) {
            let mut identity = identity.clone();
            identity.roles.push(role.as_str().into());
            if !principal.roles.contains(role.as_str()) && would_see(identity) {
                missing.roles.push(role.clone());
            }
        }
        let visible = self.disclose == Disclose::Roles && !missing.roles.is_empty();
        Sight { listed: false, visible, missing }
    }

    fn listed(&self, principal: &Principal, target: &Target) -> bool {
        if unreadable(principal, target).is_some() {
            return false;
        }
        let context = cedar_policy::Context::empty();
        match self.ask(principal, target, &target.lists, context) {
            Ok(response) => self.lists(&response, target),
            Err(_) => false,
        }
    }

    /// Errors of a rule that reads the context need not happen in a call: they are no refusal.
    fn lists(&self, response: &Response, target: &Target) -> bool {
        let mut permitted = false;
        for rule in self.reasons(response) {
            match rule {
                Some(rule) if rule.permits => permitted |= rule.decides(target.kind()),
                _ => return false,
            }
        }
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            match self.rule(error.policy_id()) {
                Some(rule) if rule.reads.context => {
                    permitted |= rule.permits && rule.decides(target.kind());
                }
                _ => return false,
            }
        }
        permitted
    }

    fn evaluate_call(
        &self,
        principal: &Principal,
        target: &Target,
        context: &Context<'_>,
    ) -> Verdict {
        if let Some(error) = unreadable(principal, target) {
            return Verdict::failed(error);
        }
        let none = BTreeMap::new();
        let arguments = target.arguments.as_ref().unwrap_or(&none);
        let context = match target.reads_context {
            true => context.build(target.kind(), arguments),
            false => Ok(cedar_policy::Context::empty()),
        };
        let answer =
            context.and_then(|context| self.ask(principal, target, &target.calls, context));
        match answer {
            Ok(response) => self.verdict(&response, target),
            Err(error) => Verdict::failed(error),
        }
    }

    fn ask(
        &self,
        principal: &Principal,
        target: &Target,
        policies: &PolicySet,
        context: cedar_policy::Context,
    ) -> Result<Response, String> {
        let entities = [principal.entity.clone(), target.entity.clone()];
        let entities =
            Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        let (who, what) = (principal.uid.clone(), target.uid.clone());
        let request = Request::new(who, target.action.clone(), what, context, None)
            .map_err(|error| error.to_string())?;
        Ok(self.authorizer.is_authorized(&request, policies, &entities))
    }

    fn verdict(&self, response: &Response, target: &Target) -> Verdict {
        // Cedar skips a policy that fails, a forbid too: any failure is a refusal.
        if let Some(AuthorizationError::PolicyEvaluationError(error)) =
            response.diagnostics().errors().next()
        {
            let rules = self.rule(error.policy_id()).map(|rule| Arc::clone(&rule.name));
            return Verdict {
                rules: rules.into_iter().collect(),
                ..Verdict::failed(error.to_string())
            };
        }
        let mut verdict = Verdict { error: None, ..Verdict::failed(String::new()) };
        let mut decisive = false;
        for rule in self.reasons(response) {
            let Some(rule) = rule else { return Verdict::failed("an unknown rule".to_owned()) };
            verdict.rules.push(Arc::clone(&rule.name));
            verdict.approve.extend(rule.approve.clone());
            verdict.told.extend(rule.description.clone().filter(|_| !rule.permits));
            decisive |= rule.decides(target.kind());
        }
        if !decisive {
            // A question alone permits nothing.
            return Verdict { error: None, ..Verdict::failed(String::new()) };
        }
        verdict.rules.sort();
        verdict.approve.sort();
        verdict.effect = match response.decision() {
            cedar_policy::Decision::Deny => Effect::Deny,
            cedar_policy::Decision::Allow if verdict.approve.is_empty() => Effect::Allow,
            cedar_policy::Decision::Allow => Effect::Approve,
        };
        verdict
    }

    fn reasons<'a>(&'a self, response: &'a Response) -> impl Iterator<Item = Option<&'a Rule>> {
        response.diagnostics().reason().map(|id| self.rule(id))
    }

    fn rule(&self, id: &PolicyId) -> Option<&Rule> {
        let index: &str = id.as_ref();
        self.rules.get(index.parse::<usize>().ok()?)
    }
}

impl Verdict {
    fn failed(error: String) -> Verdict {
        Verdict {
            effect: Effect::Deny,
            rules: Vec::new(),
            approve: Vec::new(),
            told: Vec::new(),
            error: Some(error),
        }
    }
}

/// Why rules cannot be asked about this caller and this thing at all.
fn unreadable(principal: &Principal, target: &Target) -> Option<String> {
    let claims = principal.unfit.clone().filter(|_| target.reads_claims);
    claims.or_else(|| target.arguments.as_ref().err().cloned())
}

fn refused() -> Decision {
    Decision {
        effect: Effect::Deny,
        rules: Vec::new(),
        approve: Vec::new(),
        told: Vec::new(),
        required: Vec::new(),
        labels: Vec::new(),
        error: Some("the caller or the thing has no form that rules can read".to_owned()),
        visible: false,
        missing: Missing::default(),
    }
}

/// Over what is compared by `same`, and cheap.
fn hash(caller: &Identity, claims: &Claims, state: &mut impl Hasher) {
    caller.principal.hash(state);
    caller.roles.hash(state);
    caller.groups.hash(state);
    caller.scopes.hash(state);
    for value in claims.keys().filter_map(|name| caller.claims.get(name)) {
        match value.as_str() {
            Some(text) => text.hash(state),
            None => value.to_string().hash(state),
        }
    }
}

/// Whether rules cannot tell two callers apart. Two of one principal can differ, by token.
fn same(one: &Identity, other: &Identity, claims: &Claims) -> bool {
    std::ptr::eq(one, other)
        || (one.principal == other.principal
            && one.subject == other.subject
            && one.tenant == other.tenant
            && one.roles == other.roles
            && one.scopes == other.scopes
            && one.groups == other.groups
            && one.actor == other.actor
            && one.proof == other.proof
            && claims.keys().all(|name| one.claims.get(name) == other.claims.get(name)))
}
