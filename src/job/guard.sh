# Ends all local steps of a run when collector is gone, however it went: its end of the pipe on stdin closes then.
# $1: the directory that holds the jobs of each sample, $2: their owner without the sample, $3: kill.sh.
trap '' HUP INT QUIT TERM
cat > /dev/null
sh -c "$3" kill "$2" 50 "$1"/* > /dev/null
rm -rf -- "$1"
