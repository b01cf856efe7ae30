//! Is everything as it was approved?

use crate::compare::{self, Standing};
use crate::definition::Kind;
use crate::finding::Place;
use crate::findings::Findings;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::rules;

/// How much of a diff is evidence, in characters.
const DIFF: usize = 2000;
/// Changes that are shown by a diff; the others are named.
const DIFFS: usize = 50;

pub(crate) fn look(lock: &Lock, manifest: &Manifest, found: &mut Findings) {
    // Resources come and go with the data: they are pinned only where some are approved.
    let pinned = |kind: &Kind| {
        *kind != Kind::Resource || lock.definitions(&manifest.server).any(|it| it.kind() == *kind)
    };
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(pinned).collect();
    let changes = compare::server(lock, &manifest.server, &kinds, &manifest.pinnable());
    for (at, change) in changes.into_iter().enumerate() {
        let (rule, what) = match change.standing {
            Standing::Same => continue,
            Standing::Changed => (&rules::CHANGED, "differs from what was approved"),
            Standing::New => (&rules::APPEARED, "was never approved"),
            Standing::Gone => (&rules::VANISHED, "was approved and is gone"),
        };
        let diff = (change.standing == Standing::Changed && at < DIFFS)
            .then(|| change.diff().chars().take(DIFF).collect());
        let place = Place {
            server: Some(change.server),
            definition: Some((change.kind, change.name)),
            ..Place::default()
        };
        found.add(rule, place, what.to_owned(), diff);
    }
}
