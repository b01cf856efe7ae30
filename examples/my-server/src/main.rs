//! The command: `serve`, `stdio`, `check`, `scan` and all others of Toolgate, with this server in it.

use std::process::ExitCode;

fn main() -> ExitCode {
    my_server::gateway().run()
}
