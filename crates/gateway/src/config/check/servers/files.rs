//! Folders of files: are they there, apart from each other, and do the rules fit together?

use std::path::{Path, PathBuf};

use toolgate_values::Size;

use crate::config::bind::{Bound, Part};
use crate::config::check::paths::{self, directory};
use crate::config::check::{Checks, bind};
use crate::config::entry::CacheScope;
use crate::config::problem::quote;
use crate::config::server::Kind;
use crate::config::servers::files::{
    FileQuota, Files, FilesEntry, FilesPlace, FilesRoot, HomeName, RootEntry,
};

/// The largest file that is ever written: it is held in memory.
const LARGEST: Size = Size::mib(64);

/// `known`: whether callers are told apart; `cache`: who may be given a kept answer.
pub(in crate::config::check) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    entry: FilesEntry,
    known: bool,
    cache: CacheScope,
) -> Option<Kind> {
    let path = format!("{path}.files");
    let roots = match (entry.root, entry.roots) {
        (Some(root), roots) if roots.is_empty() => {
            let root = directory(checks, &format!("{path}.root"), &root);
            vec![plain(root, entry.write)]
        }
        (None, roots) if !roots.is_empty() => {
            if checks.places.has(&format!("{path}.write")) {
                let message = "each of roots says itself whether it is written (move write there)";
                checks.problem(&format!("{path}.write"), message);
            }
            let several = roots.len() > 1;
            let mut resolved = Vec::new();
            for (index, root) in roots.into_iter().enumerate() {
                let place = format!("{path}.roots[{index}]");
                resolved.extend(one(checks, &place, root, several, known));
            }
            apart(checks, &path, &resolved);
            resolved
        }
        (None, _) => {
            checks.problem(&path, "nothing is served (add root: DIR, or roots: [{path: DIR}])");
            return None;
        }
        (Some(_), _) => {
            let message = "root and roots exclude each other (make root one of roots)";
            checks.problem(&format!("{path}.root"), message);
            return None;
        }
    };
    if cache == CacheScope::Public && roots.iter().any(FilesRoot::is_per_caller) {
        let message = "what one caller is answered would be given to others, though each has files of its own (write private)";
        let place = path.strip_suffix(".files").unwrap_or(&path);
        checks.problem(&format!("{place}.cache_scope"), message);
    }
    Some(Kind::Files(Files { roots }))
}

fn plain(root: PathBuf, write: bool) -> FilesRoot {
    FilesRoot {
        name: None,
        place: FilesPlace::Shared(root),
        write,
        writers: Vec::new(),
        delete: false,
        hidden: false,
        include: Vec::new(),
        exclude: Vec::new(),
        quota: FileQuota::default(),
    }
}

fn one(
    checks: &mut Checks<'_>,
    path: &str,
    entry: RootEntry,
    several: bool,
    known: bool,
) -> Option<FilesRoot> {
    if several && entry.name.is_none() {
        checks.problem(path, "several roots are told apart by their names (add name: NAME)");
    }
    if !entry.write {
        for key in ["writers", "delete", "quota"] {
            let place = format!("{path}.{key}");
            if checks.places.has(&place) {
                checks.problem(&place, "nothing is written here (add write: true, or remove it)");
            }
        }
    }
    if !known && !entry.writers.is_empty() {
        let message = "nobody has a role while nothing authenticates callers (add authentication, or remove it)";
        checks.problem(&format!("{path}.writers"), message);
    }
    for (key, globs) in [("include", &entry.include), ("exclude", &entry.exclude)] {
        for (index, glob) in globs.iter().enumerate() {
            if let Some(message) = wrong_glob(glob, key == "include") {
                checks.problem(&format!("{path}.{key}[{index}]"), message);
            }
        }
    }
    quota(checks, &format!("{path}.quota"), &entry.quota);
    let place = place(checks, &format!("{path}.path"), &entry, known)?;
    Some(FilesRoot {
        name: entry.name,
        place,
        write: entry.write,
        writers: entry.writers,
        delete: entry.delete,
        hidden: entry.hidden,
        include: entry.include,
        exclude: entry.exclude,
        quota: entry.quota,
    })
}

/// What is wrong with a glob. One that matches nothing would leave open what it was to close.
fn wrong_glob(glob: &str, chooses_files: bool) -> Option<String> {
    if let Err(error) = globset::Glob::new(glob) {
        let (glob, kind) = (quote(glob), error.kind());
        return Some(format!("{glob} is no glob: {kind} (escape it with \\, or remove it)"));
    }
    let names = glob.trim_matches('/');
    if names.split('/').any(|name| matches!(name, "" | "." | "..")) {
        let message = "no name is empty, . or .. (write NAME, or a path from the root such as a/b)";
        return Some(format!("{} matches nothing: {message}", quote(glob)));
    }
    (chooses_files && glob.ends_with('/')).then(|| {
        format!("{} names a folder, and files are chosen here (write {names}/**)", quote(glob))
    })
}

