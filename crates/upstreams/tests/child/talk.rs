//! What goes in and out while a server runs.

use std::time::Duration;

use bytes::Bytes;
use toolgate_upstreams::child::{Cause, Gone};

use super::{python, sh, spec, start};

#[tokio::test]
async fn lines_go_in_and_come_back_in_order() {
    let (child, mut lines) = start(spec("cat", &[]));

    for n in 0..100 {
        child.send(format!("{{\n\"n\": {n}}}").into()).await.unwrap();
    }

    for n in 0..100 {
        assert_eq!(lines.next().await.unwrap(), format!("{{ \"n\": {n}}}"));
    }
    assert!(child.shutdown().await.status.unwrap().success());
}

#[tokio::test]
async fn garbage_is_handed_on_and_harms_nobody() {
    let (child, mut lines) = sh(r"printf '\n\n\377\000garbage\r\n   \n{\n{}\nhalf'");

    assert_eq!(lines.next().await.unwrap(), &b"\xff\0garbage"[..]);
    assert_eq!(lines.next().await.unwrap(), "{");
    assert_eq!(lines.next().await.unwrap(), "{}");
    assert_eq!(lines.next().await, None);
    assert_eq!(lines.next().await, None);
    assert!(child.wait().await.is_success());
}

/// It answers before it reads on, so both pipes are full most of the time.
const BLUNT_ECHO: &str = "
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line[:1] * 2_000_000 + b'\\n')
    sys.stdout.buffer.flush()
";

#[tokio::test]
async fn large_messages_in_both_directions_do_not_deadlock() {
    let (child, mut lines) = python(BLUNT_ECHO);
    let request = |n: u8| Bytes::from(vec![b'a' + n; 1_500_000]);

    let send = async {
        let (a, b, c, d) = tokio::join!(
            child.send(request(0)),
            child.send(request(1)),
            child.send(request(2)),
            child.send(request(3))
        );
        a.and(b).and(c).and(d)
    };
    let receive = async {
        for n in 0..4 {
            let line = lines.next().await.unwrap();
            assert_eq!((line.len(), line[0]), (2_000_000, b'a' + n));
        }
    };
    let both = async { tokio::join!(send, receive).0 };

    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_flood_of_stderr_does_not_hold_up_replies() {
    let (child, mut lines) = sh("yes flood | head -c 8M >&2 & read line; echo $line; wait");

    child.send("ping".into()).await.unwrap();

    let reply = tokio::time::timeout(Duration::from_secs(60), lines.next()).await.unwrap();
    assert_eq!(reply.unwrap(), "ping");
    assert_eq!(child.wait().await.stderr.len(), 20);
}

/// Case J27: a line that never ends.
#[tokio::test]
async fn a_gigabyte_without_a_newline_is_refused_in_bounded_memory() {
    let mut endless = spec("head", &["-c", "1G", "/dev/zero"]);
    endless.line_limit = 1 << 20;
    let (child, mut lines) = start(endless);

    let line = lines.next().await;
    let exit = child.wait().await;

    assert_eq!(line, None);
    assert_eq!(exit.cause, Cause::LineTooLong(1 << 20));
    assert_eq!(exit.to_string(), "printed a line longer than 1048576 bytes and was killed");
    assert!(peak_memory() < 200 << 20);
}

/// The most memory this process ever had, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_end_matches("kB").trim().parse::<usize>().unwrap() << 10
}

#[tokio::test]
async fn nothing_can_be_sent_to_a_server_that_has_ended() {
    let (child, _lines) = sh("exit 0");
    child.wait().await;

    assert_eq!(child.send("late".into()).await, Err(Gone));
}

#[tokio::test]
async fn a_server_sees_the_environment_it_was_given_and_no_more() {
    let mut spec = spec("/usr/bin/env", &[]);
    spec.inherit_env = vec!["PATH".into(), "NO_SUCH_VARIABLE".into()];
    spec.env = vec![("TOKEN".into(), "t0p secret".into())];
    let (_child, mut lines) = start(spec);

    let mut seen = Vec::new();
    while let Some(line) = lines.next().await {
        seen.push(String::from_utf8(line.to_vec()).unwrap());
    }

    let path = format!("PATH={}", std::env::var("PATH").unwrap());
    seen.sort();
    assert_eq!(seen, [path, "TOKEN=t0p secret".to_owned()]);
}

#[tokio::test]
async fn arguments_meet_no_shell() {
    let (_child, mut lines) = start(spec("printf", &["%s\n", "$HOME `id` ; exit", "*"]));

    assert_eq!(lines.next().await.unwrap(), "$HOME `id` ; exit");
    assert_eq!(lines.next().await.unwrap(), "*");
}

#[tokio::test]
async fn a_server_starts_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec("pwd", &["-P"]);
    spec.cwd = Some(folder.path().into());
    let (_child, mut lines) = start(spec);

    let real = folder.path().canonicalize().unwrap();
    assert_eq!(lines.next().await.unwrap(), real.to_str().unwrap());
}
