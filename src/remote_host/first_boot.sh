# Waits until first boot is over, at most $1 seconds, and keeps the package manager's timers from running while
# something is measured. Prints a line for each thing that did not go well.
# An image that only has it installed never makes this directory, and would be waited for in vain.
if command -v cloud-init > /dev/null && [ -d /run/cloud-init ]; then
    status=$(timeout "$1" cloud-init status --wait 2> /dev/null)
    case $? in
        0) ;;
        124) echo "cloud-init was not done after $1 s" ;;
        *) echo "cloud-init: $(echo "$status" | tr -d '.' | tr '\n' ' ')" ;;
    esac
fi
if command -v systemctl > /dev/null && [ -d /run/systemd/system ]; then
    systemctl stop apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer dnf-automatic.timer 2> /dev/null
    # A running upgrade is told to end, and given the time for that: it may hold the dpkg lock.
    for unit in apt-daily.service apt-daily-upgrade.service unattended-upgrades.service; do
        timeout 60 systemctl stop "$unit" 2> /dev/null
        [ $? -ne 124 ] || echo "$unit was not over after 60 s"
    done
fi
:
