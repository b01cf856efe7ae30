//! `${env:NAME}` and `${file:PATH}` in the values of a file.

use std::path::Path;

use super::bind;
use super::node::{Member, Node, Value};
use super::problem::{Report, quote};
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
    match reference.split_once(':') {
        Some(("env", name)) => env(name, sources),
        Some(("file", path)) => file(path, folder_of(node), sources),
        // What stands here until then is thrown away.
        _ if bind::is_left_for_calls(reference, &node.place.path) => Ok(String::new()),
        _ => Err(unknown(reference)),
    }
}

/// The value of a reference in a file of this folder.
pub(super) fn outside(
    reference: &str,
    folder: &Path,
    sources: &dyn Sources,
) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => env(name, sources),
        Some(("file", path)) => file(path, folder, sources),
        _ => Err(unknown(reference)),
    }
}

fn unknown(reference: &str) -> String {
    let shown = quote(&format!("${{{reference}}}"));
    if reference.starts_with("caller.") {
        return format!(
            "unknown reference {shown} here (bind, from, session and paths of roots take \
             ${{caller.subject}}, principal, tenant, actor and claims.NAME)"
        );
    }
    format!(
        "unknown reference {shown} (write ${{env:NAME}} or ${{file:PATH}}, or $${{ for the text itself)"
    )
}

fn folder_of(node: &Node) -> &Path {
    node.place.file.parent().unwrap_or_else(|| Path::new(""))
}

pub(super) fn env(name: &str, sources: &dyn Sources) -> Result<String, String> {
    sources.env(name).ok_or_else(|| {
        format!("the environment variable {} is not set (set it before the start)", quote(name))
    })
}

fn file(path: &str, folder: &Path, sources: &dyn Sources) -> Result<String, String> {
    match sources.read(&folder.join(path)) {
        // Editors and `echo` end a file with a newline that is not part of the secret.
        Ok(text) => Ok(text
            .strip_suffix("\r\n")
            .or_else(|| text.strip_suffix('\n'))
            .unwrap_or(&text)
            .to_owned()),
        Err(error) => {
            Err(format!("cannot read {}: {error} (paths are relative to this file)", quote(path)))
        }
    }
}
