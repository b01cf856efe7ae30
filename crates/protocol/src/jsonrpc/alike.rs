//! Does a member pass for one that it is not? It would be read by servers that do not tell cases
//! apart, past all that was decided on the other.

use crate::json::{Members, is_alike};

/// The members of an envelope.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
/// The members of `params` that say what a request is about.
const PARAMS: [&str; 10] = [
    "name",
    "uri",
    "arguments",
    "_meta",
    "ref",
    "argument",
    "taskId",
    "task",
    "inputResponses",
    "requestState",
];

/// Whether a member of the envelope does.
pub(super) fn in_envelope(members: &Members, buffer: &[u8]) -> bool {
    any(members, buffer, &ENVELOPE)
}

/// Whether a member of `params` does.
pub(super) fn in_params(members: &Members, buffer: &[u8]) -> bool {
    any(members, buffer, &PARAMS)
}

fn any(members: &Members, buffer: &[u8], known: &[&str]) -> bool {
    let object = members.within(buffer);
    let alike = |name: &str| !known.contains(&name) && known.iter().any(|it| is_alike(name, it));
    object.iter().any(|(name, _)| alike(&name))
}
