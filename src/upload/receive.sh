# Unpacks what comes into the home directory: plainly, or compressed as $1 reads it. A pipe of its own: what tar starts gets its
# bytes from one tar more.
set -o pipefail
unpack() {
    tar --extract --file=- --blocking-factor=128 --preserve-permissions --no-same-owner --warning=no-timestamp
}
if [ $# -eq 0 ]; then
    unpack
else
    "$1" --decompress --quiet --stdout | unpack
fi
