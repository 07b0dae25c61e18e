#!/bin/bash
# One mpirun for the agents, one process on each host, and one for the training.
#   HOSTFILE=hosts ./mpirun.sh ./train --epochs 3
COLLECTOR=${COLLECTOR:-head:6006}
LOGDIR=${LOGDIR:-./logs}
HOSTFILE=${HOSTFILE:-hosts}

# An agent that fails must not fail its process: mpirun would end all the others.
on_each_host=(mpirun --hostfile "$HOSTFILE" --map-by ppr:1:node sh -c '"$@" || true' sh)
agent=(tributary-agent --collector "$COLLECTOR" --plaintext --logdir "$LOGDIR")

"${on_each_host[@]}" "${agent[@]}" &
agents=$!

mpirun --hostfile "$HOSTFILE" "$@"
status=$?

# mpirun kills what it ends within a second; what the agents have not delivered by then goes now.
kill -TERM "$agents"
wait "$agents"
"${on_each_host[@]}" "${agent[@]}" --once
exit "$status"
