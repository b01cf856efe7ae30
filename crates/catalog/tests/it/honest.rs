//! Honest servers raise no alarm of high severity, in whatever words they speak.

use std::path::{Path, PathBuf};

use toolgate_catalog::finding::Severity;
use toolgate_catalog::manifest::{self, Manifest};
use toolgate_catalog::scan::scan;

/// What each manifest of a folder holds, by its file.
fn manifests(folder: &Path) -> Vec<(String, Vec<Manifest>)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read(&file).unwrap();
        let found = manifest::parse(&name, text.into());
        (name, found.unwrap_or_else(|why| panic!("{}: {why}", file.display())))
    };
    files.into_iter().map(read).collect()
}

/// The findings of high severity, one a line. Prints how many there are of each.
#[expect(clippy::print_stdout, reason = "the table is what a person runs this for")]
fn alarms(folder: &Path) -> Vec<String> {
    let mut alarms = Vec::new();
    println!("{:<22} {:>5} {:>5} {:>6} {:>5} {:>5}", "", "tools", "high", "medium", "low", "info");
    for (name, servers) in manifests(folder) {
        let report = scan(&servers, None, Vec::new());
        let count = |severity| report.count(severity);
        println!(
            "{name:<22} {:>5} {:>5} {:>6} {:>5} {:>5}",
            report.tools,
            count(Severity::High),
            count(Severity::Medium),
            count(Severity::Low),
            count(Severity::Info),
        );
        let high = report.findings.iter().filter(|it| it.severity == Severity::High);
        alarms.extend(high.map(|it| {
            let evidence = it.evidence.as_deref().unwrap_or_default();
            format!("{name}: {}: {}: {} ({evidence})", it.rule.id, it.place, it.message)
        }));
    }
    alarms
}

/// A folder of manifests in the repository.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn words_that_an_attack_could_use_raise_no_alarm_in_an_honest_place() {
    assert_eq!(alarms(&folder("honest")), Vec::<String>::new());
}

#[test]
fn published_servers_raise_no_alarm() {
    let published = manifests(&folder("published"));
    let tools: usize = published.iter().flat_map(|(_, all)| all).map(Manifest::tools).sum();
    assert_eq!((published.len(), tools), (5, 60), "what is checked has changed");

    assert_eq!(alarms(&folder("published")), Vec::<String>::new());
}
