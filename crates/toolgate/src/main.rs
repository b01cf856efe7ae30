//! The `toolgate` command.

use std::process::ExitCode;

/// Many short-lived buffers of a few hundred bytes on two threads: what this allocator is for.
/// Without huge pages (its feature `no_thp`): they would double what an idle process holds, for
/// one hundredth of a call's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    toolgate::Gateway::builder().run()
}
