# Unpacks what comes into the home directory, compressed as $1 reads it. A pipe of its own: what tar starts gets its bytes from
# one tar more.
set -o pipefail
"$1" --decompress --quiet --stdout | tar --extract --file=- --blocking-factor=128 --preserve-permissions --no-same-owner --warning=no-timestamp
