"""A training process: its event file grows until the process is ended.

usage: training.py DIRECTORY
"""

import os
import pathlib
import socket
import sys
import time

from event_files import EventFile

started = time.time()
file = EventFile(pathlib.Path(sys.argv[1]) / f"events.out.tfevents.{int(started)}.{socket.gethostname()}.{os.getpid()}.0", started)
for step in range(1 << 40):
    file.scalar("loss", step, 1 / (step + 1), time.time()).scalar("accuracy", step, step / (step + 50), time.time())
    # Enough for a curve at once; then at a training's pace.
    if step >= 30:
        time.sleep(0.25)
