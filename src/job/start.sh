# Starts a job once, however often it is asked to. $1: the job's directory, $2: the size of its program on
# stdin, $3: the directory that it runs in.
# The lock is held from before the start to the end of the job, so "lock free and started" means "over".
trap '' HUP PIPE
set -eu
mask=$(umask)
umask 077
back=$PWD
cd -- "$3"
home=$PWD
cd -- "$back"
mkdir -p "$1"
cd "$1"
incoming="program.$$"
cat > "$incoming"
# A connection that breaks on the way looks like the end of the input.
if [ "$(wc -c < "$incoming")" -ne "$2" ]; then
    rm -f "$incoming"
    echo "the job's program arrived incomplete" >&2
    exit 75
fi
exec 9>> lock
flock -n 9 || { rm -f "$incoming"; exit 0; }
[ ! -e started ] || { rm -f "$incoming"; exit 0; }
mv "$incoming" program
: >> log
# The status is written over these bytes in place, which also works on a full disk.
printf '%-15s\n' running > ./exit
: > started
# Forked by setsid and not with `&`, which would leave the step deaf to INT and QUIT; what this script ignores is
# not for the step either.
trap - HUP PIPE
umask "$mask"
exec setsid --fork sh ./program "$home" < /dev/null > /dev/null 2>&1
