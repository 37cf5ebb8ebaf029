#!/usr/bin/env bash
# Finds the contrasts of a dataset and submits one task per contrast:
#   submit.sh [options of sbatch] IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]
# Options of sbatch have the form --account=lab. By default a task has --mem=8G; --array=%20 runs at most 20 tasks at a time.
# Logs and the list of contrasts are written to this folder. With --list among the flags, it prints what would be analysed,
# and submits nothing.
set -euo pipefail

options=() limit='' memory=--mem=8G
if compgen -v SBATCH_MEM_PER > /dev/null; then memory=''; fi # sbatch refuses two kinds of memory
while [[ ${1:-} == -* ]]; do
    case $1 in
        --array=%*) limit=${1#--array=} ;;
        --mem*=*) memory=$1 ;;
        --*=* | --exclusive | --requeue | --no-requeue) options+=("$1") ;;
        *)
            echo "$1: options of sbatch have the form --option=value here" >&2
            exit 64
            ;;
    esac
    shift
done
: "${3:?submit.sh [options of sbatch] IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]}"
image=$(realpath "$1")
bids=$(realpath "$2")
out=$(realpath -m "$3")
shift 3
for word in "$@"; do
    if [[ $word == --split[-_]alpha || $word == --joint ]]; then
        echo "$word does not work in an array: use --alpha, divided by the number of all results" >&2
        exit 64
    fi
done
program=$(command -v apptainer || command -v singularity) || {
    echo "Neither apptainer nor singularity is found: load its module first" >&2
    exit 127
}

container=(--containall --cleanenv --bind "$bids:$bids:ro")
if [[ -d ${TEMPLATEFLOW_HOME:-} ]]; then
    templates=$(realpath "$TEMPLATEFLOW_HOME")
    container+=(--bind "$templates:$templates:ro" --env "TEMPLATEFLOW_HOME=$templates")
fi
for word in "$@"; do
    if [[ $word == --list ]]; then
        exec "$program" run "${container[@]}" "$image" "$bids" "$out" group "$@"
    fi
done

status=0
labels=$("$program" run "${container[@]}" "$image" "$bids" "$out" group --list-contrasts "$@") || status=$?
if ((status != 0 && status != 65)); then
    exit "$status"
elif [[ -z $labels ]]; then # 65: there are contrasts, and none can be analysed
    echo "No contrast can be submitted" >&2
    exit $((status == 65 ? 65 : 66))
fi

contrasts=$(mktemp "$PWD/contrasts.XXXXXX")
echo "$labels" > "$contrasts"
options+=(${memory:+"$memory"} "--array=1-$(wc -l < "$contrasts")$limit")
sbatch "${options[@]}" "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/group.sbatch" \
    "$image" "$bids" "$out" "$contrasts" "$@"
