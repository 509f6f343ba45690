#!/bin/sh
# Builds wordcount as it is at the revision, and makes the text that it counts.
set -eu
export LC_ALL=C

: "${COLLECTOR_SOURCE:?is not set; collect sets it to the checkout of the revision}"

# On a machine of its own this runs as root and installs a compiler, once. A rehearsal takes the compiler that there is.
if ! command -v cc >/dev/null; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "this example needs a C compiler: install gcc and the C library's headers" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --no-install-recommends gcc libc6-dev >/dev/null
fi
cc -O2 -o wordcount "$COLLECTOR_SOURCE/wordcount.c"

# Words of 3 to 12 letters, some of them far more frequent than others; the first of each line has a capital. The random
# numbers are made here, with a fixed seed, since each awk has a rand() of its own.
awk '
    function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }
    BEGIN {
        seed = 1
        letters = "etaoinshrdlucmfwypvbgkqjxz"
        for (word = 0; word < 20000; word++) {
            for (left = 3 + random(10); left > 0; left--)
                text[word] = text[word] substr(letters, 1 + random(26), 1)
        }
        for (line = 0; line < 80000; line++) {
            first = text[random(20000)]
            printf "%s%s", toupper(substr(first, 1, 1)), substr(first, 2)
            for (left = 11; left > 0; left--)
                printf " %s", text[random(5) ? random(200) : random(20000)]
            print "."
        }
    }' >part.txt

# Figures from different machines can only be compared when all of them counted the same words.
echo "3df5f7555e241568a5b9c0b471865540b84974038453fa3f31bacd01ac5772e0  part.txt" | sha256sum --check
cat part.txt part.txt part.txt part.txt part.txt part.txt part.txt part.txt >text.txt
rm part.txt
sync text.txt # on the disk now, so that writing it does not go on during the measurement
