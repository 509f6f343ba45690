# Prints what tells how the CPUs can be divided: those that a process may use, those that are online, and the threads of each
# core, a list a line.
command -v taskset > /dev/null || { echo "there is no taskset, which comes with util-linux" >&2 && exit 1; }
sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status
cat /sys/devices/system/cpu/online || exit 1
for file in /sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list; do
    [ ! -r "$file" ] || cat "$file"
done | sort -u
