# Prints the number of each job in $1, and how many bytes its log has.
cd "$1" || exit 1
for log in */log; do
    [ ! -e "$log" ] || echo "${log%/log} $(wc -c < "$log")"
done
