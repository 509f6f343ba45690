# Returns when the job in $1 is over.
cd "$1" || exit 1
echo waiting >&2
exec flock -s lock true
