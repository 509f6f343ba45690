# Samples system metrics until it is told to end. $1: the directory of its job, for the FIFO that steps tell their beginning
# and their end through, $2: the interval in seconds, $3: the process that it must not outlive, or nothing, $4: sample.awk.
# Nothing is forked from tick to tick.
export LC_ALL=C
directory=$1 interval=$2 owner=$3 program=$4
exec 2> /dev/null
mkfifo -m 600 "$directory/events" && exec 3<> "$directory/events" || exit
command -v awk > /dev/null || exit 127
# mawk waits for a whole buffer otherwise.
unbuffered=()
case $(awk -W version < /dev/null) in mawk*) unbuffered=(-W interactive) ;; esac
read -r own_group < "$directory/cgroup"

tick() {
    local line begun=
    while [ -z "$owner" ] || kill -0 "$owner"; do
        if IFS= read -r -t "$interval" line <&3; then
            line=$begun$line begun=
            [ "$line" != quit ] || break
            [ -z "$line" ] || printf '%s\n' "$line"
        else
            # The time may be over in the middle of a line, or with its end read and lost, which is why lines have two.
            begun=$begun$line
            echo
        fi
    done
}

exec awk "${unbuffered[@]}" -v wall="$(date +%s.%N)" -v page="$(getconf PAGESIZE)" -v own_group="$own_group" "$program" < <(tick)
