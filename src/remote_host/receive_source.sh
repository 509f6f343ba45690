# Unpacks the checkout on stdin into ./collector-source and prints its path. Each attempt unpacks into a directory of its
# own: the one before it may not have noticed yet that its connection is gone. $1: the commit, $2: the home.
set -eu
cd -- "$2"
incoming=".collector-source.$$"
rm -rf -- "$incoming"
mkdir -- "$incoming"
tar --extract --file=- --directory="$incoming" --touch --no-same-owner
# A connection that breaks on the way looks like the end of the input.
if [ "$(cat "$incoming/.git/collector" 2> /dev/null)" != "$1" ]; then
    rm -rf -- "$incoming"
    echo "the checkout arrived incomplete" >&2
    exit 75
fi
rm -rf -- collector-source
mv -- "$incoming" collector-source
cd collector-source
rm -f .git/collector
pwd -P
