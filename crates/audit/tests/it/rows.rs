//! The chain in databases: the same promises as in files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Postgres, intent};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use toolgate_audit::{
    Archive, Audit, Books, FileRules, Filter, Fsync, Outcome, PostgresRules, Refused, Report,
    SqliteRules, Status,
};
use toolgate_values::Secret;

fn sqlite(folder: &Path) -> Audit {
    let path = folder.join("audit.sqlite");
    Audit { sqlite: Some(SqliteRules { path, fsync: Fsync::default() }), ..Audit::default() }
}

fn postgres(server: &Postgres) -> Audit {
    let rules = PostgresRules::at(Secret::new(server.url()));
    Audit { postgres: Some(rules), patience: "5s".parse().unwrap(), ..Audit::default() }
}

fn books(audit: &Audit) -> Books {
    Books::open(&audit.compile().unwrap(), None, |_| unreachable!()).unwrap()
}

fn archive(audit: &Audit) -> Archive {
    match (&audit.sqlite, &audit.postgres) {
        (Some(rules), _) => Archive::sqlite(&rules.path).unwrap(),
        (_, Some(rules)) => Archive::postgres(rules).unwrap(),
        _ => panic!("no table"),
    }
}

/// Reading blocks, as commands do.
async fn verified(audit: &Audit) -> Report {
    let audit = audit.clone();
    tokio::task::spawn_blocking(move || archive(&audit).verify(audit.key.as_ref()).unwrap())
        .await
        .unwrap()
}

async fn ends(audit: &Audit) -> Vec<Option<Status>> {
    let audit = audit.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let entries = archive(&audit).query(Filter::default());
        entries.map(|entry| entry.unwrap().end.map(|end| end.outcome)).collect()
    });
    reading.await.unwrap()
}

