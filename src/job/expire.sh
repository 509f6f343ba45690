# Ends everything of a lease after $1 seconds, whoever is still there to care: a detached timer that carries the
# marker $2 itself, so that it goes with the lease. $3: the jobs' directory, $4: what to remove, $5: kill.sh,
# $6: remove.sh.
export COLLECTOR_JOB="$2"
setsid sh -c 'sleep "$1" && exec env -u COLLECTOR_JOB sh -c "sh -c \"\$5\" kill \"\$2\" 50 \"\$3\"; sh -c \"\$6\" remove \"\$4\"" expire "$@"' \
    expire "$@" < /dev/null > /dev/null 2>&1 &
