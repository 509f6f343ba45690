# Ends every process that carries the marker $1, with their descendants: TERM, up to $2 tenths of a second of
# grace, KILL until none is left. $3 and on: directories of one job each, or of many. Prints how many survived.
marker=$1
grace=$2
shift 2
groups=$(for directory; do cat "$directory/cgroup" "$directory"/*/cgroup; done 2> /dev/null)
seen=

members() {
    for group in $groups; do cat "$group/cgroup.procs"; done
    # Only processes of this user, or all for root, can be read; the marker names one run and nothing else.
    grep -lsF "COLLECTOR_JOB=$marker" /proc/[0-9]*/environ | cut -d / -f 3
    for pid in $seen; do echo "$pid"; done
}

# Members and their living descendants, without zombies. In `status`, unlike `stat`, no name can pass for a line.
tree() {
    {
        members 2> /dev/null | sed 's/^/root /'
        cat /proc/[0-9]*/status 2> /dev/null
    } | awk '
        $1 == "root" { root[$2] = 1; next }
        $1 == "State:" { zombie = $2 == "Z" }
        $1 == "Pid:" { pid = $2 }
        $1 == "PPid:" && !zombie { parent[pid] = $2 }
        END {
            for (pid in parent) {
                for (p = pid; p in parent; p = parent[p]) if (p in root) { print pid; break }
            }
        }' | grep -vx -e "$$" -e 1
}

# A job that holds its lock without a process is about to have one, or about to end.
moving() {
    for directory; do
        for lock in "$directory/lock" "$directory"/*/lock; do
            [ ! -e "$lock" ] || flock -n "$lock" true || return 0
        done
    done
    return 1
}

# TERM for whoever was not told before: also what a job starts in this moment has its grace.
told=' '
tell() {
    for pid in $seen; do
        case $told in
            *" $pid "*) ;;
            *) told="$told$pid " && kill -TERM "$pid" ;;
        esac
    done 2> /dev/null
}

# Hundredths of a second: on a busy machine the grace is no longer than elsewhere.
clock() {
    read -r up _ < /proc/uptime
    now=$((${up%.*} * 100 + 1${up#*.} - 100))
}

clock
over=$((now + grace * 10))
while seen=$(tree); [ -n "$seen" ] || moving "$@"; do
    tell
    clock
    [ "$now" -lt "$over" ] || break
    sleep 0.1
done
tries=0
while seen=$(tree); { [ -n "$seen" ] || moving "$@"; } && [ "$tries" -lt 50 ]; do
    for group in $groups; do echo 1 > "$group/cgroup.kill"; done 2> /dev/null
    # shellcheck disable=SC2086 # several
    kill -KILL $seen 2> /dev/null
    sleep 0.1
    tries=$((tries + 1))
done
tree | wc -l
for group in $groups; do rmdir "$group"; done 2> /dev/null
:
