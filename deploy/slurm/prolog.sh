#!/bin/sh
# Slurm's Prolog, as root on each node of a job: makes the job's directory for event files and marks it with the job's
# facts, for the agent that runs on the node. Always 0: Slurm would take the node out of service.
root=${TRIBUTARY_ROOT:-/scratch/tb}
agent=${TRIBUTARY_AGENT:-/usr/bin/tributary-agent}
# Slurm sets no search path.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

case ${SLURM_JOB_ID:-} in
  '' | *[!0-9]*) echo "tributary prolog: no SLURM_JOB_ID" >&2; exit 0 ;;
esac
directory=$root/$SLURM_JOB_ID
if ! mkdir -p "$directory"; then
  echo "tributary prolog: cannot make $directory" >&2
  exit 0
fi
# Before 23.02 Slurm gives its prolog only the older name.
export SLURM_JOB_NODELIST="${SLURM_JOB_NODELIST:-$SLURM_NODELIST}"
# While it still belongs to root, so that no link of a user's is followed.
"$agent" mark "$directory" >/dev/null || echo "tributary prolog: $directory is not marked" >&2
chown "${SLURM_JOB_UID:-0}" "$directory" && chmod 0750 "$directory"
exit 0