fn quota(checks: &mut Checks<'_>, path: &str, quota: &FileQuota) {
    if quota.file > LARGEST {
        let message = format!("files are written from memory (write at most {LARGEST})");
        checks.problem(&format!("{path}.file"), message);
    }
    for (key, size) in [("file", Some(quota.file)), ("bytes", quota.bytes)] {
        if size.is_some_and(|size| size.bytes() == 0) {
            let message = "nothing could be written (write 1KiB or more)";
            checks.problem(&format!("{path}.{key}"), message);
        }
    }
}

fn place(
    checks: &mut Checks<'_>,
    path: &str,
    entry: &RootEntry,
    known: bool,
) -> Option<FilesPlace> {
    let parts = bind::one(checks, path, &entry.path, known)?.0;
    let Some(first) = parts.iter().position(|part| !matches!(part, Part::Text(_))) else {
        let directory = directory(checks, path, Path::new(entry.path.reveal()));
        return Some(FilesPlace::Shared(directory));
    };
    if parts.contains(&Part::Session) {
        let message = "a session has no folder, as clients of the newest revision have no sessions (write ${caller.principal})";
        checks.problem(path, message);
        return None;
    }
    let text = |part: &Part| match part {
        Part::Text(text) => text.reveal().to_owned(),
        _ => String::new(),
    };
    // What is before the first reference is there already, up to the last separator.
    let before: String = parts[..first].iter().map(text).collect();
    let (base, begun) = before.rsplit_once('/').map_or(("", before.as_str()), |(base, begun)| {
        (if base.is_empty() { "/" } else { base }, begun)
    });
    let base = if base.is_empty() { Path::new(".") } else { Path::new(base) };
    let base = directory(checks, path, base);
    let mut names = vec![HomeName { before: begun.to_owned(), ..HomeName::default() }];
    for part in &parts[first..] {
        let Some(name) = names.last_mut() else { break };
        match part {
            Part::Text(text) => {
                let mut pieces = text.reveal().split('/');
                name.after.push_str(pieces.next().unwrap_or_default());
                let fixed =
                    |text: &str| HomeName { before: text.to_owned(), ..HomeName::default() };
                names.extend(pieces.map(fixed));
            }
            _ if name.of.is_some() => {
                let message = "two callers could have one folder: a-b and c are written like a and b-c (put / between the references)";
                checks.problem(path, message);
                return None;
            }
            reference => {
                name.before.push_str(&std::mem::take(&mut name.after));
                name.of = Some(Bound(vec![reference.clone()]));
            }
        }
    }
    names.retain(|name| name.of.is_some() || !name.before.is_empty());
    if names.iter().any(leads_elsewhere) {
        let message = "behind a reference there are only names of folders (remove . and ..)";
        checks.problem(path, message);
        return None;
    }
    Some(FilesPlace::PerCaller { base, names })
}

fn leads_elsewhere(HomeName { before, of, after }: &HomeName) -> bool {
    of.is_none() && matches!(before.as_str(), "." | "..")
        || [before, after].iter().any(|text| text.contains(['\0', '\\']))
}

/// What is in one root is in no other, so that the rules of one hold.
fn apart(checks: &mut Checks<'_>, path: &str, roots: &[FilesRoot]) {
    for (index, root) in roots.iter().enumerate() {
        for earlier in &roots[..index] {
            let place = format!("{path}.roots[{index}]");
            if let (Some(name), Some(other)) = (&root.name, &earlier.name)
                && name.as_str().eq_ignore_ascii_case(other.as_str())
            {
                let message =
                    "two roots have this name, as case does not tell them apart (choose another)";
                checks.problem(&format!("{place}.name"), message);
            }
            let (one, other) = (folder(root), folder(earlier));
            if one.starts_with(&other) || other.starts_with(&one) {
                let message = "the folder is in that of another root, or the other in this one, so that two sets of rules would hold (choose folders beside each other)";
                checks.problem(&format!("{place}.path"), message);
            }
        }
    }
}

/// The folder in which all of a root is, as it is written.
fn folder(root: &FilesRoot) -> PathBuf {
    let (FilesPlace::Shared(folder) | FilesPlace::PerCaller { base: folder, .. }) = &root.place;
    paths::plain(folder)
}
