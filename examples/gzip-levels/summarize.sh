#!/bin/sh
# Turns the lines of measure.sh into a table for a person. This runs before the results are collected, and after a
# time-out too: it must be content with fewer repetitions.
set -eu
export LC_ALL=C

: "${VERSION:?is not set; collect sets it to the revision}"
csv=/tmp/gzip-levels/repetitions.csv
summary=/tmp/gzip-levels/summary.txt

# Without the first column, which is text and may hold commas itself; sorted by level, then by time.
sed -e 1d -e 's/^".*",//' "$csv" | sort -t, -k1,1n -k3,3n >sorted.csv
if ! [ -s sorted.csv ]; then
    echo "$csv has no repetitions: measure.sh did not get that far" >&2
    exit 1
fi

{
    echo "revision $VERSION, $(gzip --version | head -n 1)"
    echo
    awk -F, '
        function finish(    median) {
            median = (seconds[int((n + 1) / 2)] + seconds[int(n / 2) + 1]) / 2
            printf "gzip -%d %6d %9.3f %9.3f %9.3f %7.1f%% %8.1f %7.3f\n",
                level, n, median, seconds[1], seconds[n], 100 * (seconds[n] - seconds[1]) / median,
                megabytes / median, ratio
            if (++settings == 1) { first = level; first_median = median; first_ratio = ratio }
            else comparison = comparison sprintf("gzip -%d takes %.2f times as long as gzip -%d, " \
                "and its output is %.1f%% smaller\n",
                level, median / first_median, first, 100 * (1 - first_ratio / ratio))
            n = 0
        }
        BEGIN { print "setting  count  median s     min s     max s   spread     MB/s   ratio" }
        $1 != level && n { finish() }
        { level = $1; seconds[++n] = $3; megabytes = $3 * $4; ratio = $5 }
        END { finish(); printf "\n%s", comparison }' sorted.csv
} >"$summary"
cat "$summary"

# A rehearsal should not leave the corpus behind in its home directory.
rm -f corpus.* sorted.csv
