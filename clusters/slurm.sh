#!/bin/bash
# Ray on an allocation of Slurm, and a sweep on it. From the project's folder, which all nodes see:
#     sbatch clusters/slurm.sh label-flip-plane --out /shared/label-flip-plane
# What follows the script goes to `bocnn run`; add --gpus 1 where the allocation has GPUs. Submit it again
# until it is complete: what is published is not trained again.
#SBATCH --job-name=bocnn
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=08:00:00
# Two minutes before the end the driver is told, and ends by itself: exit status 143.
#SBATCH --signal=B:TERM@120
# EDIT above: nodes, cores of each, time; and `#SBATCH --gpus-per-node=4` where there are GPUs.
set -euo pipefail

bin=${BOCNN_BIN:-$PWD/.venv/bin} # made by `make setup-cluster`
[ -x "$bin/ray" ] || { echo "expected Ray in $bin: make setup-cluster, or set BOCNN_BIN" >&2; exit 2; }
[ $# -gt 0 ] || { echo "expected a sweep and --out: sbatch clusters/slurm.sh SWEEP --out FOLDER" >&2; exit 2; }

# One secret for this job alone; only processes of its user can read it. The port is the job's number, since
# others may have Ray on the same node.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 PATH=$bin:$PATH
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
address=$(getent ahostsv4 "$head" | awk 'NR == 1 {print $1}')
port=$((20000 + SLURM_JOB_ID % 10000))

# Ray on one node, until this script ends; its files are in a folder of the job, removed with it.
# shellcheck disable=SC2016
start='umask 077; export RAY_TMPDIR=/tmp/bocnn-$SLURM_JOB_ID; mkdir -p "$RAY_TMPDIR"
trap "rm -rf $RAY_TMPDIR" EXIT
ray start --block --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" "$@"'
run_on() { # NODE, then options of `ray start`
    srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --nodelist="$1" \
        bash -c "$start" ray "${@:2}" &
}

run_on "$head" --head --node-ip-address="$address" --port="$port" --include-dashboard=false
for try in {1..60}; do
    ray health-check --address "$address:$port" > /dev/null 2>&1 && break
    [ "$try" -lt 60 ] || { echo "Ray did not start on $head" >&2; exit 1; }
    sleep 1
done
for node in "${nodes[@]:1}"; do
    run_on "$node" --address="$address:$port"
done

bocnn run "$@" --address "$address:$port" &
driver=$!
trap 'kill -TERM $driver' TERM INT
status=0
wait "$driver" || status=$?
while kill -0 "$driver" 2> /dev/null; do # the wait that a signal ended
    status=0
    wait "$driver" || status=$?
done
scancel --signal=TERM "$SLURM_JOB_ID" || true # the steps, not this script
wait || true
exit "$status"
