//! Is a file still what it was when somebody read it?

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use toolgate_folder::Content;

/// Of larger files no version is told: all of them would have to be read for it.
pub(crate) const LARGEST: u64 = 64 << 20;

/// The version of these bytes: 128 bits of their SHA-256, in hexadecimal.
pub(crate) fn of(bytes: &[u8]) -> String {
    spelled(Sha256::new_with_prefix(bytes))
}

/// The version of a file, and its size; `None` if it is too large.
pub(crate) fn of_file(content: Content) -> io::Result<Option<(String, u64)>> {
    let mut hash = Sha256::new();
    let mut size = 0_u64;
    let mut bytes = content.bytes.take(LARGEST + 1);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match bytes.read(&mut buffer)? {
            0 => break,
            read => {
                hash.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
    Ok((size <= LARGEST).then(|| (spelled(hash), size)))
}

fn spelled(hash: Sha256) -> String {
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
