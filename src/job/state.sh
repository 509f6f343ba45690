# Prints how many bytes the log of the job in $1 has, and its exit status, if one was written.
cd "$1" || exit 1
status=
read -r status < ./exit || :
echo "state $(wc -c < log) $status"
