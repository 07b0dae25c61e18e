#!/usr/bin/env python3
"""Makes a store with very many runs, as agents make it: each of NODES nodes has the event files of JOBS jobs on a disk of its own, and one
real agent, which takes {job} from the path. The same files for the same number of runs.

    many_runs.py STORE SCRATCH RUNS

Runs are `job0042/node3/exp7`, 100 of each job; the jobs with the higher numbers are newer."""

import pathlib
import sys

from event_files import record, scalar_event, version_event
from programs import AGENT, Site

NODES = 10
RUNS_OF_A_NODE = 10
RUNS_OF_A_JOB = NODES * RUNS_OF_A_NODE
TAGS = ("accuracy", "loss")
STEPS = 10
START = 1_700_000_000
JOB_SECONDS = 600


def content(job):
    """One event file: all runs of a job have the same curves, which differ from job to job."""
    start = START + job * JOB_SECONDS
    records = [record(version_event(float(start)))]
    for step in range(STEPS):
        for tag in TAGS:
            value = (step + 1 + job % 7) / (STEPS + 8)
            records.append(record(scalar_event(start + step + 0.5, step, tag, value if tag == "accuracy" else 1 - value)))
    return b"".join(records)


def write_sources(scratch, runs):
    for job in range(runs // RUNS_OF_A_JOB):
        data = content(job)
        name = f"events.out.tfevents.{START + job * JOB_SECONDS}.h.7.0"
        for node in range(NODES):
            for number in range(RUNS_OF_A_NODE):
                directory = scratch / f"node{node}" / f"job{job:04}" / "tb" / f"exp{number}"
                directory.mkdir(parents=True)
                (directory / name).write_bytes(data)


def deliver(site, scratch):
    """By one agent for each node, until all is durable."""
    agents = [site.start(f"deliver-node{node}", AGENT, "run", "--once", "--collector", f"127.0.0.1:{site.port}", "--node", f"node{node}",
                         "--logdir", f"{scratch}/node{node}/{{job}}/tb") for node in range(NODES)]
    for agent in agents:
        status = agent.wait(1800)
        if status != 0:
            raise RuntimeError(f"an agent ended with {status}:\n{agent.text()[-3000:]}")


def main(store, scratch, runs):
    scratch = pathlib.Path(scratch)
    write_sources(scratch / "sources", int(runs))
    site = Site(scratch)
    site.store = pathlib.Path(store)
    try:
        site.start_collector()
        deliver(site, scratch / "sources")
        site.collector.stop()
    finally:
        site.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
