//! How servers end, and that nothing of them is left.

use std::time::{Duration, Instant};

use toolgate_upstreams::child::{Cause, Child, Slots};

use super::{exists, gone, pids, python, sh, spec, start};

#[tokio::test]
async fn a_crash_is_explained_with_stderr_and_without_secrets() {
    let mut spec = spec("sh", &["-c", "echo \"bad key $KEY\" >&2; exit 3"]);
    spec.env = vec![("KEY".into(), "sk-0123456789".into())];
    let (child, _lines) = start(spec);

    let exit = child.wait().await;

    assert_eq!(exit.cause, Cause::Itself);
    assert_eq!(exit.to_string(), "exited with status 3; stderr: bad key ***");
}

#[tokio::test]
async fn death_by_signal_is_named() {
    let (child, _lines) = sh("kill -SEGV $$");

    assert_eq!(child.wait().await.to_string(), "exited with status 139 (SIGSEGV)");
}

#[tokio::test]
async fn a_file_that_cannot_be_executed_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("server");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (child, _lines) = start(spec(script.to_str().unwrap(), &[]));

    let exit = child.wait().await.to_string();

    assert!(exit.starts_with("exited with status 126; stderr: "), "{exit}");
    assert!(exit.contains("server: cannot be executed"), "{exit}");
}

#[tokio::test]
async fn a_server_that_ends_with_its_input_is_not_signalled() {
    let (child, _lines) = sh("trap 'exit 9' TERM; cat; exit 0");

    let exit = child.shutdown().await;

    assert_eq!(exit.to_string(), "stopped; exited with status 0");
}

#[tokio::test]
async fn lines_queued_before_a_shutdown_still_arrive() {
    let (child, mut lines) = start(spec("cat", &[]));
    child.send("farewell".into()).await.unwrap();

    child.shutdown().await;

    assert_eq!(lines.next().await.unwrap(), "farewell");
}

#[tokio::test]
async fn a_server_that_stays_after_its_input_gets_sigterm() {
    let (child, mut lines) = sh("trap 'exit 9' TERM; echo $$; while :; do sleep 0.05; done");
    let pid = pids(&mut lines).await[0];

    let exit = child.shutdown().await.to_string();

    assert!(exit.starts_with("stopped; exited with status 9"), "{exit}");
    assert!(!exists(pid));
}

/// A server with a child, a daemon and an orphan; all four ignore SIGTERM and print their ids.
pub(super) const FAMILY: &str = "
import os, signal, time, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
read, write = os.pipe()

def fork(then):
    if os.fork() == 0:
        then()
        os.write(write, b'%d ' % os.getpid())
        time.sleep(1000)
        os._exit(0)

def orphan():
    if os.fork(): os._exit(0)

def daemon():
    os.setsid()
    if os.fork(): os._exit(0)

fork(lambda: None)
fork(orphan)
fork(daemon)
ids = b'%d ' % os.getpid()
while ids.count(b' ') < 4: ids += os.read(read, 100)
print(ids.decode(), flush=True)
";

#[tokio::test]
async fn a_family_that_ignores_sigterm_is_killed_to_the_last() {
    let (child, mut lines) = python(&format!("{FAMILY}\ntime.sleep(1000)"));
    let family = pids(&mut lines).await;
    let start = Instant::now();

    let exit = child.shutdown().await;

    assert_eq!(exit.to_string(), "stopped; exited with status 137 (SIGKILL)");
    assert!(start.elapsed() >= Duration::from_millis(300), "both graces passed");
    assert_eq!(family.len(), 4);
    assert!(!family.iter().any(|&pid| exists(pid)), "neither process nor zombie");
    assert!(!exists(child.pid()), "the keeper is reaped");
}

#[tokio::test]
async fn what_a_server_leaves_running_ends_with_it() {
    let (child, mut lines) = python(FAMILY);
    let family = pids(&mut lines).await;

    let exit = child.wait().await;

    assert!(exit.is_success(), "{exit}");
    assert!(!family.iter().any(|&pid| exists(pid)));
}

#[tokio::test]
async fn a_dropped_handle_stops_the_server_and_frees_its_slot() {
    let slots = Slots::new(1);
    let (child, mut lines) =
        Child::spawn(spec("sh", &["-c", "echo $$; cat"]), slots.take().unwrap()).unwrap();
    let pid = pids(&mut lines).await[0];
    assert_eq!(slots.live(), 1);

    let keeper = child.pid();
    drop(child);

    gone(pid).await;
    gone(keeper).await;
    while slots.live() > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_runtime_that_ends_takes_its_servers_along() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (child, family) = runtime.block_on(async {
        let (child, mut lines) = python(&format!("{FAMILY}\ntime.sleep(1000)"));
        let family = pids(&mut lines).await;
        (child, family)
    });

    drop(runtime);

    let wait = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    wait.block_on(async {
        for pid in family {
            gone(pid).await;
        }
        assert_eq!(child.wait().await.cause, Cause::Unobserved);
    });
}

#[tokio::test]
async fn orphans_are_reaped_while_the_server_lives() {
    let (child, mut lines) = sh("(sleep 0.01 & echo $!); cat");
    let orphan = pids(&mut lines).await[0];

    gone(orphan).await;

    assert!(child.exit().is_none());
}
