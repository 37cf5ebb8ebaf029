#!/usr/bin/env bash
# Finds the contrasts of a dataset and submits one task per contrast:
#   submit.sh IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]
# Set options of sbatch by its variables, such as SBATCH_ACCOUNT. Logs and the list of contrasts are written to this folder.
set -euo pipefail

: "${3:?submit.sh IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]}"
image=$(realpath "$1")
bids=$(realpath "$2")
out=$(realpath -m "$3")
shift 3

status=0
list=$(apptainer run --containall --cleanenv --bind "$bids:$bids:ro" "$image" "$bids" "$out" group --list "$@") || status=$?
if ((status != 0)); then # 65, where others can be analysed: the tasks of those with a problem will fail
    echo "$list" >&2
    if ((status != 65)) || [[ $list =~ (^|$'\n')0\ contrasts ]]; then
        exit "$status"
    fi
fi

contrasts=$(mktemp "$PWD/contrasts.XXXXXX")
sed -nE 's/^([[:alnum:]]+-[^_ ]+_)*(task)?contrast-([^_ ]+)(_.*)?$/\3/p' <<< "$list" | sort -u > "$contrasts"
n_contrasts=$(wc -l < "$contrasts")
if ((n_contrasts == 0)); then
    echo "No map has a contrast in its name; write a list of contrasts and submit group.sbatch yourself" >&2
    exit 66
fi

sbatch --array="1-$n_contrasts" "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/group.sbatch" \
    "$image" "$bids" "$out" "$contrasts" "$@"
