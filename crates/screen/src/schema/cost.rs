//! How often could a part of the schema be asked about a part of an instance?
//!
//! References let a small schema unfold to an enormous one, or to an endless one. What unfolds to
//! little is used as it is; a schema that refers to itself is measured against each instance.

use std::collections::HashMap;

use serde_json::Value;

use super::Error;

/// To how many parts a schema without cycles may unfold.
const UNFOLDED: u64 = 50_000;
/// How many questions one instance may take.
const QUESTIONS: u64 = 2_000_000;
/// How many pairs of schema and instance are looked at to find that out.
const LOOKS: usize = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Each part of an instance is asked at most so often.
    Bounded(u64),
    /// The schema refers to itself.
    Recursive,
}

/// How a part of a schema is reached from another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    /// It speaks of the same value.
    Here,
    /// It speaks of the member of that name.
    Member(&'a str),
    /// It speaks of any element or member.
    Within,
}

impl Cost {
    pub(super) fn of(schema: &Value) -> Result<Self, Error> {
        let mut unfolding = Unfolding { root: schema, known: HashMap::new(), is_recursive: false };
        let size = unfolding.size(schema, true, 0)?;
        if unfolding.is_recursive {
            return Ok(Cost::Recursive);
        }
        if size > UNFOLDED {
            return Err(Error::Cost("its references unfold to more than 50,000 parts"));
        }
        Ok(Cost::Bounded(size))
    }

    /// Whether `instance` may be checked.
    pub(super) fn allows(self, schema: &Value, instance: &Value) -> bool {
        match self {
            // An acyclic schema asks each part of an instance at most as often as it has parts,
            // and far less in practice: size bounds on messages do the rest.
            Cost::Bounded(_) => true,
            Cost::Recursive => {
                let mut measure = Measure { root: schema, known: HashMap::new() };
                measure.questions(schema, instance, 0).is_some_and(|sum| sum <= QUESTIONS)
            }
        }
    }
}

struct Unfolding<'a> {
    root: &'a Value,
    /// The size of what a part unfolds to; `None` while it is being measured.
    known: HashMap<*const Value, Option<(bool, u64)>>,
    is_recursive: bool,
}

impl<'a> Unfolding<'a> {
    /// `is_here` tells whether the whole way from the last cycle candidate speaks of one value.
    fn size(&mut self, part: &'a Value, is_here: bool, depth: usize) -> Result<u64, Error> {
        match self.known.get(&std::ptr::from_ref(part)) {
            Some(Some((_, size))) => return Ok(*size),
            Some(None) => {
                if is_here && is_endless(self.root, part) {
                    return Err(Error::Cost("it refers to itself without end"));
                }
                self.is_recursive = true;
                return Ok(1);
            }
            None => {}
        }
        if depth > 256 {
            return Err(Error::Cost("its references are nested too deeply"));
        }
        self.known.insert(part, None);
        let mut sum = 1_u64;
        for (_, next) in parts(self.root, part)? {
            sum = sum.saturating_add(self.size(next, true, depth + 1)?);
        }
        self.known.insert(part, Some((is_here, sum)));
        Ok(sum)
    }
}

/// Whether `part` comes back to itself through parts that all speak of one value.
fn is_endless(root: &Value, part: &Value) -> bool {
    let mut seen: Vec<*const Value> = Vec::new();
    let mut open: Vec<&Value> = vec![part];
    while let Some(next) = open.pop() {
        let Ok(list) = parts(root, next) else { return true };
        for (step, target) in list {
            if step != Step::Here {
                continue;
            }
            if std::ptr::eq(target, part) {
                return true;
            }
            if !seen.contains(&std::ptr::from_ref(target)) {
                seen.push(target);
                open.push(target);
            }
        }
    }
    false
}

