//! What a record costs. Figures for people: `cargo test --release -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use crate::support::{Scene, intent};
use toolgate_audit::{Outcome, Status};

/// Records of each kind of caller.
const COUNT: u32 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and proves nothing"]
async fn a_record_costs() {
    for (fsync, callers) in [("1s", 1), ("1s", 16), ("always", 1), ("always", 16)] {
        let scene = Scene::filed(|file| file.fsync = fsync.parse().unwrap());
        let ledger = scene.open();
        let count = if fsync == "always" { COUNT / 20 } else { COUNT };

        let began = (Instant::now(), used());
        let calling: Vec<_> = (0..callers)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    for _ in 0..count / callers {
                        let ticket = ledger.reserve(intent("crm_search_contacts")).await.unwrap();
                        ticket.finish(Outcome::new(Status::Ok));
                    }
                })
            })
            .collect();
        for calls in calling {
            calls.await.unwrap();
        }
        assert!(ledger.close().await);

        let (wall, cpu) = (began.0.elapsed() / count, (used() - began.1) / count);
        println!("fsync {fsync}, {callers} at once: {wall:?} each, {cpu:?} of CPU");
    }
}

/// The time that this process has used on all its threads, in the kernel's ticks of 10 ms
/// (proc(5): fields 14 and 15, counted after the name, which may hold spaces).
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks = fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap());
    Duration::from_millis(10 * ticks.sum::<u64>())
}
