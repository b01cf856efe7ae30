//! Can a model choose this tool by what it says of itself?

use crate::findings::{Findings, Subject};
use crate::rules;
use crate::tree::Tree;
use crate::visible::shown;

/// Words beyond those of the name, below which a description says nothing.
const WORDS: usize = 2;

pub(crate) fn look(subject: &Subject<'_>, found: &mut Findings) {
    let description = subject.text("description");
    let name = subject.definition.name().to_lowercase();
    if description.trim().is_empty() {
        found.add(&rules::PHANTOM, subject.place(""), "no description".to_owned(), None);
    } else if new_words(description, &name) < WORDS {
        let evidence = shown(description).chars().take(crate::findings::EVIDENCE).collect();
        let message = "says no more than the name".to_owned();
        found.add(&rules::THIN, subject.place("/description"), message, Some(evidence));
    }
    let arguments = subject.tree.get("inputSchema").and_then(|schema| schema.get("properties"));
    let arguments = arguments.map(Tree::members).unwrap_or_default();
    let bare: Vec<_> = arguments
        .iter()
        .filter(|(_, schema)| {
            !["description", "title", "$ref"].iter().any(|word| schema.get(word).is_some())
        })
        .map(|(name, _)| shown(name))
        .collect();
    if !bare.is_empty() {
        let more =
            if bare.len() > 5 { format!(" and {} more", bare.len() - 5) } else { String::new() };
        let message =
            format!("no description of {}{more}", bare.get(..5).unwrap_or(&bare).join(", "));
        found.add(&rules::UNDESCRIBED, subject.place("/inputSchema/properties"), message, None);
    }
}

/// How many words of a description are not in the name. Scripts that do not part words count by
/// characters.
fn new_words(description: &str, name: &str) -> usize {
    let words = description.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let new = words.map(str::to_lowercase).filter(|word| {
        let stem = word.strip_suffix('s').unwrap_or(word);
        word.len() > 2
            && !name.contains(stem)
            && !matches!(&**word, "the" | "this" | "tool" | "and")
    });
    new.map(|word| if word.is_ascii() { 1 } else { word.chars().count().div_ceil(4) }).sum()
}
