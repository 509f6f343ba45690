# Prints the rest of the log of the job in $1 from byte $2 on; the exit status goes to stderr.
cd "$1" || exit 1
cat exit >&2
tail -c "+$(($2 + 1))" log
