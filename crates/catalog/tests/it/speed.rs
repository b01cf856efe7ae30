//! A flood of tools costs seconds, not minutes.

use std::fmt::Write;
use std::time::{Duration, Instant};

use toolgate_catalog::manifest;
use toolgate_catalog::scan::{MOST, scan};

#[test]
fn a_hundred_thousand_tools_are_scanned_in_bounded_time_and_space() {
    let mut text = String::from("[");
    for at in 0..100_000 {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"name":"tool_{at}","description":"Reads record {at} of the table, <IMPORTANT> and says so.","inputSchema":{{"type":"object","properties":{{"id":{{"type":"integer","description":"Which record, by its number."}}}}}}}}"#
        );
    }
    text.push(']');

    let begin = Instant::now();
    let servers = manifest::parse("flood", text.into()).unwrap();
    let report = scan(&servers, None, Vec::new());
    let took = begin.elapsed();

    println!("100,000 tools: {took:?}");
    assert_eq!(report.tools, 100_000);
    assert!(report.findings.iter().any(|it| it.rule.id == "TG-SIZE-002"));
    let listed = report.findings.iter().filter(|it| it.rule.id == "TG-POISON-001").count();
    assert_eq!((listed, report.left_out["TG-POISON-001"]), (MOST, 100_000 - MOST));
    // Without optimisation, on a machine that has other things to do.
    assert!(took < Duration::from_secs(240), "{took:?}");
}