/// A granted intent, however often it takes until the database is there again.
async fn granted(books: &Books, tool: &str) {
    let began = Instant::now();
    loop {
        match books.reserve(intent(tool)).await {
            Ok(tickets) => return tickets.finish(Outcome::new(Status::Ok)),
            Err(refused) if began.elapsed() > Duration::from_secs(20) => panic!("{refused}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn refused(books: &Books) -> Refused {
    books.reserve(intent("t")).await.err().unwrap()
}

async fn a_run_that_is_cut_off_and_another(audit: &Audit) {
    let first = books(audit);
    for n in 0..50 {
        let tickets = first.reserve(intent(&format!("t{n}"))).await.unwrap();
        tickets.finish(Outcome::new(Status::Ok));
    }
    let open = first.reserve(intent("open")).await.unwrap();
    first.record(&intent("early"), &Outcome::new(Status::Refused).because("invalid"));
    assert!(first.close().await);
    drop((open, first));

    let second = books(audit);
    second.reserve(intent("later")).await.unwrap().finish(Outcome::new(Status::Failed));
    assert!(second.close().await);
}

async fn is_whole(audit: &Audit) {
    let report = verified(audit).await;
    assert!(report.is_sound() && report.ended, "{:?}", report.defects);
    assert_eq!((report.intents, report.events, report.open.len()), (52, 1, 0));
    let ends = ends(audit).await;
    let count = |status| ends.iter().filter(|end| **end == Some(status)).count();
    assert_eq!((ends.len(), count(Status::Ok), count(Status::Unknown)), (53, 50, 1));
}

#[tokio::test]
async fn a_database_file_holds_the_chain_across_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    for fsync in ["always", "1s", "never"] {
        let mut audit = sqlite(folder.path());
        let rules = audit.sqlite.as_mut().unwrap();
        (rules.path, rules.fsync) = (folder.path().join(fsync), fsync.parse().unwrap());

        a_run_that_is_cut_off_and_another(&audit).await;

        is_whole(&audit).await;
    }
}

#[tokio::test]
async fn a_database_file_is_for_one_process_and_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let audit = sqlite(folder.path());
    let _first = books(&audit);

    let second = Books::open(&audit.compile().unwrap(), None, |_| unreachable!()).err().unwrap();

    assert!(second.to_string().contains("audit.sqlite is in use by another process"), "{second}");
    let mode = std::fs::metadata(folder.path().join("audit.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

async fn change(path: &Path, sql: &str) {
    let url = format!("sqlite://{}", path.display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let changed = database.execute(AssertSqlSafe(sql)).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql}");
    database.close().await.unwrap();
}

/// Case L4, in rows.
#[tokio::test]
async fn what_is_changed_in_rows_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let audit = sqlite(folder.path());
    a_run_that_is_cut_off_and_another(&audit).await;
    let path: PathBuf = folder.path().join("audit.sqlite");
    let whole = std::fs::read(&path).unwrap();

    for (sql, told) in [
        (
            "UPDATE toolgate_audit SET line = replace(line, '\"t3\"', '\"t4\"') WHERE kind = 'intent'",
            "the line was changed",
        ),
        ("DELETE FROM toolgate_audit WHERE seq = 20", "lines 20 to 20 are missing"),
        ("DELETE FROM toolgate_audit WHERE seq <= 20", "the beginning is missing"),
        ("DELETE FROM toolgate_audit WHERE seq > 90", "are missing at the end"),
        ("UPDATE toolgate_audit SET seq = 100000 WHERE seq = 20", "not that of its row"),
        (
            "UPDATE toolgate_audit SET seq = -seq WHERE seq IN (20, 21);
             UPDATE toolgate_audit SET seq = 41 + seq WHERE seq < 0",
            "not that of its row",
        ),
        ("DELETE FROM toolgate_audit_head", "a cut end would not be noticed"),
        (
            "UPDATE toolgate_audit_head SET head = replace(head, '\"head\":', '\"head\":1')",
            "it was changed",
        ),
    ] {
        change(&path, sql).await;
        let report = verified(&audit).await;
        let found = report.defects.iter().any(|defect| defect.text.contains(told));
        assert!(found, "{sql}: {:?}", report.defects);
        std::fs::write(&path, &whole).unwrap();
    }
    is_whole(&audit).await;
}

#[tokio::test]
async fn a_database_server_holds_the_chain_across_a_crash() {
    let server = Postgres::start();
    let audit = postgres(&server);

    a_run_that_is_cut_off_and_another(&audit).await;

    is_whole(&audit).await;
}

/// Whether a batch was stored before its connection broke cannot be told: it is stored once.
#[tokio::test]
async fn connections_that_break_lose_no_record_and_double_none() {
    let server = Postgres::start();
    let audit = postgres(&server);
    let books = books(&audit);
    let mut count = 0;

    for _ in 0..10 {
        let breaking = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            server.disconnect();
        };
        let calling = async {
            for _ in 0..20 {
                granted(&books, "t").await;
            }
        };
        tokio::join!(calling, breaking);
        count += 20;
    }

    assert!(books.close().await);
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
    let ends = ends(&audit).await;
    assert_eq!(ends.iter().filter(|end| **end == Some(Status::Ok)).count(), count);
    // What was refused in between either is there, with that as its end, or is counted.
    let refused = ends.iter().filter(|end| **end == Some(Status::Refused)).count();
    assert_eq!(ends.len(), count + refused);
}

#[tokio::test]
async fn what_ends_last_is_recorded_though_the_connection_broke() {
    let server = Postgres::start();
    let audit = postgres(&server);
    let books = books(&audit);
    let last = books.reserve(intent("t")).await.unwrap();

    server.disconnect();
    last.finish(Outcome::new(Status::Ok));

    assert!(books.close().await);
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
}

#[tokio::test]
async fn whoever_ends_is_told_that_the_last_records_are_not_written() {
    let mut server = Postgres::start();
    let mut audit = postgres(&server);
    audit.patience = "300ms".parse().unwrap();
    let books = books(&audit);
    let last = books.reserve(intent("t")).await.unwrap();

    server.end();
    last.finish(Outcome::new(Status::Ok));

    assert!(!books.close().await);
}

#[tokio::test]
async fn nothing_goes_on_while_the_server_is_away() {
    let mut server = Postgres::start();
    let mut audit = postgres(&server);
    audit.patience = "1s".parse().unwrap();
    let books = books(&audit);
    granted(&books, "before").await;

    server.end();
    for _ in 0..3 {
        assert!(books.reserve(intent("t")).await.is_err());
        assert!(!books.health().is_good());
    }
    server.begin();
    granted(&books, "after").await;

    assert!(books.health().is_good() && books.close().await);
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_server_that_comes_later_is_found() {
    let mut server = Postgres::start();
    server.end();
    let books = books(&postgres(&server));
    assert_eq!(refused(&books).await, Refused::Failing);

    server.begin();

    granted(&books, "t").await;
}

/// Case L3, of a database: the wait of one record is no other's.
#[tokio::test]
async fn a_server_that_does_not_answer_refuses_in_time_and_holds_nobody_up() {
    let server = Postgres::start();
    let mut audit = postgres(&server);
    audit.patience = "1s".parse().unwrap();
    let books = books(&audit);
    granted(&books, "before").await;
    let mut locking = server.sql_meanwhile(
        "BEGIN; LOCK TABLE toolgate_audit IN EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT",
    );
    while server.sql("SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'toolgate_audit'::regclass") == "0\n" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let began = Instant::now();
    let (first, _) = tokio::join!(refused(&books), async {
        // This thread, which is the only one of the runtime, goes on meanwhile.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(began.elapsed() < Duration::from_millis(900));
    });
    assert_eq!(first, Refused::Late);
    // The writer began a little later than the first waited.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = Instant::now();
    assert_eq!(refused(&books).await, Refused::Late);
    // Whoever comes later is refused at once.
    assert!(second.elapsed() < Duration::from_millis(900));
    granted(&books, "after").await;

    assert!(locking.wait().unwrap().success() && books.close().await);
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
}

#[tokio::test]
async fn several_gateways_share_a_server_each_with_a_chain_of_its_own() {
    let server = Postgres::start();
    let chain = |name: &str| {
        let mut audit = postgres(&server);
        audit.postgres.as_mut().unwrap().chain = name.to_owned();
        audit
    };
    let (one, two) = (chain("one"), chain("two"));
    let (first, second) = (books(&one), books(&two));

    for n in 0..20 {
        let tool = format!("t{n}");
        tokio::join!(granted(&first, &tool), granted(&second, &tool));
    }
    let third = books(&one);
    assert_eq!(refused(&third).await, Refused::Failing);
    let trouble = third.health().trouble.unwrap();
    assert!(trouble.contains("the chain one is in use by another process"), "{trouble}");
    // It takes over when the first is done.
    assert!(first.close().await);
    granted(&third, "t").await;
    assert!(second.close().await && third.close().await);

    for (audit, calls) in [(&one, 21), (&two, 20)] {
        let report = verified(audit).await;
        assert!(report.is_sound() && report.intents == calls, "{report:?}");
    }
    // A chain that stands in for another is not the other.
    server.sql(
        "DELETE FROM toolgate_audit WHERE chain = 'two';
         DELETE FROM toolgate_audit_head WHERE chain = 'two';
         UPDATE toolgate_audit SET chain = 'two' WHERE chain = 'one';
         UPDATE toolgate_audit_head SET chain = 'two' WHERE chain = 'one'",
    );
    let report = verified(&two).await;
    assert_eq!(report.defects[0].text, "this is the header of another chain");
}

#[tokio::test]
async fn a_role_that_may_only_add_rows_is_enough() {
    let server = Postgres::start();
    let mut audit = postgres(&server);
    let first = books(&audit);
    granted(&first, "t").await;
    assert!(first.close().await);
    server.sql(
        "CREATE ROLE writer LOGIN;
         GRANT SELECT, INSERT ON toolgate_audit, toolgate_audit_head TO writer;
         GRANT UPDATE ON toolgate_audit_head TO writer",
    );
    audit.postgres.as_mut().unwrap().url = Secret::new(server.url().replace("audit@", "writer@"));

    let second = books(&audit);
    granted(&second, "t").await;

    assert!(second.close().await);
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.intents == 2, "{report:?}");
}

#[tokio::test]
async fn a_call_goes_on_only_if_every_place_has_its_intent() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = sqlite(folder.path());
    audit.file = Some(FileRules::of("/dev/full"));
    let books = books(&audit);

    assert!(books.reserve(intent("t")).await.is_err());
    assert!(!books.health().is_good());

    books.close().await;
    let report = verified(&audit).await;
    assert!(report.is_sound() && report.open.is_empty(), "{report:?}");
}
