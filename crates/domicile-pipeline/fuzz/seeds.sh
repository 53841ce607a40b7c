#!/usr/bin/env bash
# Makes the seeds of the corpus anew, with what the server that psql connects to sends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/corpus/copy"

# seed NAME PIECE KINDS SQL: the bytes of a query's COPY behind those that say how it is read.
seed() {
    local name=$1 piece=$2 kinds=($3) sql=$4
    { printf "\\x$(printf %x "${#kinds[@]}")"
      for kind in "${kinds[@]}"; do printf "\\x$(printf %x "$kind")"; done
      printf "\\x$(printf %x "$piece")"
      psql --no-psqlrc --quiet --command "COPY ($sql) TO STDOUT (FORMAT binary)"; } > "$name"
}

seed integers 255 "0 1 0" "SELECT 1::int8, 2::int4, -3::int2 UNION ALL SELECT NULL, 0, 32767"
seed floats 7 "2 2 3" "SELECT 0.1::float8, 'NaN'::float4, true UNION ALL SELECT '-Infinity', 1e30, NULL"
seed decimals 255 "9 10 10" "SELECT 12.5::numeric, 1e28::numeric, 'NaN'::numeric UNION ALL SELECT -0.01, 1e-11, 1234567890123456789012345678.0123456789"
seed times 3 "5 6 7 8" "SELECT '2024-02-29'::date, '24:00'::time, 'infinity'::timestamp, '2024-02-29 12:00+02'::timestamptz UNION ALL SELECT '0044-03-15 BC', '12:30', '294276-12-31', NULL"
seed texts 255 "13 4 11 12" "SELECT 'ñ€😀', '\\x00ff'::bytea, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid::text, '{\"a\": [1, null]}'::json"
seed converted 255 "128 137 133 139" "SELECT '42', '12.50', '2024-02-29', 'none' UNION ALL SELECT 'x', '1e3', '2024-02-30', NULL"
seed empty 1 "" "SELECT"
