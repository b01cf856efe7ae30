//! A command on one line becomes its words.

use super::node::{Node, Value};
use super::problem::Report;

/// Splits every `command` that is one text. This comes before references are replaced, so that a
/// value from the environment is always part of one word, whatever is in it.
pub(super) fn split(root: &mut Node, report: &mut Report) {
    let Some(servers) = root.member_mut("servers") else { return };
    for command in servers.items_mut().iter_mut().filter_map(|server| server.member_mut("command"))
    {
        let Some(line) = command.text().filter(|line| !line.trim().is_empty()) else { continue };
        command.value = match shlex::split(line) {
            Some(words) => Value::List(
                words
                    .into_iter()
                    .map(|word| Node::new(command.place.clone(), Value::Text(word)))
                    .collect(),
            ),
            None => {
                report.problem(
                    &command.place,
                    "a quote in the command is not closed (close it, or write a list of words)",
                );
                Value::Broken
            }
        };
    }
}
