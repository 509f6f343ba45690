# Prints "name<TAB>value" lines of what two runs must have in common to be compared.
fact() { printf '%s\t%s\n' "$1" "$2"; }
first() { [ -r "$1" ] && head -n 1 "$1"; }
cpu() { sed -n "s/^$1[[:space:]]*: //p" /proc/cpuinfo | head -n 1; }
fact architecture "$(uname -m)"
fact kernel "$(uname -r)"
fact kernel_command_line "$(first /proc/cmdline)"
# shellcheck disable=SC1091 # of the instance
fact operating_system "$(. /etc/os-release 2> /dev/null && echo "$PRETTY_NAME")"
fact cpu_model "$(cpu 'model name')"
fact cpu_microcode "$(cpu microcode)"
fact cpu_count "$(getconf _NPROCESSORS_ONLN)"
fact cpu_governor "$(first /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor)"
fact smt "$(first /sys/devices/system/cpu/smt/control)"
fact clock_source "$(first /sys/devices/system/clocksource/clocksource0/current_clocksource)"
fact transparent_huge_pages "$(first /sys/kernel/mm/transparent_hugepage/enabled)"
fact memory "$(sed -n 's/^MemTotal:[[:space:]]*//p' /proc/meminfo)"
fact swap "$(sed -n 's/^SwapTotal:[[:space:]]*//p' /proc/meminfo)"
fact load_average "$(first /proc/loadavg)"
fact machine "$(first /sys/devices/virtual/dmi/id/sys_vendor) $(first /sys/devices/virtual/dmi/id/product_name)"
for file in /sys/devices/system/cpu/vulnerabilities/*; do
    [ -r "$file" ] && fact "vulnerability_${file##*/}" "$(first "$file")"
done
:
