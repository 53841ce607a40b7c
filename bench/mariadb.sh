#!/usr/bin/env bash
# The workload of README.md from MariaDB: to 25 MariaDB homes, to a mixture with PostgreSQL, and what the servers' own tools
# need for one table. `bench/mariadb.sh all` does everything, from making the servers to removing them.
#
# It works in $DOMICILE_BENCH_DIR/mariadb, and wants sales.csv and nations.tsv of the workload in $DOMICILE_BENCH_DIR.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export DOMICILE_BENCH_DIR=${DOMICILE_BENCH_DIR:?names the folder with sales.csv and nations.tsv}
DOMICILE=${DOMICILE:-$HERE/../target/release/domicile}
export MARIADB_SOURCE_PORT=${MARIADB_SOURCE_PORT:-54320} MARIADB_HOMES_PORT=${MARIADB_HOMES_PORT:-54321}
export POSTGRES_HOMES_PORT=${POSTGRES_HOMES_PORT:-54322}
RUNS=${RUNS:-3}
# Runs a command while nothing else runs, where there is a program for that.
QUIET=${QUIET:-}
WORK=$DOMICILE_BENCH_DIR/mariadb
POSTGRES=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
# The homes of the mixture that are databases of PostgreSQL: the last twelve.
FIRST_POSTGRES=14

SALES='sales (id bigint AUTO_INCREMENT PRIMARY KEY, country varchar(25) NOT NULL, customer_id bigint,
    sold_at datetime(6) NOT NULL, status varchar(1), priority varchar(15), amount decimal(12,2), comment varchar(79))
    DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin'
DAILY='daily_sales (day date, status varchar(1), orders bigint, revenue decimal(18,2), largest decimal(12,2),
    PRIMARY KEY (day, status)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin'
PG_SALES='sales (id bigint PRIMARY KEY, country text NOT NULL, customer_id bigint, sold_at timestamp NOT NULL,
    status text, priority text, amount numeric(12,2), comment text)'
PG_DAILY='daily_sales (day date, status text, orders bigint, revenue numeric(18,2), largest numeric(12,2),
    PRIMARY KEY (day, status))'

# Servers refuse to be run by root. Not every package makes a user for MariaDB.
as_user() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid="$1" --regid="$(id -g "$1")" --clear-groups -- "${@:2}"; else "${@:2}"; fi
}
MYSQL=$(id -un mysql 2>/dev/null || echo nobody)
port() { if [ "$1" = source ]; then echo "$MARIADB_SOURCE_PORT"; else echo "$MARIADB_HOMES_PORT"; fi; }
client() { # source|homes database
    local port
    port=$(port "$1")
    mariadb --no-defaults --host=127.0.0.1 --port="$port" --user=bench --skip-ssl --local-infile=1 \
        --default-character-set=utf8mb4 --batch --skip-column-names "${@:2}"
}
postgres() { # database
    psql -X -q -At -F $'\t' -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$POSTGRES_HOMES_PORT" -U postgres -d "$1" "${@:2}"
}
homes() { cut -f1 "$DOMICILE_BENCH_DIR/nations.tsv"; }

start_mariadb() { # source|homes
    local data=$WORK/$1 options=(--no-defaults --datadir="$WORK/$1" --skip-name-resolve)
    if [ ! -d "$data/mysql" ]; then
        mkdir -p "$data"
        [ "$(id -u)" != 0 ] || chown "$MYSQL" "$data"
        as_user "$MYSQL" mariadb-install-db "${options[@]}" --skip-test-db >/dev/null
        printf "%s;\n" "FLUSH PRIVILEGES" "CREATE USER bench@'%'" "GRANT ALL ON *.* TO bench@'%'" |
            as_user "$MYSQL" mariadbd "${options[@]}" --bootstrap 2>/dev/null
    fi
    # In the background without a function around it, so that its number is the server's own.
    local account=()
    [ "$(id -u)" != 0 ] || account=(setpriv --reuid="$MYSQL" --regid="$(id -g "$MYSQL")" --clear-groups --)
    "${account[@]}" mariadbd "${options[@]}" --bind-address=127.0.0.1 --port="$(port "$1")" --socket="$data/socket" \
        --innodb-buffer-pool-size=1G --innodb-log-file-size=1G --max-connections=300 --local-infile=1 \
        --performance-schema=ON --performance-schema-instrument='wait/lock/metadata/sql/mdl=ON' \
        >"$data.log" 2>&1 &
    echo $! >"$data.pid"
    local tries=0
    until client "$1" -e 'SELECT 1' >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { tail "$data.log" >&2; exit 1; }
        sleep 0.1
    done
}
start_postgres() {
    local data=$WORK/postgres
    if [ ! -s "$data/PG_VERSION" ]; then
        mkdir -p "$data"
        [ "$(id -u)" != 0 ] || chown postgres "$data"
        as_user postgres "$POSTGRES/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C >/dev/null
    fi
    as_user postgres "$POSTGRES/pg_ctl" -D "$data" -w -l "$data/log.txt" start -o "-p $POSTGRES_HOMES_PORT \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300 -c shared_buffers=1GB \
        -c max_wal_size=8GB -c autovacuum=off" >/dev/null
}
start() {
    chmod a+x "$DOMICILE_BENCH_DIR"
    mkdir -p "$WORK"
    start_mariadb source
    start_mariadb homes
    start_postgres
}
stop() {
    local server
    for server in source homes; do
        [ ! -s "$WORK/$server.pid" ] || kill "$(cat "$WORK/$server.pid")" 2>/dev/null || true
        while [ -s "$WORK/$server.pid" ] && kill -0 "$(cat "$WORK/$server.pid")" 2>/dev/null; do sleep 0.1; done
        rm -f "$WORK/$server.pid"
    done
    [ ! -s "$WORK/postgres/postmaster.pid" ] ||
        as_user postgres "$POSTGRES/pg_ctl" -D "$WORK/postgres" -m fast -w stop >/dev/null
}
load() {
    client source -e "CREATE DATABASE IF NOT EXISTS source"
    client source source -e "DROP TABLE IF EXISTS sales; CREATE TABLE $SALES;
        LOAD DATA LOCAL INFILE '$DOMICILE_BENCH_DIR/sales.csv' INTO TABLE sales
        FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES; CREATE INDEX by_country ON sales (country); ANALYZE TABLE sales" >/dev/null
}
reset() { # empty homes, with their tables
    local home
    rm -f "$WORK"/control-*
    for home in $(homes) limit; do
        client homes -e "DROP DATABASE IF EXISTS d_$home; CREATE DATABASE d_$home"
        client homes "d_$home" -e "CREATE TABLE $SALES; CREATE TABLE $DAILY"
        postgres postgres -c "DROP DATABASE IF EXISTS d_$home WITH (FORCE)" -c "CREATE DATABASE d_$home" 2>/dev/null
        postgres "d_$home" -c "CREATE TABLE $PG_SALES" -c "CREATE TABLE $PG_DAILY"
    done
    postgres postgres -c CHECKPOINT
}

