//! What a report looks like to people and to programs.

use toolgate_catalog::report::{json, sarif, table};
use toolgate_catalog::scan::scan;

use crate::sample;

#[test]
fn json_says_where_why_and_what_to_do() {
    let report = json(&scan(&sample("poisoned_text.json"), None, Vec::new()));

    let finding = &report["findings"][0];
    assert_eq!((&finding["id"], &finding["severity"]), (&"TG-POISON-001".into(), &"high".into()));
    assert_eq!((&finding["server"], &finding["name"]), (&"sample".into(), &"add".into()));
    assert_eq!(finding["pointer"], "/description");
    for member in ["title", "message", "evidence", "explanation", "remedy"] {
        assert!(finding[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }
    assert_eq!((&report["tools"], &report["summary"]["medium"]), (&1.into(), &0.into()));
}

#[test]
fn nothing_that_a_server_says_reaches_the_terminal_as_it_is() {
    for file in ["ansi.json", "zero_width.json", "homoglyph.json", "header_line_break.json"] {
        let report = scan(&sample(file), None, Vec::new());

        let text = table(&report);

        assert!(!text.contains(|c| c != '\n' && toolgate_catalog::visible::is_hidden(c)), "{text}");
    }
    let text = table(&scan(&sample("ansi.json"), None, Vec::new()));
    assert!(text.contains("high    TG-HIDDEN-002   sample: tool add: /description\n"), "{text}");
    assert!(text.contains("\\u{1b}]52;c;"), "{text}");
    assert!(text.contains("1 high, "), "{text}");
}

#[test]
fn sarif_names_its_rules_and_results() {
    let log = sarif(&scan(&sample("remote_ref.json"), None, Vec::new()), "gateway.yaml");

    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    let at = result["ruleIndex"].as_u64().unwrap() as usize;
    assert_eq!((&result["ruleId"], &result["level"]), (&"TG-SCHEMA-001".into(), &"error".into()));
    assert_eq!(run["tool"]["driver"]["rules"][at]["id"], "TG-SCHEMA-001");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "gateway.yaml");
    assert_eq!(place["region"]["startLine"], 1);
}
