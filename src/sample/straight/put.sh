# Sends parts of the archive below $1, four at once. A line of stdin is "number address header", a line of the output
# "number tag". Addresses are secrets: they stand in no command line.
umask 077
# A lost connection does not end this at once: what an earlier attempt still writes is its own.
own=$(mktemp -d "$1/attempt.XXXXXX") && cat > "$own/list" || exit 1
send() {
    for pause in 1 2 4 8 ''; do
        status=$(printf 'url = "%s"\n' "$2" | curl --config - --silent --show-error --header "$3" --header 'Expect:' \
            --upload-file "$1/parts/$(printf %05d "$4")" --dump-header "$own/$4.head" --output "$own/$4.body" \
            --connect-timeout 10 --speed-limit 1024 --speed-time 60 --write-out '%{http_code}' 2> "$own/$4.errors")
        case $status in
            2??)
                printf '%s %s\n' "$4" "$(sed -n 's/^[Ee][Tt][Aa][Gg]: *//p' "$own/$4.head" | tr -d '\r"')"
                return 0
                ;;
            000 | 408 | 429 | 5??) ;;
            *) break ;;
        esac
        [ -n "$pause" ] || break
        # Whoever waits sees that something happens.
        echo "again $4"
        sleep "$pause"
    done
    { printf 'part %s: status %s ' "$4" "$status"; head -c 500 "$own/$4.errors"; head -c 500 "$own/$4.body"; } >&2
    return 1
}
workers=''
for first in 1 2 3 4; do
    sed -n "$first~4p" "$own/list" | while read -r number address header; do
        send "$1" "$address" "$header" "$number" < /dev/null || exit 1
    done &
    workers="$workers $!"
done
failed=0
for worker in $workers; do wait "$worker" || failed=1; done
rm -rf "$own"
exit $failed
