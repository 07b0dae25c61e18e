"""Stand-ins for srun and mpirun: all nodes are this machine. They start, number and end processes as the real ones do; tried beside Slurm
22.05 and Open MPI 4.1. An option that a stand-in does not know is an error.

    python launchers.py srun --nodes=2 COMMAND…
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time


def take_options(argv, known, joined):
    """({name: value}, the command). `known`: {name: whether it has a value}; `joined`: as --name=value, else as --name value."""
    options = {}
    argv = list(argv)
    while argv and argv[0].startswith("--"):
        name, has_value, value = argv.pop(0)[2:].partition("=")
        if name not in known or (has_value != "") != (known[name] and joined):
            sys.exit(f"no such option here: --{name}")
        options[name] = value if joined or not known[name] else argv.pop(0)
    return options, argv


def hosts_of(nodelist):
    """Slurm's short form, as far as tests use it: node07, node[07-08], node[11,15]."""
    prefix, numbers = re.fullmatch(r"([a-z]+)\[?([\d,-]+)\]?", nodelist).groups()
    hosts = []
    for part in numbers.split(","):
        first, _, last = part.partition("-")
        hosts += [f"{prefix}{number:0{len(first)}}" for number in range(int(first), int(last or first) + 1)]
    return hosts


class Tasks:
    """The processes of a step, each with its children in a process group of its own."""

    def __init__(self):
        self.running = []
        self.script = os.getppid()

    def start(self, command, env):
        self.running.append(subprocess.Popen(command, env={**os.environ, **env}, start_new_session=True))

    def send(self, number):
        for task in self.running:
            # Also to children whose parent has ended.
            try:
                os.killpg(task.pid, number)
            except ProcessLookupError:
                pass

    def ended(self):
        """The exit codes of those that have ended."""
        codes = [task.poll() for task in self.running]
        return [128 - code if code < 0 else code for code in codes if code is not None]

    def wait_until(self, condition):
        while not condition() and len(self.ended()) < len(self.running):
            if os.getppid() != self.script:
                self.send(signal.SIGKILL)
            time.sleep(0.02)


def srun(argv):
    numbers = {"nodes": True, "ntasks": True, "ntasks-per-node": True}
    options, command = take_options(argv, {**numbers, "overlap": False, "disable-status": False, "mem": True}, joined=True)
    hosts = hosts_of(os.environ["SLURM_JOB_NODELIST"])
    # What is not given is the job's.
    nodes = int(options.get("nodes", os.environ["SLURM_JOB_NUM_NODES"]))
    per_node = int(options.get("ntasks-per-node", os.environ.get("SLURM_NTASKS_PER_NODE", 1)))
    count = int(options.get("ntasks", os.environ.get("SLURM_NTASKS", nodes * per_node)))
    if count > nodes * per_node:
        print(f"srun: Warning: can't honor --ntasks-per-node set to {per_node} which doesn't match the requested tasks {count} with the number of "
              f"requested nodes {nodes}. Ignoring --ntasks-per-node.", file=sys.stderr)
    if "overlap" in options and options.get("mem") != "0":
        # So it is where the step beside it was first and has all of the job's memory.
        sys.exit("srun: error: Unable to create step for job: Memory required by task is not available")
    tasks = Tasks()

    def kill(*_):
        print("srun: forcing job termination", file=sys.stderr)
        tasks.send(signal.SIGKILL)

    signal.signal(signal.SIGTERM, kill)
    signal.signal(signal.SIGHUP, kill)
    # Otherwise the first one only prints how far the tasks are.
    signal.signal(signal.SIGINT, (lambda *_: tasks.send(signal.SIGINT)) if "disable-status" in options else lambda *_: None)
    for rank in range(count):
        node = rank * nodes // count
        local = rank - -(-node * count // nodes)
        tasks.start(command, {"SLURMD_NODENAME": hosts[node], "SLURM_NODEID": str(node), "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(local),
                              "SLURM_NTASKS": str(count), "SLURM_STEP_NUM_NODES": str(nodes), "SLURM_STEP_NUM_TASKS": str(count)})
    tasks.wait_until(lambda: False)
    return max(tasks.ended())


def mpirun(argv):
    options, command = take_options(argv, {"hostfile": True, "map-by": True}, joined=False)
    hosts = pathlib.Path(options["hostfile"]).read_text().split()
    if options.get("map-by", "ppr:1:node") != "ppr:1:node":
        sys.exit("no such mapping here")
    tasks = Tasks()
    told = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.append(1))
    for rank, host in enumerate(hosts):
        # TRIBUTARY_NODE is in the place of the host's name.
        tasks.start(command, {"TRIBUTARY_NODE": host, "OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": str(len(hosts))})
    # One that fails ends all, as a signal does.
    tasks.wait_until(lambda: told or any(tasks.ended()))
    code = 1 if told else max(tasks.ended())
    if code:
        tasks.send(signal.SIGTERM)
        time.sleep(1)
        tasks.send(signal.SIGKILL)
    return code


if __name__ == "__main__":
    sys.exit({"srun": srun, "mpirun": mpirun}[sys.argv[1]](sys.argv[2:]))
