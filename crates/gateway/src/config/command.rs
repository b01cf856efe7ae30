//! A command on one line becomes its words.

use super::node::{Node, Value};
use super::problem::Report;

/// Splits every `command` that is one text. This comes before references are replaced, so that a
/// value from the environment is always part of one word, whatever is in it.
pub(super) fn split(root: &mut Node, report: &mut Report) {
    let Some(servers) = root.member_mut("servers") else { return };
    for command in servers.items_mut().iter_mut().filter_map(|server| server.member_mut("command"))
    {
        let Some(line) = command.text() else { continue };
        match words(line) {
            Ok(words) => {
                let place = &command.place;
                let nodes =
                    words.into_iter().map(|word| Node::new(place.clone(), Value::Text(word)));
                command.value = Value::List(nodes.collect());
            }
            Err(message) => {
                report.problem(&command.place, message);
                command.value = Value::Broken;
            }
        }
    }
}

fn words(line: &str) -> Result<Vec<String>, &'static str> {
    match shlex::split(line) {
        None => Err("a quote in the command is not closed (close it, or write a list of words)"),
        Some(words) if words.is_empty() => Err("the command is empty (write PROGRAM ARGUMENT ...)"),
        Some(words) => Ok(words),
    }
}
