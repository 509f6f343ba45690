# Samples system metrics until it is told to end. $1: the directory of its job, for the FIFO that steps tell their beginning
# and their end through, $2: the interval in seconds, $3: the process that it must not outlive, or nothing, $4: sample.awk.
# Written for bash and busybox, whose `read` takes a time: nothing is forked from tick to tick.
export LC_ALL=C
directory=$1 interval=$2 owner=$3 program=$4
exec 2> /dev/null
mkfifo -m 600 "$directory/events" "$directory/ended" || exit
exec 3<> "$directory/events" 4<> "$directory/ended"
command -v awk > /dev/null || exit 127
# shellcheck disable=SC3045 # another shell says so
read -r -t 0.001 _ <&4
[ $? -ne 2 ] || exit 126
# mawk waits for a whole buffer otherwise.
case $(awk -W version < /dev/null) in
    mawk*) unbuffered='-W interactive' ;;
    *) unbuffered='' ;;
esac
read -r own_group < "$directory/cgroup"
# A rented machine may count for each step what systemd has not asked for. Not `cpu`, with which the kernel would divide the
# processors in another way.
if [ -z "$owner" ] && [ -n "$own_group" ]; then
    for controller in io memory pids; do echo "+$controller" >> "${own_group%/*}/cgroup.subtree_control"; done
fi

# An empty line is a tick; awk ends the waiting.
(
    # shellcheck disable=SC3045
    until read -r -t "$interval" _ <&4; do
        kill -0 $$ || break
        if [ -z "$owner" ] || kill -0 "$owner"; then echo; else echo quit; fi
    done >&3
) &

# shellcheck disable=SC2086 # two words, or none
exec awk $unbuffered -v wall="$(date +%s.%N)" -v page="$(getconf PAGESIZE || echo 4096)" -v own_group="$own_group" \
    -v ended="$directory/ended" "$program" <&3
