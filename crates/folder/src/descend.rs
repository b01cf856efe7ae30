//! Into a folder name by name, never through a link: what a name meant a moment ago does not matter.

use std::io;

use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

/// The folder to which these names lead, one in the other. With a mode, folders that are missing are
/// made with it.
///
/// # Errors
/// `NotFound`, `NotADirectory` for a link as well; or what the system says.
pub(crate) fn descend<'a>(
    root: &Dir,
    names: impl Iterator<Item = &'a str>,
    make: Option<Mode>,
) -> io::Result<Dir> {
    let mut folder = root.try_clone()?;
    for name in names {
        if let Some(mode) = make {
            match mkdirat(&folder, name, mode) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = Dir::from_std_file(openat(&folder, name, flags, Mode::empty())?.into());
    }
    Ok(folder)
}
