# Waits until first boot is over, at most $1 seconds, and keeps the package manager's timers from running while
# something is measured. Prints a line for each thing that did not go well. $2: the directory that /run is looked up below,
# or nothing.
seen=$2/run/cloud-init
# cloud-init writes this when all else is done. To ask the program is to start a Python while first boot needs the processor.
is_over() { [ -e "$seen/result.json" ]; }
went_well() {
    is_over && grep -q '"errors": \[\]' "$seen/result.json" && ! grep -q '"recoverable_errors": {$' "$seen/status.json"
}
# An image that only has it installed never makes this directory, and would be waited for in vain.
if command -v cloud-init > /dev/null && [ -d "$seen" ]; then
    # After ten seconds the program is asked all the same: only it knows that one of its services failed.
    looks=500
    until is_over || [ -e "$seen/disabled" ] || [ $looks -eq 0 ]; do
        sleep 0.02
        looks=$((looks - 1))
    done
    if ! went_well; then
        status=$(timeout "$1" cloud-init status --wait 2> /dev/null)
        case $? in
            0) ;;
            124) echo "cloud-init was not done after $1 s" ;;
            *) echo "cloud-init: $(echo "$status" | tr -d '.' | tr '\n' ' ')" ;;
        esac
    fi
fi
if command -v systemctl > /dev/null && [ -d "$2/run/systemd/system" ]; then
    set -- apt-daily.timer apt-daily-upgrade.timer dnf-makecache.timer dnf-automatic.timer \
        apt-daily.service apt-daily-upgrade.service unattended-upgrades.service
    # A running upgrade is told to end, and given the time for that: it may hold the dpkg lock.
    timeout 60 systemctl stop "$@" 2> /dev/null
    [ $? -ne 124 ] || systemctl list-units --plain --no-legend --state=deactivating "$@" |
        sed 's/\([^ ]*\).*/\1 was not over after 60 s/'
fi
:
