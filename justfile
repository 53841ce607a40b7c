# List the recipes.
default:
    @just --list

# Make a source of mixed, dirty orders and sync it to 25 homes; again: sync new orders.
demo dir="target/demo" *options:
    cargo run --release --locked -- demo {{ dir }} {{ options }}

# Run all tests.
test:
    ./test

# Lead runs through random histories of faults for so many seconds, beginning with a seed; it says what happened how often.
oracle seconds="3600" seed="":
    DOMICILE_ORACLE_SECONDS={{ seconds }} {{ if seed == "" { "" } else { "DOMICILE_ORACLE_SEED=" + seed } }} \
        cargo test -p domicile-cli --locked --test oracle -- whatever_happens --nocapture

# Run the tests of the library `domicile` under Miri, which tells of undefined behaviour; half an hour, with no filter.
miri *filter:
    MIRIFLAGS=-Zmiri-disable-isolation PROPTEST_CASES=4 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 \
        cargo +nightly miri test -p domicile --lib --tests -- {{ filter }}

# Check the format and the lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation; a broken link is an error.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --locked

# Run all that has to pass.
check:
    .ci/run

# Sync the demonstration's orders from scratch three times, and time it. Scale 1 is 1.5 million orders.
bench scale="1":
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release --locked
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
    domicile=${CARGO_TARGET_DIR:-target}/release/domicile
    "$domicile" demo "$dir" --scale {{ scale }} >/dev/null
    for _ in 1 2 3; do
        rm -rf "$dir"/homes "$dir"/control.sqlite*
        # 3 means that there are records in quarantine, as there are in every demonstration.
        time "$domicile" run "$dir/domicile.toml" >/dev/null || [ $? = 3 ]
    done
