# Prints the facts about the machine that two measurements must have in common to be compared, and what it knows of its boot:
# a line each, a name and its values behind tabs. What cannot be read is not printed. $1: the directory that /proc, /sys, /etc and
# /run are looked up below, or nothing.
exec 2> /dev/null
root=${1-}
sys=$root/sys
cpus=$sys/devices/system/cpu

fact() { [ -z "$2" ] || printf '%s\t%s\n' "$1" "$2"; }
# The first line of a file in $line, without a process of its own.
read_line() {
    line=''
    [ ! -r "$1" ] || IFS= read -r line < "$1"
}
fact_of() {
    read_line "$2"
    fact "$1" "$line"
}
cpu() { sed -n "/^$1[[:space:]]*:/{s/^[^:]*:[[:space:]]*//p;q;}" "$root/proc/cpuinfo"; }

fact architecture "$(uname -m)"
fact_of kernel "$root/proc/sys/kernel/osrelease"
fact_of kernel_command_line "$root/proc/cmdline"
# shellcheck disable=SC1091 # of the instance
fact operating_system "$(. "$root/etc/os-release" && echo "$PRETTY_NAME")"
libc=$(getconf GNU_LIBC_VERSION)
for loader in "$root"/lib/ld-musl-*.so.1; do
    # Asked without a program, it says what it is.
    [ -n "$libc" ] || [ ! -x "$loader" ] || libc=$("$loader" 2>&1 | sed -n 's/^Version /musl /p')
done
fact libc "$libc"
read_line "$sys/devices/virtual/dmi/id/sys_vendor"
vendor=$line
read_line "$sys/devices/virtual/dmi/id/product_name"
fact machine "$vendor${line:+ $line}"

model=$(cpu 'model name')
# What 64-bit Arm has instead.
[ -n "$model" ] || for part in implementer part variant revision; do
    value=$(cpu "CPU $part")
    model="$model${value:+${model:+, }$part $value}"
done
fact cpu_model "$model"
fact cpu_microcode "$(cpu microcode)"
fact cpu_count "$(grep -c '^processor' "$root/proc/cpuinfo")"
fact cpu_cores "$(cat "$cpus"/cpu[0-9]*/topology/thread_siblings_list | sort -u | grep -c .)"
fact_of smt "$cpus/smt/control"
fact_of cpu_governor "$cpus/cpu0/cpufreq/scaling_governor"
fact_of cpu_driver "$cpus/cpu0/cpufreq/scaling_driver"
fact_of cpu_min_khz "$cpus/cpu0/cpufreq/cpuinfo_min_freq"
fact_of cpu_max_khz "$cpus/cpu0/cpufreq/cpuinfo_max_freq"
read_line "$cpus/intel_pstate/no_turbo"
no_turbo=$line
read_line "$cpus/cpufreq/boost"
case $no_turbo:$line in
    0:* | :1) fact turbo on ;;
    1:* | :0) fact turbo off ;;
esac
for state in "$cpus"/cpu0/cpuidle/state[0-9]*; do
    [ -r "$state/name" ] || continue
    read_line "$state/name"
    name=$line
    read_line "$state/latency"
    latency=$line
    read_line "$state/disable"
    printf 'c_state\t%s\t%s\t%s\n' "$name" "$latency" "$line"
done
for file in "$cpus"/vulnerabilities/*; do
    fact_of "vulnerability_${file##*/}" "$file"
done

set -- "$sys"/devices/system/node/node[0-9]*
[ ! -d "$1" ] || fact numa_nodes $#
fact_of clock_source "$sys/devices/system/clocksource/clocksource0/current_clocksource"
fact_of transparent_huge_pages "$sys/kernel/mm/transparent_hugepage/enabled"
fact_of address_space_randomization "$root/proc/sys/kernel/randomize_va_space"
while read -r name amount unit; do
    case $name in
        MemTotal:) fact memory "$amount $unit" ;;
        SwapTotal:) fact swap "$amount $unit" ;;
        HugePages_Total:) fact huge_pages "$amount" ;;
        Hugepagesize:) fact huge_page "$amount $unit" ;;
    esac
done < "$root/proc/meminfo"
fact_of load_average "$root/proc/loadavg"

# Devices, and not what the kernel makes up.
for disk in "$sys"/block/*; do
    [ -e "$disk/device" ] || continue
    read_line "$disk/size"
    size=$line
    read_line "$disk/queue/rotational"
    rotational=$line
    read_line "$disk/queue/scheduler"
    scheduler=$line
    read_line "$disk/device/model"
    model=$line
    # The serial number of a volume of EBS is its id, and any other is nobody's business.
    read_line "$disk/device/serial"
    case $line in vol*) ;; *) line='' ;; esac
    printf 'disk\t%s\t%s\t%s\t%s\t%s\t%s\n' "${disk##*/}" "$size" "$rotational" "$scheduler" "$model" "$line"
done
for network in "$sys"/class/net/*; do
    [ -e "$network/device" ] || continue
    driver=$(readlink "$network/device/driver")
    read_line "$network/mtu"
    mtu=$line
    read_line "$network/speed"
    printf 'network\t%s\t%s\t%s\t%s\n' "${network##*/}" "${driver##*/}" "$mtu" "$line"
done

fact pending "$(sed -n 's/.*"pendingTime": *"\([^"]*\)".*/\1/p' "$root/run/cloud-init/instance-data.json")"
fact kernel_started "$(sed -n 's/^btime //p' "$root/proc/stat")"
fact cloud_init_done "$(sed -n '/"modules-final": *{/,/}/s/.*"finished": *\([0-9.]*\),\{0,1\}$/\1/p' "$root/run/cloud-init/status.json")"
:
