//! Who listens is told what changed.

use std::time::Duration;

use toolgate_gateway::upstream::{Interest, Upstream as _, Watch};
use toolgate_hosted::Hosted;

use super::*;

/// The next announcement.
async fn next(watch: &mut Watch) -> String {
    let message = tokio::time::timeout(Duration::from_secs(60), watch.events.recv()).await;
    String::from_utf8(message.unwrap().unwrap().bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn changes_of_others_and_ours_are_told_once() {
    let (folder, _) = folder(&[("a.md", b"one"), ("b.md", b"two")]);
    let files = std::sync::Arc::new(open(vec![writable(folder.path())]));
    let hosted = Hosted::new("files", files.clone());
    let uris = ["files:///a.md", "files:///c.md"].map(str::to_owned).to_vec();
    let interest = Interest { resources: true, uris, ..Interest::default() };
    let mut watch = hosted.watch(&nobody(), Default::default(), interest.clone()).await.unwrap();
    assert_eq!(watch.accepted, interest);

    fs::write(folder.path().join("b.md"), "nobody asked").unwrap();
    fs::write(folder.path().join("a.md"), "changed").unwrap();
    let told = next(&mut watch).await;
    assert!(told.contains("resources/updated") && told.contains("files:///a.md"), "{told}");

    // The same size and, as far as the clock of the file system goes, the same time.
    let edits = json!({ "path": "a.md", "edits": [{ "old": "changed", "new": "CHANGED" }] });
    structured(&files, "edit_file", edits).await;
    let told = next(&mut watch).await;
    assert!(told.contains("files:///a.md"), "{told}");

    structured(&files, "write_file", json!({ "path": "c.md", "content": "new" })).await;
    let told = [next(&mut watch).await, next(&mut watch).await];
    assert!(told[0].contains("resources/list_changed"), "{told:?}");
    assert!(told[1].contains("files:///c.md"), "{told:?}");
    assert!(tokio::time::timeout(Duration::from_millis(1500), watch.events.recv()).await.is_err());
}
