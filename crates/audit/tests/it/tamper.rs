//! Case L4: whatever is changed in the files afterwards is found.

use std::fs;
use std::path::PathBuf;

use crate::support::{Scene, intent};
use proptest::prelude::*;
use toolgate_audit::{Arguments, Outcome, Status};

/// Three files and a head, with records of every kind of line that a run writes.
fn written() -> Scene {
    let scene = Scene::filed(|file| file.rotate_size = "4KiB".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for _ in 0..2 {
            let ledger = scene.open();
            for i in 0..9 {
                let mut intent = intent("t");
                intent.arguments = Some(Arguments::new(format!(r#"{{"i":{i}}}"#).as_bytes()));
                let ticket = ledger.reserve(intent).await.unwrap();
                ticket.finish(Outcome::new(Status::Ok));
            }
            ledger.record(crate::support::intent("t"), Outcome::new(Status::Refused)).unwrap();
            ledger.waive();
            assert!(ledger.close().await);
        }
    });
    let report = scene.verify();
    assert!(report.is_sound() && report.files >= 3, "{report:?}");
    scene
}

/// The files and the head.
fn all(scene: &Scene) -> Vec<PathBuf> {
    let mut all = scene.files();
    all.push(scene.folder.path().join("audit.head"));
    all
}

/// Whether verification finds what `change` makes of one of the files, which is then put back.
fn finds(scene: &Scene, path: &PathBuf, change: impl FnOnce(&mut Vec<u8>)) -> bool {
    let before = fs::read(path).unwrap();
    let mut after = before.clone();
    change(&mut after);
    assert_ne!(before, after, "nothing was changed");
    fs::write(path, after).unwrap();
    let found = !scene.verify().is_sound();
    fs::write(path, before).unwrap();
    found
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_byte_that_is_changed_is_found() {
    let scene = written();
    let files = all(&scene);
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8);

    proptest!(ProptestConfig::with_cases(1000), |((file, at, mask) in change)| {
        let path = file.get(&files);
        prop_assert!(finds(&scene, path, |bytes| *at.get_mut(bytes) ^= mask), "{}", path.display());
    });
}

#[test]
fn a_file_that_is_cut_anywhere_is_found() {
    let scene = written();

    for path in all(&scene) {
        let size = fs::metadata(&path).unwrap().len();
        for at in (0..usize::try_from(size).unwrap()).step_by(29) {
            assert!(finds(&scene, &path, |bytes| bytes.truncate(at)), "{} at {at}", path.display());
        }
    }
}

#[test]
fn a_line_that_is_removed_doubled_or_moved_is_found() {
    let scene = written();

    for path in scene.files() {
        let original = lines(&fs::read(&path).unwrap());
        for at in 0..original.len() {
            let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
                let mut lines = original.clone();
                change(&mut lines);
                finds(&scene, &path, |bytes| *bytes = lines.concat())
            };
            assert!(changed(&|lines| drop(lines.remove(at))), "removed {at}");
            assert!(changed(&|lines| lines.insert(at, lines[at].clone())), "doubled {at}");
            if at > 0 {
                assert!(changed(&|lines| lines.swap(at - 1, at)), "swapped {at}");
            }
        }
    }
}

#[test]
fn a_file_that_is_deleted_or_exchanged_is_found() {
    let scene = written();
    let files = all(&scene);

    for path in &files {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        assert!(!scene.verify().is_sound(), "{}", path.display());
        fs::write(path, bytes).unwrap();
    }
    let other = fs::read(&files[1]).unwrap();
    assert!(finds(&scene, &files[0], |bytes| *bytes = other));
}

#[test]
fn a_chain_that_is_written_anew_from_the_middle_is_found_by_its_key() {
    let key = toolgate_values::Secret::new("k".repeat(32));
    let sealed = Scene::with(|audit| audit.key = Some(key));
    let forged = Scene::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for scene in [&sealed, &forged] {
            let ledger = scene.open();
            ledger.reserve(intent("t")).await.unwrap().end_as(Status::Ok);
            assert!(ledger.close().await);
        }
    });

    for path in all(&forged) {
        fs::copy(&path, sealed.folder.path().join(path.file_name().unwrap())).unwrap();
    }

    assert!(forged.verify().is_sound());
    assert!(!sealed.verify().is_sound());
}

#[test]
fn a_start_does_not_heal_a_cut() {
    let scene = written();
    let newest = scene.files().pop().unwrap();
    let kept = lines(&fs::read(&newest).unwrap());
    fs::write(&newest, kept[..kept.len() - 2].concat()).unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { assert!(scene.open().close().await) });

    let report = scene.verify();
    assert!(
        report.defects.iter().any(|it| it.text.contains("are missing before it")),
        "{report:?}"
    );
}
