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
/// Of how many resources (parts with an `$id`) a schema may consist.
const RESOURCES: usize = 1024;

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
        let names = Names::of(schema)?;
        let mut unfolding = Unfolding { names: &names, known: HashMap::new(), is_recursive: false };
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
                let Ok(names) = Names::of(schema) else { return false };
                let mut measure = Measure { names: &names, known: HashMap::new() };
                measure.questions(schema, instance, 0).is_some_and(|sum| sum <= QUESTIONS)
            }
        }
    }
}

struct Unfolding<'n, 'a> {
    names: &'n Names<'a>,
    /// The size of what a part unfolds to; `None` while it is being measured.
    known: HashMap<*const Value, Option<(bool, u64)>>,
    is_recursive: bool,
}

impl<'a> Unfolding<'_, 'a> {
    /// `is_here` tells whether the whole way from the last cycle candidate speaks of one value.
    fn size(&mut self, part: &'a Value, is_here: bool, depth: usize) -> Result<u64, Error> {
        match self.known.get(&std::ptr::from_ref(part)) {
            Some(Some((_, size))) => return Ok(*size),
            Some(None) => {
                if is_here && is_endless(self.names, part) {
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
        for (_, next) in self.names.parts(part)? {
            sum = sum.saturating_add(self.size(next, true, depth + 1)?);
        }
        self.known.insert(part, Some((is_here, sum)));
        Ok(sum)
    }
}

/// Whether `part` comes back to itself through parts that all speak of one value.
fn is_endless<'a>(names: &Names<'a>, part: &'a Value) -> bool {
    let mut seen: Vec<*const Value> = Vec::new();
    let mut open: Vec<&Value> = vec![part];
    while let Some(next) = open.pop() {
        let Ok(list) = names.parts(next) else { return true };
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

struct Measure<'n, 'a> {
    names: &'n Names<'a>,
    known: HashMap<(*const Value, *const Value), u64>,
}

impl<'a> Measure<'_, 'a> {
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
        for (step, next) in self.names.parts(part).ok()? {
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

/// A schema with what the references in it may mean.
struct Names<'a> {
    /// The root, and the parts with an `$id`: pointers begin there.
    resources: Vec<Resource<'a>>,
    /// The innermost resource that an object is in.
    within: HashMap<*const Value, usize>,
    /// Parts by their `$anchor` or `$dynamicAnchor`.
    anchors: HashMap<&'a str, Vec<&'a Value>>,
}

struct Resource<'a> {
    id: &'a str,
    part: &'a Value,
    /// The resource that it is in; the root is in itself.
    outer: usize,
}

impl<'a> Names<'a> {
    fn of(schema: &'a Value) -> Result<Self, Error> {
        let root = Resource { id: text(schema, "$id"), part: schema, outer: 0 };
        let mut names =
            Names { resources: vec![root], within: HashMap::new(), anchors: HashMap::new() };
        names.read(schema, 0)?;
        Ok(names)
    }

    /// Looks at everything, also at what is no schema: that means more, and never less.
    fn read(&mut self, part: &'a Value, resource: usize) -> Result<(), Error> {
        match part {
            Value::Object(members) => {
                let mut resource = resource;
                // Until draft 4 it is `id`, until draft 7 `#name` is an anchor.
                for id in ["$id", "id"].map(|keyword| text(part, keyword)) {
                    if let Some(anchor) = id.strip_prefix('#') {
                        self.anchors.entry(anchor).or_default().push(part);
                    } else if !id.is_empty() && !std::ptr::eq(part, self.resources[0].part) {
                        self.resources.push(Resource { id, part, outer: resource });
                        resource = self.resources.len() - 1;
                    }
                }
                if self.resources.len() > RESOURCES {
                    return Err(Error::Cost("it consists of more than 1,024 schemas"));
                }
                for keyword in ["$anchor", "$dynamicAnchor"] {
                    self.anchors.entry(text(part, keyword)).or_default().push(part);
                }
                self.within.insert(part, resource);
                members.values().try_for_each(|next| self.read(next, resource))
            }
            Value::Array(items) => items.iter().try_for_each(|next| self.read(next, resource)),
            _ => Ok(()),
        }
    }

    /// The parts that `part` asks.
    fn parts(&self, part: &'a Value) -> Result<Vec<(Step<'a>, &'a Value)>, Error> {
        let mut all = Vec::new();
        let Value::Object(members) = part else { return Ok(all) };
        for (keyword, value) in members {
            match keyword.as_str() {
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    let targets = value.as_str().map(|to| self.resolve(part, to)).transpose()?;
                    all.extend(targets.into_iter().flatten().map(|target| (Step::Here, target)));
                }
                "not" | "if" | "then" | "else" => all.push((Step::Here, value)),
                "allOf" | "anyOf" | "oneOf" => {
                    all.extend(list(value).map(|part| (Step::Here, part)));
                }
                "dependentSchemas" | "dependencies" => {
                    all.extend(map(value).map(|(_, part)| (Step::Here, part)));
                }
                "properties" => {
                    all.extend(map(value).map(|(name, part)| (Step::Member(name), part)));
                }
                "patternProperties" => all.extend(map(value).map(|(_, part)| (Step::Within, part))),
                "additionalProperties"
                | "unevaluatedProperties"
                | "unevaluatedItems"
                | "contains"
                | "propertyNames"
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

    /// What a reference may mean: all that is called so, which errs on the side of more. Whether an
    /// `$id` counts depends on the draft and on what stands beside it, so that a pointer is followed
    /// from every resource around the reference.
    fn resolve(&self, part: &Value, to: &str) -> Result<Vec<&'a Value>, Error> {
        // The meta-schemas come with the validator and refer to nothing of ours.
        if to.starts_with("http://json-schema.org/") || to.starts_with("https://json-schema.org/") {
            return Ok(Vec::new());
        }
        let (base, fragment) = to.split_once('#').unwrap_or((to, ""));
        let resources = if base.is_empty() { self.around(part) } else { self.called(base) };
        if resources.is_empty() {
            return Err(Error::Remote(to.chars().take(200).collect()));
        }
        let fragment = percent(fragment);
        let found: Vec<_> = if fragment.is_empty() || fragment.starts_with('/') {
            resources.iter().filter_map(|resource| resource.pointer(&fragment)).collect()
        } else {
            self.anchors.get(&*fragment).cloned().unwrap_or_default()
        };
        Ok(if found.is_empty() { resources } else { found })
    }

    /// The resources that a part is in, from the innermost to the root.
    fn around(&self, part: &Value) -> Vec<&'a Value> {
        let mut at = self.within.get(&std::ptr::from_ref(part)).copied().unwrap_or_default();
        let mut all = Vec::new();
        while at > 0 {
            all.push(self.resources[at].part);
            at = self.resources[at].outer;
        }
        all.push(self.resources[0].part);
        all
    }

    /// The resources of this name, relative or not.
    fn called(&self, base: &str) -> Vec<&'a Value> {
        let is_called = |resource: &&Resource<'_>| {
            let head = resource.id.strip_suffix(base);
            head.is_some_and(|head| head.is_empty() || head.ends_with('/'))
        };
        self.resources.iter().filter(is_called).map(|resource| resource.part).collect()
    }
}

/// The text of a keyword; empty if there is none.
fn text<'a>(part: &'a Value, keyword: &str) -> &'a str {
    part.get(keyword).and_then(Value::as_str).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn map(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, part)| (name.as_str(), part))
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
