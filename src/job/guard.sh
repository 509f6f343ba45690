# Ends all local steps of a run when collector is gone, however it went: its end of the pipe on stdin closes then.
# $1: the directory that holds the jobs of each sample, $2: their owner without the sample, $3: kill.sh.
trap '' HUP INT QUIT TERM
cat > /dev/null
for jobs in "$1"/*; do
    sh -c "$3" kill "$2${jobs##*/}/" 50 "$jobs" > /dev/null
done
rm -rf -- "$1"
