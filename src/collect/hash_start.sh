# Prints the digest of the first $1 bytes of the file whose path stands on stdin, ended by a NUL, and the size that it has
# after they were read: a file of just that size needs no pipe to be cut off. openssl uses what the processor has for it,
# coreutils often do not.
exec xargs -0 sh -c '
    if command -v openssl > /dev/null; then hash="openssl dgst -sha256 -r"; else hash=sha256sum; fi
    if [ "$(stat -L -c %s -- "$1")" = "$0" ]; then
        $hash < "$1"
    else
        dd if="$1" bs=256K iflag=count_bytes,fullblock count="$0" status=none | $hash
    fi || exit
    stat -L -c %s -- "$1"' "$1"
