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

# Keeps of the matches those that lie below no other: they are listed with that one, not again.
keep_outermost() {
    local path bare depth=0 outer=() kept=()
    for path in "${matches[@]}"; do
        bare=${path%/}
        while [ $depth -gt 0 ] && [[ $bare != "${outer[depth]}"* ]]; do depth=$((depth - 1)); done
        if [ $depth -gt 0 ] && [[ $bare == "${outer[depth]}"/* ]]; then continue; fi
        depth=$((depth + 1))
        outer[depth]=$bare
        kept+=("$path")
    done
    matches=("${kept[@]}")
}

# This directory as a part of a format of printf.
directory=${PWD//\\/\\\\}
directory=${directory//%/%%}
index=0
for pattern; do
    # shellcheck disable=SC2206 # it is a glob
    matches=($pattern)
    # What is no glob stands for itself, be it there or not.
    [ ${#matches[@]} -ne 1 ] || [ -e "${matches[0]}" ] || [ -L "${matches[0]}" ] || matches=()
    # Without `**` all matches lie at one depth.
    case $pattern in *'**'*) keep_outermost ;; esac
    case $pattern in
        /*) format='%s\0' ;;
        *) format=$directory'/%s\0' ;;
    esac
    # What a link stands for is looked up by a find of its own, for which the other one writes out what it has.
    # shellcheck disable=SC2059 # one call for all of them
    [ ${#matches[@]} -eq 0 ] || printf "$format" "${matches[@]}" |
        FORMAT="$index %y %s %m %T@ %p\\0" xargs -0 -r sh -c '
            look_up='\''find -L "$@" -maxdepth 0 -printf "$FORMAT"'\''
            find "$@" ! -type d \( -type l -exec sh -c "$look_up" find {} + -o -printf "$FORMAT" \)
            [ $? -le 1 ]' find ||
        exit 1
    index=$((index + 1))
done
