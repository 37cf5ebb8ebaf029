#!/usr/bin/env bash
# Finds the studies and submits one task per study:
#   submit.sh IMAGE ANALYSES OUTPUT [options of bids-ari-studies] [-- flags of bids-ari]
# Set options of sbatch by its variables, such as SBATCH_ACCOUNT. Logs and the list of studies are written to this folder.
set -euo pipefail

: "${3:?submit.sh IMAGE ANALYSES OUTPUT [options of bids-ari-studies] [-- flags of bids-ari]}"
image=$(realpath "$1")
analyses=$(realpath "$2")
output=$(realpath -m "$3")
shift 3

options=() models=() binds=(--bind "$analyses:$analyses:ro")
while (($#)) && [[ $1 != -- ]]; do
    if [[ $1 == --models ]]; then
        models=(--models "$(realpath "$2")")
        binds+=(--bind "${models[1]}:${models[1]}:ro")
        shift
    else
        options+=("$1")
    fi
    shift
done

status=0
list=$(apptainer exec --containall --cleanenv "${binds[@]}" "$image" \
    bids-ari-studies "$analyses" "$output" "${models[@]}" "${options[@]}" --list "$@") || status=$?
echo "$list"
if ((status != 0 && status != 65)); then # 65: those with a problem are submitted, too, so that the summary lists them
    exit "$status"
fi

studies=$(mktemp "$PWD/studies.XXXXXX")
cut -f 1 <<< "$list" > "$studies"

sbatch --array="1-$(wc -l < "$studies")" "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/studies.sbatch" \
    "$image" "$analyses" "$output" "$studies" "${models[@]}" "$@"
