//! A folder that is served: opened once as a capability, with one set of rules for what of it is
//! shown, for everybody who serves folders.
//!
//! # What is served
//!
//! Regular files below the root whose names are UTF-8 without control characters or backslashes.
//! Names that begin with a dot are not served unless somebody says so ([`Shown`]), neither listed nor
//! readable: that is where programs keep credentials (`.env`, `.git`, `.ssh`). A symbolic link is
//! followed as long as it leads to a place below the root that is served itself; folders behind links
//! are not walked, because links can form circles. Folders more than 32 levels deep are readable, but
//! not found by walking. A hard link is a file like any other.
//!
//! What is changed is changed where it is: a link is never written through, and a file is written
//! beside and renamed, so that no other name of it changes with it.
//!
//! # Why nothing else can be reached
//!
//! The root is opened once, as a capability ([`cap_std`]). Each access is resolved by the kernel
//! beneath that handle (`openat2` with `RESOLVE_BENEATH`, or component by component where that is
//! missing), so neither `..` nor a link that is swapped during the call leads out. The rules for
//! paths in [`Place`] make errors clear; they are not what holds the wall.

pub mod cursor;
mod descend;
mod home;
mod lock;
mod place;
mod shown;
mod source;
mod usage;
mod walk;
mod write;

pub use home::Home;
pub use lock::Lock;
pub use place::{LONGEST, Place};
pub use shown::Shown;
pub use source::{Content, Entry, Kind, Source};
pub use usage::Usage;
pub use walk::{Bounds, DEPTH, End, Listing, Walk};
pub use write::hindrance;
