//! `${env:NAME}` and `${file:PATH}` in the values of a file.

use std::path::Path;

use super::bind;
use super::node::{Member, Node, Value};
use super::problem::Report;
use super::reference;
use super::sources::Sources;

/// Replaces every reference under `node`. A value whose reference fails is broken and reported.
pub(super) fn apply(node: &mut Node, sources: &dyn Sources, report: &mut Report) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| apply(item, sources, report)),
        Value::Map(members) => {
            members.retain(|member| is_plain(member, report));
            members.iter_mut().for_each(|member| apply(&mut member.node, sources, report));
        }
        Value::Text(_) => {
            replace(node, report, &|reference, node| resolve(reference, node, sources));
        }
        _ => {}
    }
}

/// Whether a key is what it says. It would be taken as it is written, and what it refers to may not even
/// be there.
fn is_plain(member: &Member, report: &mut Report) -> bool {
    let refers = |kind: &&str| member.key.contains(kind);
    let Some(kind) = ["${env:", "${file:"].into_iter().find(refers) else { return true };
    let message = format!("a key takes no {kind}...}}: that is for values (write the key itself)");
    report.problem(&member.node.place, message);
    false
}

/// Replaces the references in one text by what `resolve` says: the new text, or what is wrong.
pub(super) fn replace(
    node: &mut Node,
    report: &mut Report,
    resolve: &dyn Fn(&str, &Node) -> Result<String, String>,
) {
    let Some(text) = node.text().filter(|text| text.contains("${")).map(str::to_owned) else {
        return;
    };
    let (mut out, mut rest, mut sound) = (String::new(), text.as_str(), true);
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &reference[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = reference.find('}') else {
            report.problem(
                &node.place,
                "a reference is not closed (add }, or write $${ for the text itself)",
            );
            sound = false;
            rest = "";
            break;
        };
        match resolve(&reference[2..end], node) {
            // What comes from elsewhere is not looked at again: it may not refer any further.
            Ok(value) => out.push_str(&value),
            Err(message) => {
                report.problem(&node.place, message);
                sound = false;
            }
        }
        rest = &reference[end + 1..];
    }
    out.push_str(rest);
    node.written = Some(text);
    node.value = if sound { Value::Text(out) } else { Value::Broken };
}

fn resolve(reference: &str, node: &Node, sources: &dyn Sources) -> Result<String, String> {
    if bind::is_left_for_calls(reference, &node.place.path) {
        // What stands here until then is thrown away.
        return Ok(String::new());
    }
    reference::value(reference, folder_of(node), sources)
}

fn folder_of(node: &Node) -> &Path {
    node.place.file.parent().unwrap_or_else(|| Path::new(""))
}
