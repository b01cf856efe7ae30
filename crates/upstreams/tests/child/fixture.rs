//! A gateway with one server, for the tests to kill: runs its arguments and prints the lines.

use std::{error::Error, io::Write as _};

use tokio::runtime::{Builder, Handle};
use toolgate_upstreams::child::{Child, Lines, Slots, Spec, keeper};

fn main() -> Result<(), Box<dyn Error>> {
    keeper::serve_if_asked();
    Builder::new_current_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let runtime = Handle::current();
    // The thread that forks ends at once, as a worker of a runtime may.
    let start = std::thread::spawn(move || {
        let _inside = runtime.enter();
        start().map_err(|error| error.to_string())
    });
    let (child, mut lines) = start.join().map_err(|_| "the starting thread panicked")??;

    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", child.pid())?;
    while let Some(line) = lines.next().await {
        stdout.write_all(&line)?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
    }
    Ok(())
}

fn start() -> Result<(Child, Lines), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let program = args.next().ok_or("usage: child-fixture PROGRAM [ARG]...")?;
    let spec = Spec { args: args.collect(), ..Spec::new("fixture", program) };
    Ok(Child::spawn(spec, Slots::new(1).take()?)?)
}
