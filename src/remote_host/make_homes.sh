# Copies what was uploaded to this directory into further ones. $@: their names. stdin: the paths, each ended by a NUL.
set -eu
list=$(mktemp)
trap 'rm -f -- "$list"' EXIT
cat > "$list"
for home; do
    mkdir -p -- "$home"
    tar --create --file=- --no-recursion --null --files-from="$list" |
        tar --extract --file=- --preserve-permissions --directory="$home"
done
