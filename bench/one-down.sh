#!/usr/bin/env bash
# What a home that is down costs the others: the workload of t1.toml with all homes well, and with one of them down for the whole
# of the run, in turns. `refused` is a port on which nobody listens, `silent` a server that takes connections and says nothing.
#
# `bench/one-down.sh [ROUNDS]` wants the workload of README.md in $DOMICILE_BENCH_DIR, and its two servers running. The rows that
# the 24 others were delivered a second are counted from the start of the process to the last commit of any of them, by the log.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export DOMICILE_BENCH_DIR=${DOMICILE_BENCH_DIR:?names the folder of the workload}
DOMICILE=${DOMICILE:-$HERE/../target/release/domicile}
DST_PORT=${DST_PORT:-54311}
ROUNDS=${1:-3}
# Runs a command while nothing else runs, where there is a program for that.
QUIET=${QUIET:-}
DOWN=germany
WORK=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$WORK"' EXIT

python3 - "$WORK/port" <<'PYTHON' &
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
with open(sys.argv[1], "w") as file:
    file.write(str(listener.getsockname()[1]))
connections = []
while True:
    connections.append(listener.accept())
PYTHON
until [ -s "$WORK/port" ]; do sleep 0.1; done

psql_() { psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$DST_PORT" -U postgres -d "$1" "${@:2}"; }
reset() {
    local home
    # A first run waits for all homes, so that this is none: the control database is known, and has got nowhere.
    python3 - "$DOMICILE_BENCH_DIR/control-pg.sqlite" <<'PYTHON'
import sqlite3, sys
control = sqlite3.connect(sys.argv[1])
tables = {name for (name,) in control.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
for table in tables & {"domicile_position", "domicile_account", "domicile_quarantine", "domicile_end", "domicile_state"}:
    control.execute(f"DELETE FROM {table}")
control.commit()
PYTHON
    while read -r home; do
        psql_ "d_$home" -c "SET client_min_messages = error" -c "DROP SCHEMA public CASCADE" -c "CREATE SCHEMA public"
    done < <(cut -f1 "$DOMICILE_BENCH_DIR/nations.tsv")
    psql_ postgres -c CHECKPOINT
}

run() { # well|refused|silent
    local port=1 begin
    [ "$1" != silent ] || port=$(cat "$WORK/port")
    cp "$HERE/t1.toml" "$WORK/domicile.toml"
    if [ "$1" != well ]; then
        sed -i "s|^$DOWN .*|$DOWN = { keys = [\"DE\"], url = \"postgres://postgres@127.0.0.1:$port/d_$DOWN\" }|" "$WORK/domicile.toml"
    fi
    reset
    begin=$(date +%s.%N)
    $QUIET "$DOMICILE" run "$WORK/domicile.toml" --log json >"$WORK/out" 2>"$WORK/log" || [ "$1" != well ]
    python3 - "$1" "$begin" "$DOWN" "$WORK/log" <<'PYTHON'
import datetime, json, sys
fault, begin, down, log = sys.argv[1:]
rows, last = 0, 0.0
for line in open(log):
    event = json.loads(line)
    if event.get("message") == "committed" and event.get("home") not in (down, None):
        rows += event["delivered"]
        last = max(last, datetime.datetime.fromisoformat(event["timestamp"]).timestamp())
seconds = last - float(begin)
print(f"{fault:8} {rows} rows to the others in {seconds:.2f} s: {rows / seconds:.0f} a second")
PYTHON
}

rm -f "$DOMICILE_BENCH_DIR"/control-pg.sqlite*
run well >/dev/null
for _ in $(seq "$ROUNDS"); do
    for fault in well refused silent; do run "$fault"; done
done | tee "$WORK/all"
python3 - "$WORK/all" <<'PYTHON'
import statistics, sys
speed = {}
for line in open(sys.argv[1]):
    words = line.split()
    speed.setdefault(words[0], []).append(int(words[-3]))
well = statistics.median(speed["well"])
shares = {fault: statistics.median(speed[fault]) / well for fault in ("refused", "silent")}
for fault, share in shares.items():
    print(f"{fault}: {share:.3f} of the throughput without fault (at least 0.95)")
sys.exit(min(shares.values()) < 0.95)
PYTHON
