#!/usr/bin/env bash
# Finds the studies and submits one task per study:
#   submit.sh [options of sbatch] IMAGE ANALYSES OUTPUT [options of bids-ari-studies] [-- flags of bids-ari]
# Options of sbatch have the form --account=lab. By default a task has --mem=8G; --array=%20 runs at most 20 tasks at a time.
# Logs and the list of studies are written to this folder. With the option --list, it prints the studies, and submits nothing.
set -euo pipefail

sbatch_options=() limit='' memory=--mem=8G
if compgen -v SBATCH_MEM_PER > /dev/null; then memory=''; fi # sbatch refuses two kinds of memory
while [[ ${1:-} == -* ]]; do
    case $1 in
        --array=%*) limit=${1#--array=} ;;
        --mem*=*) memory=$1 ;;
        --*=* | --exclusive | --requeue | --no-requeue) sbatch_options+=("$1") ;;
        *)
            echo "$1: options of sbatch have the form --option=value here" >&2
            exit 64
            ;;
    esac
    shift
done
: "${3:?submit.sh [options of sbatch] IMAGE ANALYSES OUTPUT [options of bids-ari-studies] [-- flags of bids-ari]}"
image=$(realpath "$1")
analyses=$(realpath "$2")
output=$(realpath -m "$3")
shift 3
program=$(command -v apptainer || command -v singularity) || {
    echo "Neither apptainer nor singularity is found: load its module first" >&2
    exit 127
}

container=(--containall --cleanenv --bind "$analyses:$analyses:ro")
# bash before 4.4 takes an empty array for a variable that is not set: hence ${models[@]+...} below
options=() models=() look=''
while (($#)) && [[ $1 != -- ]]; do
    if [[ $1 == --models ]]; then
        models=(--models "$(realpath "${2:?--models SPECS}")")
        container+=(--bind "${models[1]}:${models[1]}:ro")
        shift
    elif [[ $1 == --list ]]; then
        look=yes
    else
        options+=("$1")
    fi
    shift
done
if [[ -d ${TEMPLATEFLOW_HOME:-} ]]; then
    templates=$(realpath "$TEMPLATEFLOW_HOME")
    container+=(--bind "$templates:$templates:ro" --env "TEMPLATEFLOW_HOME=$templates")
fi

status=0
list=$("$program" exec "${container[@]}" "$image" \
    bids-ari-studies "$analyses" "$output" ${models[@]+"${models[@]}"} ${options[@]+"${options[@]}"} --list "$@") || status=$?
echo "$list"
if [[ -n $look ]] || ((status != 0 && status != 65)); then # 65: the summary lists those with a problem: submit them, too
    exit "$status"
fi

studies=$(mktemp "$PWD/studies.XXXXXX")
cut -f 1 <<< "$list" > "$studies"
sbatch_options+=(${memory:+"$memory"} "--array=1-$(wc -l < "$studies")$limit")
sbatch "${sbatch_options[@]}" "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/studies.sbatch" \
    "$image" "$analyses" "$output" "$studies" ${models[@]+"${models[@]}"} "$@"
