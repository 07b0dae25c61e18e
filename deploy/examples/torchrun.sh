#!/bin/bash
# On each node: torchrun, with the agent around it. Ranks write below LOGDIR; torchrun's exit code is returned when
# everything is delivered.
#   NNODES=2 NODE_RANK=0 MASTER=node07 ./torchrun.sh train.py --epochs 3
COLLECTOR=${COLLECTOR:-head:6006}
LOGDIR=${LOGDIR:-./logs}

exec tributary-agent run --collector "$COLLECTOR" --plaintext --logdir "$LOGDIR" -- \
  torchrun --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" --nproc-per-node "${GPUS:-gpu}" \
  --rdzv-backend c10d --rdzv-endpoint "${MASTER:-localhost}:29500" "$@"
