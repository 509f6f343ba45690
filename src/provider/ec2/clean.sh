# Removes from the disk what belongs to this instance alone, before it becomes an image. $1: the public key of the run. $2: the
# directory of the jobs.
set -eu
if ! command -v cloud-init > /dev/null; then
    echo "cloud-init is gone, and with it what ends an instance of the image" >&2
    exit 1
fi
if [ -e /etc/cloud/cloud-init.disabled ]; then
    echo "/etc/cloud/cloud-init.disabled is there: nothing would end an instance of the image" >&2
    exit 1
fi
getent passwd | cut -d: -f6 | sort -u | while read -r home; do
    keys="$home/.ssh/authorized_keys"
    if [ -f "$keys" ]; then
        others=$(grep --fixed-strings --invert-match -e "$1" "$keys") || :
        printf '%s\n' "$others" > "$keys"
    fi
done
rm -rf -- "$2"
rm -f /etc/ssh/ssh_host_*
# The next instance is a new one to it: it installs keys and arms the timer from the new user-data.
cloud-init clean --logs > /dev/null
: > /etc/machine-id
