#!/bin/sh
# Prepares what measure.sh needs: an empty directory for the results, and the corpus.
#
# An example for software of your own would fetch and build it here, at the revision that is to be measured:
#     git clone https://example.org/software.git && cd software && git checkout "$VERSION" && make
set -eu
export LC_ALL=C # awk's length() counts bytes, everywhere

: "${VERSION:?is not set; collect sets it to the revision}"
results=/tmp/gzip-levels # config.yml collects from here

# What an earlier rehearsal on this machine left must not be collected as if it were new.
if ! { rm -rf "$results" && mkdir "$results"; }; then
    echo "cannot empty $results, it belongs to user $(stat -c %U "$results"): have it removed, then try again" >&2
    exit 1
fi

# Log lines, because they compress like much of what gzip is used for. The random numbers are made here, with a fixed
# seed, since each awk has a rand() of its own. The corpus goes to the home directory, which is the current one.
echo "making the corpus"
awk '
    function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }
    BEGIN {
        seed = 1
        methods = split("GET GET GET POST PUT DELETE", method, " ")
        paths = split("/ /login /api/items /api/users /static/app.js /health", path, " ")
        statuses = split("200 200 200 304 404 500", status, " ")
        while (bytes < 32 * 1024 * 1024) {
            time += random(3)
            line = sprintf("2024-01-%02dT%02d:%02d:%02dZ 10.%d.%d.%d %s %s?id=%d %d %d %d.%03dms",
                1 + time / 86400, time / 3600 % 24, time / 60 % 60, time % 60,
                random(4), random(256), random(256),
                method[1 + random(methods)], path[1 + random(paths)], random(100000),
                status[1 + random(statuses)], random(50000), random(900), random(1000))
            print line
            bytes += length(line) + 1
        }
    }' >corpus.log

# Figures from different machines can only be compared when all of them compressed the same bytes.
echo "ca3263ed9eb2df62f9bc64e5c5fb10cec35a82b8d916d456ebd34c2ed9778965  corpus.log" | sha256sum --check

# On the disk now, so that writing it does not go on during the measurement.
sync corpus.log
