# Removes the directory $1. What a step mounted in it belongs to others: it is unmounted first, and where it cannot be,
# nothing is removed.
directory=$(realpath -e -- "$1" 2> /dev/null) || exit 0
while :; do
    last=
    while read -r _ _ _ _ point _; do
        # The kernel writes spaces and the like in octal.
        case $point in *\\*) point=$(printf %b "$point") ;; esac
        case $point in "$directory"/*) last=$point ;; esac
    done < /proc/self/mountinfo
    [ -n "$last" ] || break
    umount --lazy -- "$last" || exit 1
done
rm -rf --one-file-system -- "$directory"
