#!/bin/bash
# One mpirun for the agents, one process on each host, and one for the training.
#   HOSTFILE=hosts ./mpirun.sh ./train --epochs 3
COLLECTOR=${COLLECTOR:-head:6006}
LOGDIR=${LOGDIR:-./logs}
HOSTFILE=${HOSTFILE:-hosts}

mpirun --hostfile "$HOSTFILE" --map-by ppr:1:node \
  tributary-agent --collector "$COLLECTOR" --plaintext --logdir "$LOGDIR" &
agents=$!

mpirun --hostfile "$HOSTFILE" "$@"
status=$?

# mpirun passes SIGTERM on; the agents deliver what is there, for up to 25 s.
kill -TERM "$agents"
wait "$agents"
exit "$status"