# What must be equal on both sides: rows, and a sum over the contents of each.
TEXT="concat_ws('|', id, country, customer_id, date_format(sold_at, '%Y-%m-%d %H:%i:%s'), status, priority, amount, comment)"
PG_TEXT="concat_ws('|', id, country, customer_id, to_char(sold_at, 'YYYY-MM-DD HH24:MI:SS'), status, priority, amount, comment)"
DAY="concat_ws('|', day, status, orders, revenue, largest)"
hash() { echo "coalesce(sum(CAST(conv(substr(md5($1), 1, 8), 16, 10) AS UNSIGNED)), 0)"; }
pg_hash() { echo "coalesce(sum(('x' || substr(md5($1), 1, 8))::bit(32)::bigint), 0)"; }
check() { # mariadb|mixed
    local bad=0 number=0 home country want got
    while IFS=$'\t' read -r home country; do
        number=$((number + 1))
        want=$(client source source -e "SELECT count(*), sum(amount), $(hash "$TEXT") FROM sales WHERE country = '$country';
            SELECT count(*), $(hash "$DAY") FROM (SELECT date(sold_at) AS day, status, count(*) AS orders,
                sum(amount) AS revenue, max(amount) AS largest FROM sales WHERE country = '$country' GROUP BY 1, 2) AS days")
        if [ "$1" = mixed ] && [ $number -ge $FIRST_POSTGRES ]; then
            got=$(postgres "d_$home" -c "SELECT count(*), sum(amount), $(pg_hash "$PG_TEXT") FROM sales" \
                -c "SELECT count(*), $(pg_hash "$DAY") FROM daily_sales")
        else
            got=$(client homes "d_$home" -e "SELECT count(*), sum(amount), $(hash "$TEXT") FROM sales;
                SELECT count(*), $(hash "$DAY") FROM daily_sales")
        fi
        if [ "$want" != "$got" ]; then
            bad=$((bad + 1))
            printf '%s differs\n  want %s\n  got  %s\n' "$home" "${want//$'\n'/ }" "${got//$'\n'/ }"
        fi
    done <"$DOMICILE_BENCH_DIR/nations.tsv"
    echo "check $1: $number homes, $bad differ"
    [ "$bad" = 0 ]
}

measured() { # name command…: seconds, rows a second and peak memory
    local name=$1 rows
    shift
    rows=$(client source source -e 'SELECT count(*) FROM sales')
    $QUIET /usr/bin/time -v -o "$WORK/time" "$@" >"$WORK/output" 2>&1 || { cat "$WORK/output" >&2; return 1; }
    awk -v name="$name" -v rows="$rows" '
        /Elapsed/ { n = split($NF, part, ":"); for (i = 1; i <= n; i++) seconds = seconds * 60 + part[i] }
        /Maximum resident/ { memory = $NF / 1024 }
        END { printf "%-14s %6.2f s  %9.0f rows/s  %5.0f MiB\n", name, seconds, rows / seconds, memory }' "$WORK/time"
}
run() { # mariadb|mixed
    reset
    measured "domicile $1" "$DOMICILE" run "$HERE/$1.toml"
    check "$1"
}
# One table by the server's own tools, without routing and without sums.
copy() {
    mariadb-dump --no-defaults --host=127.0.0.1 --port="$MARIADB_SOURCE_PORT" --user=bench --skip-ssl \
        --single-transaction --quick --no-create-info source sales | client homes d_limit
}
dump() {
    mariadb-dump --no-defaults --host=127.0.0.1 --port="$MARIADB_SOURCE_PORT" --user=bench --skip-ssl \
        --single-transaction --quick source sales >/dev/null
}
limits() {
    reset
    measured "dump" "$BASH" "${BASH_SOURCE[0]}" dump
    measured "dump | client" "$BASH" "${BASH_SOURCE[0]}" copy
}

case "${1:-}" in
    start | stop | load | reset | copy | dump | limits) "$1" ;;
    run | check) "$1" "${2:-mariadb}" ;;
    all)
        trap stop EXIT
        start
        load
        for _ in $(seq "$RUNS"); do limits; run mariadb; run mixed; done
        ;;
    destroy) stop; rm -rf "$WORK" ;;
    *) echo "usage: bench/mariadb.sh all | start | load | limits | run mariadb|mixed | check mariadb|mixed | stop | destroy" >&2; exit 2 ;;
esac
