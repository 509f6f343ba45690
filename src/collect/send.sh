# Sends the files whose paths stand on stdin, each ended by a NUL, compressed at level $1, or plainly at level 0: as one tar
# stream, or, where there are more arguments, the $3 bytes behind the first $2 of a single one.
# zstd costs a tenth of gzip's time; an image without it still has gzip. The digests of the files check what comes.
if [ "$1" -eq 0 ]; then
    compress=
elif command -v zstd > /dev/null; then
    compress="zstd -q -$1 -T0 --no-check -c"
else
    compress="gzip -1 -c"
fi
shift
if [ $# -gt 0 ]; then
    # What compresses reads a range up to the end of the file from there: it needs no pipe to be cut off.
    exec xargs -0 sh -c '
        range() { dd if="$3" bs=256K iflag=skip_bytes,count_bytes,fullblock skip="$1" count="$2" status=none; }
        if [ -z "$0" ]; then
            range "$@"
        elif [ "$(stat -L -c %s -- "$3" 2> /dev/null)" = $(($1 + $2)) ]; then
            exec < "$3"
            [ "$1" -eq 0 ] || dd iflag=skip_bytes skip="$1" count=0 status=none
            exec $0
        else
            range "$@" | $0
        fi' "$compress" "$1" "$2"
fi
files() {
    tar --create --file=- --blocking-factor=128 --format=gnu --absolute-names --dereference --hard-dereference \
        --no-recursion --null --files-from=-
}
if [ -z "$compress" ]; then files; else files | $compress; fi
