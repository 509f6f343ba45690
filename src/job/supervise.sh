# Runs the step and writes down how it ended. In front of this stand: marker, login, label, cpus, variables
# in ./environment, and the step's words in "$@" behind the home directory.
# shellcheck disable=SC1091,SC2154
home=$1
shift
case $1 in
    /*) ;;
    *) program=$home/$1 && shift && set -- "$program" "$@" ;;
esac
# The variables are set by `env`, for a shell has its own mind about some, as bash about UID; and `env` would take a
# path with `=` in it for one of them.
# shellcheck disable=SC2016 # for the shell inside
case $1 in *=*) set -- sh -c 'exec "$0" "$@"' "$@" ;; esac
# Everything that it starts has its CPUs from it.
[ -z "$cpus" ] || set -- "$(command -v taskset)" -c "$cpus" "$@"
job=$PWD

# A control group of its own is the one thing that no child can leave; where none can be made, the marker
# in the environment and the family tree have to do.
name=collector-$(echo "$marker" | tr -c '0-9A-Za-z\n-' _)
cgroup=
for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    if [ -e "$root/cgroup.procs" ] && mkdir "$root/$name" 2> /dev/null; then
        cgroup="$root/$name"
        break
    fi
done
echo "$cgroup" > cgroup

# Tells the sampler of the system metrics, where there is one. A FIFO that is opened for both never makes the step wait.
tell() {
    [ ! -p ../00/events ] || printf '%s\t%s\t%s\n' "$1" "$cgroup" "$label" 1<> ../00/events
}

tell begin
(
    exec 9>&-
    [ -z "$cgroup" ] || echo 0 > "$cgroup/cgroup.procs" 2> /dev/null || :
    cd "$home" || exit 126
    export COLLECTOR_JOB="$marker"
    if [ "$login" = yes ]; then
        shell=$(command -v bash || command -v sh)
        exec "$shell" -l -c 'cd "$1" && shift && . "$0/environment" && exec "$@"' "$job" "$home" "$@"
    fi
    . "$job/environment" && exec "$@"
) < /dev/null >> log 2>&1
status=$?
tell end
[ -z "$cgroup" ] || rmdir "$cgroup" 2> /dev/null || :
printf '%-15s\n' "$status" 1<> ./exit
