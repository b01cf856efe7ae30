//! The text of a lock file, read strictly.

use std::collections::BTreeSet;

use bytes::Bytes;
use saphyr_parser::{Event, Parser};

use super::{Lock, Problem};
use crate::canonical::Hash;
use crate::definition::{Definition, Kind};
use crate::tree::Tree;
use crate::visible::shown;

/// The levels of the file: top, server, list, name, members of an entry.
const DEEPEST: usize = 5;

pub(super) fn lock(text: &str) -> Result<Lock, Vec<Problem>> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => reader.step(event, span.start.line()),
            Err(error) => Err((error.marker().line(), format!("not valid YAML: {}", error.info()))),
        };
        if let Err((line, text)) = step {
            reader.problems.push(Problem { line, path: reader.path(), text });
            return Err(reader.problems);
        }
    }
    if !reader.versioned {
        reader.problem(1, "no version (write version: 1, or restore the file)".to_owned());
    }
    if reader.problems.is_empty() { Ok(reader.lock) } else { Err(reader.problems) }
}

/// Why reading stops, and on which line.
type Stop = (usize, String);

#[derive(Default)]
struct Reader {
    lock: Lock,
    problems: Vec<Problem>,
    versioned: bool,
    /// The open maps, outermost first.
    open: Vec<Level>,
    entry: Entry,
}

#[derive(Default)]
struct Level {
    seen: BTreeSet<String>,
    key: Option<String>,
}

/// What is read of one definition.
#[derive(Default)]
struct Entry {
    line: usize,
    hash: Option<String>,
    definition: Option<String>,
}

impl Reader {
    fn step(&mut self, event: Event<'_>, line: usize) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) if self.versioned => {
                Err((line, "a second document begins here (keep one)".to_owned()))
            }
            Event::Scalar(text, ..) => match self.open.last_mut() {
                Some(level) if level.key.is_none() => self.key(text.into_owned(), line),
                Some(_) => self.value(&text, line),
                None => Err((line, "expected version: and servers: at the top".to_owned())),
            },
            Event::MappingStart(..) => self.begin(line),
            Event::MappingEnd => {
                if self.open.len() == DEEPEST {
                    self.entry();
                }
                self.open.pop();
                self.close();
                Ok(())
            }
            Event::SequenceStart(..) => Err((line, "a list cannot stand here".to_owned())),
            Event::Alias(_) => Err((line, "an alias cannot stand here".to_owned())),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, line: usize) -> Result<(), Stop> {
        let keys: Vec<_> = self.open.iter().map(|level| level.key.as_deref()).collect();
        let fits = match keys.as_slice() {
            [] | [Some("servers")] | [_, Some(_)] => true,
            [_, _, Some(list)] => list.parse::<Kind>().is_ok(),
            [_, _, _, Some(_)] => true,
            _ => false,
        };
        if !fits {
            return Err((line, "a map cannot stand here (is the indentation right?)".to_owned()));
        }
        self.open.push(Level::default());
        if self.open.len() == DEEPEST {
            self.entry = Entry { line, ..Entry::default() };
        }
        Ok(())
    }

    fn key(&mut self, key: String, line: usize) -> Result<(), Stop> {
        let known = match self.open.len() {
            1 => matches!(&*key, "version" | "servers"),
            3 => key.parse::<Kind>().is_ok(),
            5 => matches!(&*key, "hash" | "definition"),
            _ => true,
        };
        let Some(level) = self.open.last_mut() else { return Ok(()) };
        if !known {
            return Err((line, format!("unknown key {} (remove it)", shown(&key))));
        }
        if !level.seen.insert(key.clone()) {
            return Err((line, format!("{} is there already (keep one)", shown(&key))));
        }
        level.key = Some(key);
        Ok(())
    }

    fn value(&mut self, text: &str, line: usize) -> Result<(), Stop> {
        let depth = self.open.len();
        let key = self.open.last().and_then(|level| level.key.clone()).unwrap_or_default();
        match (depth, &*key) {
            (1, "version") if text == "1" => self.versioned = true,
            (1, "version") => {
                let text = format!(
                    "version {} is not one we know (it needs a newer toolgate)",
                    shown(text)
                );
                return Err((line, text));
            }
            (5, "hash") => self.entry.hash = Some(text.to_owned()),
            (5, "definition") => self.entry.definition = Some(text.to_owned()),
            _ => return Err((line, "expected a map (is the indentation right?)".to_owned())),
        }
        self.close();
        Ok(())
    }

    /// A value has ended.
    fn close(&mut self) {
        if let Some(level) = self.open.last_mut() {
            level.key = None;
        }
    }

    /// An entry has ended.
    fn entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        let line = entry.line;
        let keys: Vec<_> = self.open.iter().map(|level| level.key.clone()).collect();
        let [_, Some(server), Some(list), Some(name), ..] = keys.as_slice() else { return };
        let Ok(kind) = list.parse::<Kind>() else { return };
        match definition(kind, name, entry) {
            Ok(definition) => self.lock.approve(server, definition),
            Err(text) => self.problem(line, text),
        }
    }

    fn problem(&mut self, line: usize, text: String) {
        let path = self.path();
        self.problems.push(Problem { line, path, text });
    }

    fn path(&self) -> String {
        let keys = self.open.iter().filter_map(|level| level.key.as_deref());
        keys.map(|key| format!("/{}", shown(key).replace('~', "~0").replace('/', "~1"))).collect()
    }
}

