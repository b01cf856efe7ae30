//! May this caller do this? Policies, roles and scopes, decided the same for lists and calls.
//!
//! What people write are [`Rules`]: Cedar policies, and short forms (roles, scopes) that compile to
//! such policies. [`Policy::compile`] checks them against a schema made from the rules and the
//! [`Catalog`], and [`Policy::decide`] answers. Everything that cannot be decided is denied.

mod arguments;
mod cache;
mod catalog;
mod check;
mod compile;
mod context;
mod decide;
mod decision;
mod entity;
mod explain;
mod kind;
mod known;
mod lists;
mod policy;
mod prepare;
mod principal;
mod problem;
mod reach;
mod reads;
mod rules;
mod schema;
mod short;
mod sight;
mod source;
mod table;
mod target;
mod types;

pub use catalog::{Catalog, Item, Server, Toolsets};
pub use context::{Context, Reading};
pub use decision::{Decision, Effect, Missing};
pub use explain::{ExplainedRule, Explanation};
pub use kind::{Kind, Thing};
pub use policy::Policy;
pub use problem::Problem;
pub use rules::{Disclose, Flow, Otherwise, Role, Rules, ServerRules, ToolRules, ValueType};
pub use table::{Case, CaseCaller, Outcome, Table};
