#!/bin/sh
# Compresses the corpus several times with each setting and writes one line for each repetition.
set -eu
export LC_ALL=C # a decimal point, not a comma

: "${VERSION:?is not set; collect sets it to the revision}"
levels="1 9"
repetitions=5
csv=/tmp/gzip-levels/repetitions.csv

bytes=$(wc -c <corpus.log)

# The revision stands in every line: files of several revisions can be put together and still be told apart.
# It may hold anything a branch name may, so it is quoted.
revision=\"$(printf %s "$VERSION" | sed 's/"/""/g')\"
echo "revision,level,repetition,seconds,mb_per_s,ratio" >"$csv"

# The warm-up brings gzip and the corpus into memory. It also looks at the output, which the repetitions throw away so
# that no disk is measured: for the same input and level, gzip writes the same bytes each time.
for level in $levels; do
    echo "warm-up: gzip -$level"
    gzip "-$level" --stdout corpus.log >"corpus.$level.gz"
    gzip --decompress --stdout "corpus.$level.gz" | cmp - corpus.log
done

# The settings take turns: should the machine become slower after a while, both of them suffer from it.
repetition=1
while [ "$repetition" -le "$repetitions" ]; do
    for level in $levels; do
        compressed=$(wc -c <"corpus.$level.gz")
        start=$(date +%s%N)
        gzip "-$level" --stdout corpus.log >/dev/null
        end=$(date +%s%N)
        figures=$(awk -v ns=$((end - start)) -v bytes="$bytes" -v compressed="$compressed" \
            'BEGIN { printf "%.4f,%.2f,%.4f", ns / 1e9, bytes * 1e3 / ns, bytes / compressed }')

        # Each line is written at once: a time-out costs the repetitions that did not run, not those that did.
        echo "$revision,$level,$repetition,$figures" >>"$csv"
        echo "gzip -$level, repetition $repetition of $repetitions (seconds, MB/s, ratio): $figures"
    done
    repetition=$((repetition + 1))
done