struct Measure<'a> {
    root: &'a Value,
    known: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Measure<'a> {
    /// How many questions `part` comes to for `value`; `None` when that is too much to find out.
    fn questions(&mut self, part: &'a Value, value: &'a Value, depth: usize) -> Option<u64> {
        let pair = (std::ptr::from_ref(part), std::ptr::from_ref(value));
        if let Some(sum) = self.known.get(&pair) {
            return Some(*sum);
        }
        if depth > 1024 || self.known.len() > LOOKS {
            return None;
        }
        let mut sum = 1_u64;
        for (step, next) in parts(self.root, part).ok()? {
            match (step, value) {
                (Step::Here, _) => sum += self.questions(next, value, depth + 1)?,
                (Step::Member(name), Value::Object(members)) => {
                    if let Some(member) = members.get(name) {
                        sum += self.questions(next, member, depth + 1)?;
                    }
                }
                (Step::Within, Value::Object(members)) => {
                    for member in members.values() {
                        sum += self.questions(next, member, depth + 1)?;
                    }
                }
                (Step::Within, Value::Array(items)) => {
                    for item in items {
                        sum += self.questions(next, item, depth + 1)?;
                    }
                }
                _ => {}
            }
            if sum > QUESTIONS {
                return None;
            }
        }
        self.known.insert(pair, sum);
        Some(sum)
    }
}

/// The parts that `part` asks.
fn parts<'a>(root: &'a Value, part: &'a Value) -> Result<Vec<(Step<'a>, &'a Value)>, Error> {
    let mut all = Vec::new();
    let Value::Object(members) = part else { return Ok(all) };
    for (keyword, value) in members {
        match keyword.as_str() {
            "$ref" | "$dynamicRef" | "$recursiveRef" => {
                if let Some(target) =
                    value.as_str().map(|to| resolve(root, to)).transpose()?.flatten()
                {
                    all.push((Step::Here, target));
                }
            }
            "not" | "if" | "then" | "else" => all.push((Step::Here, value)),
            "allOf" | "anyOf" | "oneOf" => all.extend(list(value).map(|part| (Step::Here, part))),
            "dependentSchemas" => all.extend(map(value).map(|(_, part)| (Step::Here, part))),
            "properties" => {
                all.extend(map(value).map(|(name, part)| (Step::Member(name), part)));
            }
            "patternProperties" => all.extend(map(value).map(|(_, part)| (Step::Within, part))),
            "additionalProperties"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "contains"
            | "additionalItems" => all.push((Step::Within, value)),
            "items" if value.is_array() => {
                all.extend(list(value).map(|part| (Step::Within, part)));
            }
            "items" => all.push((Step::Within, value)),
            "prefixItems" => all.extend(list(value).map(|part| (Step::Within, part))),
            _ => {}
        }
    }
    Ok(all)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn map(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, part)| (name.as_str(), part))
}

/// What a reference means. References by name are looked for everywhere; the root stands for what
/// is not found, which errs on the side of more.
fn resolve<'a>(root: &'a Value, to: &str) -> Result<Option<&'a Value>, Error> {
    // The meta-schemas come with the validator and refer to nothing of ours.
    if to.starts_with("http://json-schema.org/") || to.starts_with("https://json-schema.org/") {
        return Ok(None);
    }
    let (base, fragment) = to.split_once('#').unwrap_or((to, ""));
    if base.is_empty() && (fragment.is_empty() || fragment.starts_with('/')) {
        let pointer = percent(fragment);
        return Ok(Some(root.pointer(&pointer).unwrap_or(root)));
    }
    match named(root, base, fragment, 0) {
        Some(target) => Ok(Some(target)),
        None if base.is_empty() => Ok(Some(root)),
        None => Err(Error::Remote(to.chars().take(200).collect())),
    }
}

/// The part with that `$id`, `$anchor` or `$dynamicAnchor`.
fn named<'a>(part: &'a Value, base: &str, fragment: &str, depth: usize) -> Option<&'a Value> {
    if depth > 128 {
        return None;
    }
    let is = |keyword: &str, name: &str| part.get(keyword).and_then(Value::as_str) == Some(name);
    let id = part.get("$id").and_then(Value::as_str).unwrap_or_default();
    let is_base = !base.is_empty() && (id == base || id.ends_with(&format!("/{base}")));
    if is_base {
        return Some(match fragment.starts_with('/') {
            true => part.pointer(&percent(fragment)).unwrap_or(part),
            false => part,
        });
    }
    if base.is_empty() && (is("$anchor", fragment) || is("$dynamicAnchor", fragment)) {
        return Some(part);
    }
    let within: Box<dyn Iterator<Item = &Value>> = match part {
        Value::Object(members) => Box::new(members.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return None,
    };
    within.into_iter().find_map(|next| named(next, base, fragment, depth + 1))
}

/// Undoes percent-encoding.
fn percent(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
