# Prints how many bytes the log of the job in $1 has, and then its exit status, if one was written.
cd "$1" || exit 1
wc -c < log
cat exit
