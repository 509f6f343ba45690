# Makes a machine quiet, as far as that goes without a reboot, and prints a line a setting: its name, what is wanted and what it
# is now, with tabs in between. Nothing of it fails, and all of it may be done again. $1: the directory that /dev, /proc, /run
# and /sys are looked up below, or nothing, $2: the seconds for which it has to last.
#
# The address space stays randomized: without that a program has the same layout each time, and its peculiarity is in every
# measurement, where it is one of many otherwise.
exec 2> /dev/null
root=$1 lifetime=$2
cpus=$root/sys/devices/system/cpu

# The first line of a file in $line.
read_line() {
    line=''
    [ ! -r "$1" ] || IFS= read -r line < "$1"
}
is() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-not available}"; }

# First, for the CPUs that it takes away have no other settings.
read_line "$cpus/smt/control"
[ "$line" != on ] || echo off > "$cpus/smt/control"
read_line "$cpus/smt/control"
case $line in
    on | off) is smt off "$line" ;;
    forceoff) is smt off off ;;
    *) is smt off ;;
esac

for file in "$cpus"/cpu[0-9]*/cpufreq/scaling_governor; do
    [ ! -w "$file" ] || echo performance > "$file"
done
is governor performance "$(cat "$cpus"/cpu[0-9]*/cpufreq/scaling_governor | sort -u | xargs)"

if [ -w "$cpus/intel_pstate/no_turbo" ]; then
    echo 1 > "$cpus/intel_pstate/no_turbo"
    read_line "$cpus/intel_pstate/no_turbo"
    case $line in 1) line=off ;; *) line=on ;; esac
elif [ -w "$cpus/cpufreq/boost" ]; then
    echo 0 > "$cpus/cpufreq/boost"
    read_line "$cpus/cpufreq/boost"
    case $line in 0) line=off ;; *) line=on ;; esac
else
    line=''
fi
is turbo off "$line"

# The kernel leaves a CPU in no state that takes longer to end than what a process asks for that has this file open.
latency=$root/dev/cpu_dma_latency
us() { od -A n -t d4 -N 4 "$latency" | tr -d ' '; }
got=''
if [ -e "$latency" ] && [ -d "$cpus/cpu0/cpuidle/state0" ]; then
    if [ "$(us)" != 0 ]; then
        # shellcheck disable=SC2016 # for the shell inside
        setsid sh -c 'exec > "$1" && printf "\000\000\000\000" && exec sleep "$2"' hold "$latency" "$lifetime" < /dev/null &
        tries=0
        until [ "$(us)" = 0 ] || [ "$tries" -ge 20 ]; do
            tries=$((tries + 1))
            sleep 0.1
        done
    fi
    got=$(us)
fi
is c_state_exit_latency '0 us' "${got:+$got us}"

# Units of systemd are stopped and not disabled: what a step starts it has.
active() {
    systemctl list-units --all --plain --no-legend --state=active,activating,reloading,deactivating "$@" | sed 's/ .*//'
}
stop() {
    name=$1
    shift
    if [ ! -d "$root/run/systemd/system" ] || ! command -v systemctl > /dev/null; then
        is "$name" stopped
        return
    fi
    # shellcheck disable=SC2046 # names of units
    set -- $(active "$@")
    [ $# -eq 0 ] || timeout 60 systemctl stop "$@"
    # shellcheck disable=SC2046 # words of one line
    [ $# -eq 0 ] || set -- $(active "$@")
    case $# in
        0) is "$name" stopped stopped ;;
        *) is "$name" stopped "running: $*" ;;
    esac
}
stop irqbalance irqbalance.service
stop timers anacron.timer apt-daily-upgrade.timer apt-daily.timer apt-news.timer chkrootkit.timer dnf-automatic.timer \
    dnf-automatic-install.timer dnf-makecache.timer dpkg-db-backup.timer e2scrub_all.timer esm-cache.timer fstrim.timer \
    fwupd-refresh.timer logrotate.timer man-db.timer mdcheck_start.timer mlocate-updatedb.timer motd-news.timer \
    plocate-updatedb.timer raid-check.timer snapd.snap-repair.timer sysstat-collect.timer sysstat-summary.timer \
    systemd-tmpfiles-clean.timer ua-timer.timer unbound-anchor.timer update-motd.timer update-notifier-download.timer \
    update-notifier-motd.timer xfs_scrub_all.timer cron.service crond.service
# The socket of snapd stays: it starts the daemon for a step that needs it.
stop package_daemons apt-daily-upgrade.service apt-daily.service apt-news.service dnf-automatic.service \
    dnf-automatic-install.service dnf-makecache.service esm-cache.service fstrim.service fwupd.service \
    fwupd-refresh.service logrotate.service man-db.service packagekit.service plocate-updatedb.service snapd.service \
    unattended-upgrades.service update-motd.service

# A word of the kernel about swap, where it has any.
swap() {
    line=''
    [ ! -r "$root/proc/swaps" ] || if [ "$(grep -c . "$root/proc/swaps")" -gt 1 ]; then line=on; else line=off; fi
}
swap
if [ "$line" = on ]; then
    used=$(awk 'NR > 1 { used += $4 } END { print used + 0 }' "$root/proc/swaps")
    # What is in it needs room in memory, and what is measured needs some as well.
    available=$(sed -n 's/^MemAvailable:[[:space:]]*\([0-9]*\).*/\1/p' "$root/proc/meminfo")
    [ $((used * 2)) -ge "${available:-0}" ] || sed 1d "$root/proc/swaps" | while read -r space _; do
        timeout 60 swapoff "$root$space"
    done
    swap
fi
is swap off "$line"
:
