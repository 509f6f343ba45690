# Packs what the links in the tar stream on stdin lead to, below $1, as the parts of one compressed archive whose paths
# begin with $3. No part is larger than $2 bytes, the stream has $4. Prints "checksum size" of each, in their order, or
# "no curl".
# A lost connection does not end this. Whoever asks again waits until nothing packs any more, and has the same answer.
trap '' HUP
set -e -o pipefail
command -v curl > /dev/null || { echo 'no curl'; exit; }
umask 077
mkdir -p -- "$1"
# The lock is held by all that packs: once it is free there is an answer, or a part of an archive that nobody writes to.
exec 9>> "$1/lock"
flock 9
if [ -e "$1/answer" ]; then exec cat -- "$1/answer"; fi
cat > "$1/links"
# A connection that breaks on the way looks like the end of the input.
[ "$(stat --format=%s -- "$1/links")" -eq "$4" ] || { echo 'the names of the results arrived incomplete' >&2; exit 75; }
umask 022
rm -rf -- "$1/tree" "$1/parts"
mkdir -- "$1/tree" "$1/parts"
tar --extract --file="$1/links" --directory="$1/tree"
if command -v pigz > /dev/null; then compress='pigz -1 -c'; else compress='gzip -1 -c'; fi
# A file that changes meanwhile (status 1) is packed as it was read.
{ tar --create --file=- --format=gnu --dereference --hard-dereference --owner=0 --group=0 --numeric-owner \
    --directory="$1/tree" -- "$3" || [ $? -eq 1 ]; } |
    $compress | split --suffix-length=5 --numeric-suffixes=1 --bytes="$2" - "$1/parts/"
rm -rf -- "$1/tree"
(
    cd -- "$1/parts"
    printf '%s\0' * | xargs -0 -n 1 -P "$(nproc)" sha256sum | sort -k 2 | while read -r sum name; do
        printf '%s %s\n' "$sum" "$(stat --format=%s "$name")"
    done
) > "$1/sums"
mv -- "$1/sums" "$1/answer"
cat -- "$1/answer"
