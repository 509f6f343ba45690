#!/bin/sh
# Counts the words of the text, time and again, and writes one line for each repetition: name, value, unit.
set -eu
export LC_ALL=C # a decimal point, not a comma

repetitions=10

# The warm-up brings the program and the text into memory.
./wordcount <text.txt
: >timings.txt
repetition=1
while [ "$repetition" -le "$repetitions" ]; do
    start=$(date +%s%N)
    ./wordcount <text.txt >/dev/null
    end=$(date +%s%N)
    # Each line is written at once: a time-out costs the repetitions that did not run, not those that did.
    awk -v ns=$((end - start)) 'BEGIN { printf "wordcount: %.4f s\n", ns / 1e9 }' >>timings.txt
    repetition=$((repetition + 1))
done
cat timings.txt
