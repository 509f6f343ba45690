# Waits until the sampler whose job is in $1 has begun.
cd "$1" || exit 1
tries=0
until [ -s log ]; do
    read -r status < ./exit
    case $status in
        running) ;;
        126) echo "there is no bash, and no read of sh with a time" >&2 && exit 1 ;;
        127) echo "there is no awk" >&2 && exit 1 ;;
        *) echo "it ended with status $status" >&2 && exit 1 ;;
    esac
    [ "$tries" -lt 100 ] || { echo "it had written nothing after 5 s" >&2 && exit 1; }
    tries=$((tries + 1))
    sleep 0.05
done
