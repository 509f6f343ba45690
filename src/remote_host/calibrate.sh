# Measures how fast and how evenly the machine works, and prints a number a line: its name and, behind a tab, its value. Needs
# dd, and bash 5 for its clock. $1: the directory that is written in, $2: the microseconds that each of the four parts takes.
exec 2> /dev/null
export LC_ALL=C
umask 077
part=$2
# More than is done in a part: the end of one whose clock is set back meanwhile.
most=1000000
[ "${BASH_VERSINFO[0]}" -ge 5 ] || exit 0
mkdir -p "$1"
file=$1/calibration.$$
trap 'rm -f -- "$file"' EXIT

clock() { now=${EPOCHREALTIME/./}; }

# Repeats a piece of work of size $2 for a part, and prints $1 as the rate of the piece that took the middle time: what holds up
# a few of them does not change it.
pace() {
    local name=$1 size=$2 times=() start middle
    shift 2
    clock
    local end=$((now + part))
    while ((now < end && ${#times[@]} < most)); do
        start=$now
        "$@" || return 0
        clock
        times+=($((now - start)))
    done
    middle=$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((${#times[@]} + 1) / 2))p")
    ((middle <= 0)) || printf '%s\t%s\n' "$name" $((size * 1000000 / middle))
}

compute() {
    local number=1 round
    for ((round = 0; round < 500; round++)); do
        ((number = (number * 1103515245 + 12345) % 2147483648 ^ round))
    done
}

pace integer_rounds_per_s 500 compute
pace memory_bytes_per_s $((64 << 20)) dd if=/dev/zero of=/dev/null bs=32M count=2
pace disk_bytes_per_s $((4 << 20)) timeout 2 dd if=/dev/zero of="$file" bs=4M count=1 conv=fsync

# A reading of the clock that comes much later than the one before was held up: by an interrupt, another process or the
# hypervisor.
clock
start=$now
for ((readings = 0; readings < 1000; readings++)); do clock; done
usual=$((10 + (now - start) / 100))
held_up=0 longest=0
start=$now end=$((now + part))
for ((readings = 0; now < end && readings < most; readings++)); do
    before=$now
    clock
    ((gap = now - before, gap > usual && (held_up += gap, gap > longest && (longest = gap))))
done
share=$((now > start ? held_up * 10000 / (now - start) : 0))
printf 'clock_longest_gap_us\t%d\nclock_held_up_percent\t%d.%02d\n' "$longest" $((share / 100)) $((share % 100))
