# The commands of a working day; `./test` is what CI runs.

default:
    @just --list

# Format, lint and test.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo nextest run --workspace

# Everything CI runs, with real clients and servers.
test:
    ./test

# The comparison with nginx and the bare upstream, as a table.
bench *ARGS:
    ./benches/run {{ARGS}}

# The gateway with its functions in the order in which they are needed: less memory, the same program.
layout *ARGS:
    ./benches/layout {{ARGS}}

# Licences, advisories and sources of every dependency.
deny:
    cargo deny check licenses bans sources
