#!/bin/sh
# Ends the server and turns the figures of load.py into a table for a person. It runs after a time-out and a failure too.
set -eu

results=/tmp/http-server

if [ -s server.pid ]; then
    kill "$(cat server.pid)" 2>/dev/null || echo "the server was gone before it was ended" >&2
fi

if ! [ -s "$results/load.csv" ]; then
    echo "load.py did not get as far as its first figure" >&2
    exit 1
fi
{
    echo "revision $VERSION, $(python3 --version), $(nproc) CPUs"
    echo
    # The revision, which may hold commas, is cut off: the other columns are numbers.
    awk -F, '
        NR == 1 { print "clients  requests  failed  requests/s  median ms    p99 ms"; next }
        { printf "%7d  %8d  %6d  %10.1f  %9.3f  %8.3f\n", $(NF-5), $(NF-4), $(NF-3), $(NF-2), $(NF-1), $NF }' "$results/load.csv"
} >"$results/summary.txt"
cat "$results/summary.txt"
