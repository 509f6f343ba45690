# Moves what a turn has measured aside, so that the next one finds its place empty. $1: the directory for it, $2: a file that
# was made when the turn began, $3: the directory that relative globs start in, then pairs of a glob and the part of it that
# the files lose. Prints, each ended by a NUL, a letter and a path: `o` for a file that was there before the turn and stays,
# `s` for one that is not a regular file and stays. Nothing of a glob is ever executed, as in list.sh.
set -o pipefail
shopt -s globstar nullglob
IFS=
target=$1
begun=$2
cd -- "$3" || exit 1
shift 3
umask 077
mkdir -p -- "$target" || exit 1

# Sets `place` to a free one for $1, which is relative.
find_place() {
    local name=$1 first number=2
    # A name that leads elsewhere keeps its last part only.
    case /$name/ in */../*) name=${name##*/} ;; esac
    place=$target/$name
    first=${name%%/*}
    until [ ! -e "$place" ] && [ ! -L "$place" ] && mkdir -p -- "${place%/*}" 2> /dev/null; do
        place=$target/$first.$number${name#"$first"}
        number=$((number + 1))
        [ $number -lt 100000 ] || return 1
    done
}

# Links first: what they lead to may be moved itself.
for kind in l f; do
    pairs=("$@")
    while [ ${#pairs[@]} -gt 1 ]; do
        pattern=${pairs[0]}
        base=${pairs[1]}
        pairs=("${pairs[@]:2}")
        for path in $pattern; do
            [ -e "$path" ] || [ -L "$path" ] || continue
            case $path in -*) path=./$path ;; esac
            while read -r -d '' file; do
                name=${file#./}
                name=${name#"$base"}
                if [ -z "$(find "$file" -maxdepth 0 -newercm "$begun")" ]; then
                    printf 'o%s\0' "$file"
                elif [ $kind = l ]; then
                    if [ -f "$file" ]; then
                        find_place "$name" && cp -L --preserve=mode,timestamps -- "$file" "$place" && rm -f -- "$file" || exit 1
                    else
                        printf 's%s\0' "$file"
                    fi
                else
                    find_place "$name" && mv -- "$file" "$place" || exit 1
                fi
            done < <(find "$path" -type $kind -print0)
        done
    done
done
