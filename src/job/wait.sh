# Returns when the job in $1 is over.
cd "$1" || exit 1
echo following >&2
flock -s lock true