fn definition(kind: Kind, name: &str, entry: Entry) -> Result<Definition, String> {
    let hash = entry.hash.ok_or("no hash (run toolgate approve)")?;
    let hash: Hash = hash.parse().map_err(|misfit| format!("hash: {misfit}"))?;
    let text = entry.definition.ok_or("no definition (run toolgate approve)")?;
    // What is served again must fit in one line.
    let compact = Tree::parse(Bytes::from(text)).map(|tree| tree.compact());
    let definition = compact.and_then(|text| {
        Definition::read(kind, text.into()).map_err(|unreadable| unreadable.to_string())
    });
    let definition = definition.map_err(|why| format!("definition: {why} (restore the file)"))?;
    if definition.name() != name {
        return Err(format!(
            "the definition is of {}, another one (restore the file)",
            shown(definition.name())
        ));
    }
    if definition.hash() != hash {
        return Err(format!(
            "the hash does not fit the definition, whose hash is {} (restore the file, or review the definition and run toolgate approve)",
            definition.hash()
        ));
    }
    Ok(definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Lock {
        let mut lock = Lock::default();
        for (server, kind, text) in [
            (
                "b",
                Kind::Tool,
                r#"{"name":"x\u200b\"","description":"a\nb\u001b\ud83d\ude00\udb40\udc41","n":1.50}"#,
            ),
            ("a", Kind::Tool, r#"{"name":"z"}"#),
            ("a", Kind::Resource, r#"{"uri":"file:///a: b","name":"n"}"#),
        ] {
            lock.approve(server, Definition::read(kind, text.to_owned().into()).unwrap());
        }
        lock
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let lock = sample();

        let text = lock.to_text();
        let read = Lock::parse(&text).unwrap();

        assert_eq!(read.to_text(), text);
        let name = "x\u{200b}\"";
        let (was, is) =
            (lock.approved("b", Kind::Tool, name), read.approved("b", Kind::Tool, name));
        assert_eq!(was.unwrap().hash(), is.unwrap().hash());
        assert!(!is.unwrap().raw().contains(&b'\n'));
        assert!(!text.contains(visible_only));
        assert!(Lock::parse(&Lock::default().to_text()).unwrap().is_empty());
    }

    fn visible_only(c: char) -> bool {
        c != '\n' && crate::visible::is_hidden(c)
    }

    #[test]
    fn every_mistake_has_its_line_and_a_way_out() {
        let text = sample().to_text();
        for (old, new, line, expected) in [
            ("version: 1", "version: 2", 2, "newer toolgate"),
            ("version: 1\n", "", 1, "no version"),
            ("servers:", "server:", 3, "unknown key server"),
            ("resources:", "tools:", 12, "already"),
            ("resources:", "things:", 12, "unknown key things"),
            ("\"name\": \"z\"", "\"name\": \"y\"", 7, "another one"),
            ("\"name\": \"n\"", "\"name\": \"m\"", 14, "does not fit"),
            ("1.50", "1.5000001", 23, "does not fit"),
            ("hash: sha256:", "hash: sha1:", 7, "hexadecimal"),
            ("        definition: |", "        definitions: |", 8, "unknown key"),
        ] {
            assert!(text.contains(old), "{old}");
            let problems = Lock::parse(&text.replacen(old, new, 1)).unwrap_err();
            let told = problems[0].to_string();
            assert!(told.contains(expected), "{told}");
            assert_eq!(problems[0].line, line, "{told}");
        }
        for wrong in [
            "",
            "[]",
            "a",
            "version: 1\nservers: [a]",
            "version: 1\nservers: {a: b}",
            "&a {*a : 1}",
        ] {
            assert!(Lock::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_absence_approves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(super::super::FILE);

        assert!(Lock::load(&path).unwrap().is_empty());
        Lock::default().save(&path).unwrap();
        sample().save(&path).unwrap();

        assert_eq!(Lock::load(&path).unwrap().to_text(), sample().to_text());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(sample().save(&folder.path().join("none/toolgate.lock")).is_err());
    }
}
