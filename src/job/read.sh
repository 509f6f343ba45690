# Prints $3 bytes of the log of the job in $1 from byte $2 on.
cd "$1" || exit 1
tail -c "+$(($2 + 1))" log | head -c "$3"
