//! Whether the arguments that the gateway gives can be given.

use std::collections::BTreeMap;
use std::path::Path;

use toolgate_values::Secret;

use super::Checks;
use crate::config::bind::{Bindings, Bound, Part};
use crate::config::bound::read;
use crate::config::problem::{key_path, quote};
use crate::config::server::Tools;

/// `known`: whether callers are told apart.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    written: BTreeMap<String, BTreeMap<String, Secret>>,
    tools: &Tools,
    known: bool,
) -> Bindings {
    let mut bindings = Bindings::new();
    for (tool, arguments) in written {
        let place = key_path(&format!("{path}.bind"), &tool);
        if !tools.offers(&tool) {
            let message = format!(
                "{} is not offered, so nobody calls it (offer it, or remove it here)",
                quote(&tool)
            );
            checks.problem(&place, message);
        }
        if arguments.is_empty() {
            checks.problem(&place, "it gives no argument (add NAME: VALUE, or remove the key)");
        }
        let mut bound = BTreeMap::new();
        for (name, value) in arguments {
            let place = key_path(&place, &name);
            if let Some(value) = one(checks, &place, &value, known) {
                bound.insert(name, value);
            }
        }
        bindings.insert(tool, bound);
    }
    bindings
}

/// One value that is given in a call.
pub(super) fn one(
    checks: &mut Checks<'_>,
    place: &str,
    value: &Secret,
    known: bool,
) -> Option<Bound> {
    let Some(written) = checks.places.written(place) else {
        return Some(Bound(vec![Part::Text(value.clone())]));
    };
    let folder = checks.places.at(place).file.parent().unwrap_or_else(|| Path::new(""));
    let bound = match read(written, folder, checks.sources) {
        Ok(bound) => bound,
        Err(message) => {
            checks.problem(place, message);
            return None;
        }
    };
    let of_caller = |part: &Part| !matches!(part, Part::Text(_) | Part::Session);
    if !known && bound.0.iter().any(of_caller) {
        let message = "nobody is known without authentication (add authentication)";
        checks.problem(place, message);
    }
    Some(bound)
}
