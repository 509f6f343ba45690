# Streams the log of the job in $1 from byte $2 on and returns when the job is over; the last bytes may be missing.
cd "$1" || exit 1
# A step may be silent for hours: this tells that the connection holds.
echo following >&2
# Where the kernel does not tell `tail` of new lines, as in a container, it looks for them: by itself once a second.
pause=
[ "$(stat -f -c %T . 2> /dev/null)" != overlayfs ] || pause='-s 0.03'
# It ends with this shell, however that ends.
# shellcheck disable=SC2086 # two words, or none
tail -c "+$(($2 + 1))" --pid="$$" $pause -f log &
tail=$!
trap 'kill "$tail" 2> /dev/null' EXIT
exec 8< lock
# It may outlive this shell, but holds nothing of it then.
flock -s 8 > /dev/null 2>&1
