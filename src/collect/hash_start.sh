# Prints the digest of the first $1 bytes of the file whose path stands on stdin, ended by a NUL, and the size that it has
# after they were read: a file of just that size needs no pipe to be cut off. openssl uses what the processor has for it,
# coreutils often do not.
exec xargs -0 sh -c '
    if command -v openssl > /dev/null; then hash="openssl dgst -sha256 -r"; else hash=sha256sum; fi
    has_size() { [ "$(stat -L -c %s -- "$1")" = "$2" ]; }
    digest=
    if has_size "$1" "$0"; then digest=$($hash < "$1"); fi
    # One that grew meanwhile was hashed beyond its start.
    if [ -z "$digest" ] || ! has_size "$1" "$0"; then
        digest=$(dd if="$1" bs=256K iflag=count_bytes,fullblock count="$0" status=none | $hash)
    fi
    [ -n "$digest" ] || exit
    printf "%s\n" "$digest"
    stat -L -c %s -- "$1"' "$1"
