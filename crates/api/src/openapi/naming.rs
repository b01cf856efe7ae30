//! Names of tools and arguments: those of the document as far as clients take them, each once, and
//! the same in every reading.

use std::collections::HashSet;

/// The longest name of a tool, in bytes: clients put the name of a server before it, and models
/// take 64 to 128.
const TOOL: usize = 56;
/// The longest tag in a name, in bytes: most of a name says what is done.
const TAG: usize = 24;
/// The longest name of an argument, in bytes.
const ARGUMENT: usize = 64;
/// How many digits of a hash tell names apart.
const MARK: usize = 6;

/// Names that are taken.
#[derive(Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// A name for the operation of this `operationId`, or of this method and path, after the tag if
    /// there is one.
    pub fn tool(
        &mut self,
        tag: Option<&str>,
        id: Option<&str>,
        method: &str,
        path: &str,
    ) -> String {
        let own = match id.filter(|id| !id.trim().is_empty()) {
            Some(id) => id.to_owned(),
            None => from_path(method, path),
        };
        let tag = tag.map(|tag| sound(tag, TAG));
        // Many documents write their tags into their ids already.
        let begins = |tag: &String| {
            let (own, tag) = (sound(&own, own.len().max(1)), format!("{tag}_"));
            own.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&tag))
        };
        let wanted = match tag.filter(|tag| !begins(tag)) {
            Some(tag) => sound(&format!("{tag}_{own}"), TOOL),
            None => sound(&own, TOOL),
        };
        if self.0.insert(wanted.clone()) {
            return wanted;
        }
        let mut wanted = wanted;
        wanted.truncate(TOOL - MARK - 1);
        let mut marked = format!("{method} {path}");
        loop {
            let named = format!("{wanted}_{}", mark(&marked));
            if self.0.insert(named.clone()) {
                return named;
            }
            // Another operation has this very name as its id.
            marked.push('+');
        }
    }

    /// A name for an argument that goes to `place`.
    pub fn argument(&mut self, name: &str, place: &str) -> String {
        let wanted = sound(name, ARGUMENT);
        if self.0.insert(wanted.clone()) {
            return wanted;
        }
        let mut wanted = format!("{place}_{wanted}");
        wanted.truncate(ARGUMENT - 4);
        let mut named = wanted.clone();
        let mut count = 2;
        while !self.0.insert(named.clone()) {
            named = format!("{wanted}_{count}");
            count += 1;
        }
        named
    }
}

/// Letters, digits, `_`, `-` and `.`, at most so many; what is cut off is marked by its hash.
fn sound(name: &str, longest: usize) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') => out.push(c),
            _ if out.is_empty() || out.ends_with('_') => {}
            _ => out.push('_'),
        }
    }
    let mut out = out.trim_end_matches('_').to_owned();
    if out.is_empty() {
        out = "_".to_owned();
    }
    if out.len() > longest {
        let mark = mark(name);
        out.truncate(longest - MARK - 1);
        out = format!("{out}_{mark}");
    }
    out
}

/// `get_pets_by_petId` for `GET /pets/{petId}`.
fn from_path(method: &str, path: &str) -> String {
    let mut out = method.to_ascii_lowercase();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => out.push_str(&format!("_by_{name}")),
            None => out.push_str(&format!("_{segment}")),
        }
    }
    out
}

/// Six hexadecimal digits that tell a text from others.
fn mark(text: &str) -> String {
    format!("{:06x}", hash(text) & 0xff_ffff)
}

/// What tells a text from others, the same in every process (FNV-1a).
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sound_each_once_and_the_same_again() {
        let read = || {
            let mut names = Names::default();
            [
                names.tool(None, Some("repos/get"), "GET", "/a"),
                names.tool(None, Some("repos get"), "GET", "/b"),
                names.tool(None, None, "GET", "/pets/{petId}"),
                names.tool(None, Some(&"x".repeat(200)), "GET", "/c"),
                names.tool(None, Some("„“"), "GET", "/d"),
            ]
        };
        let names = read();

        assert_eq!(names[0], "repos_get");
        assert!(names[1].starts_with("repos_get_") && names[1].len() == 16, "{}", names[1]);
        assert_eq!(names[2], "get_pets_by_petId");
        assert_eq!(names[3].len(), TOOL);
        assert_eq!(names[4], "_");
        assert_eq!(names, read());
    }

    #[test]
    fn a_name_that_another_operation_has_already_is_given_to_no_second_one() {
        let mut names = Names::default();
        names.tool(None, Some("get"), "GET", "/a");
        let marked = Names(["get".to_owned()].into()).tool(None, Some("get"), "GET", "/b");
        names.tool(None, Some(&marked), "GET", "/c");

        let named = names.tool(None, Some("get"), "GET", "/b");

        assert!(named.starts_with("get_") && named != marked, "{named} {marked}");
    }

    #[test]
    fn a_tag_stands_before_names_that_do_not_begin_with_it() {
        let mut names = Names::default();
        let mut named = |tag, id, path| names.tool(Some(tag), id, "GET", path);

        assert_eq!(named("Pets", Some("list"), "/a"), "Pets_list");
        assert_eq!(named("pets", Some("pets/get"), "/b"), "pets_get");
        assert_eq!(named("Pets", Some("pets_put"), "/c"), "pets_put");
        assert_eq!(named("pets", Some("petsitter"), "/d"), "pets_petsitter");
        assert_eq!(named("pets", None, "/pets/{id}"), "pets_get_pets_by_id");
        let long = named(&"t".repeat(90), Some(&"x".repeat(90)), "/e");
        assert!(long.len() == TOOL && long.contains("_xxx"), "{long}");
    }

    #[test]
    fn arguments_of_one_name_are_told_apart_by_their_place() {
        let mut names = Names::default();
        let named = |(name, place)| names.argument(name, place);

        let named =
            [("id", "path"), ("id", "query"), ("id", "query"), ("a[b]", "query")].map(named);

        assert_eq!(named, ["id", "query_id", "query_id_2", "a_b"]);
    }
}
