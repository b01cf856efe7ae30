//! PostgreSQL does what memory does.

use std::sync::Arc;
use std::time::Duration;

use toolgate_gateway::store::{Backend, Name, conformance};
use toolgate_stores::postgres::Postgres;

use crate::support::{
    PostgresServer, are_those_of_memory, bucket, going_on, is_used_again, place, take_what_there_is,
};

fn open(server: &PostgresServer) -> Arc<Postgres> {
    Postgres::open(&place(server.url(), Duration::from_secs(10))).unwrap()
}

#[tokio::test]
async fn postgres_is_a_store() {
    let server = PostgresServer::start();
    let store = open(&server);
    let go_on = going_on(|now| store.stop_clock(now));

    conformance::run(&*store, &go_on).await;
}

#[tokio::test]
async fn buckets_in_postgres_are_those_of_memory() {
    let server = PostgresServer::start();
    let store = open(&server);

    are_those_of_memory(store.clone(), 15, move |now| store.stop_clock(now)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_from_many_connections_take_what_there_is() {
    let server = PostgresServer::start();
    // All of them make the tables.
    let stores = (0..6).map(|_| open(&server) as Arc<dyn Backend>);

    take_what_there_is(stores.collect(), 30).await;
}

#[tokio::test]
async fn what_is_over_is_forgotten_and_no_name_of_anybody_is_there() {
    let server = PostgresServer::start();
    let store = open(&server);
    store.take(&[bucket("ada@example.com", "6000/m"), bucket("b", "1000/s")], 1).await.unwrap();
    store.once(Name::of("once", &["ada@example.com"]), Duration::from_millis(1)).await.unwrap();
    store.once(Name::of("once", &["bob"]), Duration::from_secs(60)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;

    server.sql("SELECT toolgate_prune_1()");

    let count = |table: &str| server.sql(&format!("SELECT count(*) FROM {table}"));
    assert_eq!((count("toolgate_bucket").trim(), count("toolgate_once").trim()), ("0", "1"));
    let dump = server.sql("SELECT name::text FROM toolgate_once");
    assert!(!dump.contains("bob"), "{dump}");
}

#[tokio::test]
async fn a_store_that_comes_back_is_used_again() {
    let mut server = PostgresServer::start();
    let store = open(&server);
    let one = [bucket("one", "900/h")];
    store.take(&one, 1).await.unwrap();

    server.end();
    assert!(store.take(&one, 1).await.is_err());
    server.begin();

    is_used_again(&*store, &one).await;
}
