//! Who calls, proved by a key, a token or a certificate; and who we are to the servers.
