//! The address of a database server that is sent records and a password.

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Whether records may go to this address.
///
/// # Errors
/// What is wrong and the way out; never the address, which holds the password.
pub(super) fn check(url: &str) -> Result<(), &'static str> {
    match url.parse() {
        Err(_) => Err("expected postgres://USER:PASSWORD@HOST/DATABASE"),
        Ok(options) if is_downgradable(&options) => Err(
            "the password and the records would go over the network in whatever way the server \
             likes (add ?sslmode=verify-full, or sslmode=disable if you mean it)",
        ),
        Ok(_) => Ok(()),
    }
}

/// Whether whoever sits on the network decides on the encryption.
fn is_downgradable(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_here = options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback());
    let mode = options.get_ssl_mode();
    !is_here && matches!(mode, PgSslMode::Prefer | PgSslMode::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_travel_in_a_way_that_others_choose() {
        for url in [
            "postgres://u:p@localhost/d",
            "postgres://u:p@127.0.0.1/d",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres://u:p@db.example.com/d?sslmode=verify-full",
            "postgres://u:p@db.example.com/d?sslmode=disable",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "postgres://u:p4ss@db.example.com/d",
            "postgres://u:p4ss@db.example.com/d?sslmode=prefer",
            "postgres://u:p4ss@10.0.0.1/d?sslmode=never",
            "db.example.com",
        ] {
            assert!(!check(url).unwrap_err().contains("p4ss"), "{url}");
        }
    }
}
