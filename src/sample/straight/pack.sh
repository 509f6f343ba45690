# Packs what the links in the tar stream on stdin lead to, below $1, as the parts of one compressed archive whose paths
# begin with $3. No part is larger than $2 bytes. Prints "checksum size" of each, in their order.
set -e -o pipefail
command -v curl > /dev/null || { echo 'the image has no curl' >&2; exit 1; }
rm -rf -- "$1"
umask 077
mkdir -p -- "$1"
umask 022
mkdir -- "$1/tree" "$1/parts"
tar --extract --file=- --directory="$1/tree"
if command -v pigz > /dev/null; then compress='pigz -1 -c'; else compress='gzip -1 -c'; fi
# A file that changes meanwhile (status 1) is packed as it was read.
{ tar --create --file=- --format=gnu --dereference --hard-dereference --owner=0 --group=0 --numeric-owner \
    --directory="$1/tree" -- "$3" || [ $? -eq 1 ]; } |
    $compress | split --suffix-length=5 --numeric-suffixes=1 --bytes="$2" - "$1/parts/"
rm -rf -- "$1/tree"
cd -- "$1/parts"
printf '%s\0' * | xargs -0 -n 1 -P "$(nproc)" sha256sum | sort -k 2 | while read -r sum name; do
    printf '%s %s\n' "$sum" "$(stat --format=%s "$name")"
done
