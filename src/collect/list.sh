# Expands the globs in $@ and prints, each ended by a NUL, this directory and then "glob type size mode mtime path"
# of everything but directories that matches or lies below a match. A link to a file stands for the file; a link to
# a directory is listed as what it is, and not followed: it may lead anywhere. Nothing of a glob is ever executed:
# the unquoted expansion of a variable is only matched against file names.
set -o pipefail
shopt -s globstar nullglob
IFS=
# Byte order keeps everything below a match right behind it, but for names that begin with the match's own.
[ -z "$LC_ALL" ] || export LC_CTYPE="$LC_ALL"
unset LC_ALL GLOBSORT
export LC_COLLATE=C
printf '%s\0' "$PWD"
index=0
for pattern; do
    # The matches that the current path begins with, the longest last: what lies below one is listed with it, not again.
    outer=()
    depth=0
    for path in $pattern; do
        [ -e "$path" ] || [ -L "$path" ] || continue
        bare=${path%/}
        while [ $depth -gt 0 ] && [[ $bare != "${outer[depth]}"* ]]; do depth=$((depth - 1)); done
        if [ $depth -gt 0 ] && [[ $bare == "${outer[depth]}"/* ]]; then continue; fi
        depth=$((depth + 1))
        outer[depth]=$bare
        case $path in
            /*) printf '%s\0' "$path" ;;
            *) printf '%s\0' "$PWD/$path" ;;
        esac
    done | xargs -0 -r sh -c 'find "$@" ! -type d -print0; [ $? -le 1 ]' find |
        FORMAT="$index %y %s %m %T@ %p\\0" xargs -0 -r sh -c 'find -L "$@" -maxdepth 0 -printf "$FORMAT"; [ $? -le 1 ]' find ||
        exit 1
    index=$((index + 1))
done
