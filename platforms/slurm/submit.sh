#!/usr/bin/env bash
# Find the contrasts of a dataset and submit a task for each:
#   submit.sh IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]
# What sbatch is to know stands in its variables, such as SBATCH_ACCOUNT. Logs and the list come into this folder.
set -euo pipefail

: "${3:?submit.sh IMAGE BIDS_DIR OUTPUT_DIR [flags of bids-ari]}"
image=$(realpath "$1")
bids=$(realpath "$2")
out=$(realpath -m "$3")
shift 3

contrasts=$(mktemp "$PWD/contrasts.XXXXXX")
apptainer run --containall --cleanenv --bind "$bids:$bids:ro" "$image" "$bids" "$out" group --list "$@" |
    sed -nE 's/^([[:alnum:]]+-[^_ ]+_)*contrast-([^_ ]+)(_.*)?$/\2/p' | sort -u > "$contrasts"
n_contrasts=$(wc -l < "$contrasts")
if ((n_contrasts == 0)); then
    echo "No map names its contrast; write a list for group.sbatch by hand" >&2
    exit 66
fi

sbatch --array="1-$n_contrasts" "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/group.sbatch" \
    "$image" "$bids" "$out" "$contrasts" "$@"
