"""What `plan` says before anything is sent is what the collector serves afterwards, in the environment of each scheduler, and neither another
node nor another logdir nor a restart renames anything.

The environments are what the schedulers set, with everything in them that could mislead: ranks, steps, links of services. Host names are
played by namespaces."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from event_files import EventFile
from programs import AGENT, require, wait_for

ID_FILES = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")
BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8"}


@dataclasses.dataclass
class Place:
    """Where an agent runs: a machine, what the scheduler set there, and what the user said."""
    host: str
    env: dict = dataclasses.field(default_factory=dict)
    flags: tuple = ()
    command: tuple = ()  # of `run -- COMMAND`
    machine: tuple = ()  # machine id and boot id, where they are not those of this machine

    def wrap(self, *command):
        variables = [f"{name}={value}" for name, value in {**BARE, "HOSTNAME": self.host, **self.env}.items()]
        unshare = ["unshare", "--uts"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--uts"]
        unshare += ["--mount"] if self.machine else []
        script = 'hostname "$0" && ' + "".join(
            f"f=$(mktemp) && echo {text} > $f && mount --bind $f {path} && rm $f && " for text, path in zip(self.machine, ID_FILES)) + 'exec "$@"'
        return [*unshare, "sh", "-c", script, self.host, "env", "-i", *variables, *map(str, command)]


def slurm(node, place, nodes="node[07-08]", job="4711", **more):
    """As slurmd sets it for a batch script and for tasks of srun, on a node."""
    return {"SLURM_JOB_ID": job, "SLURM_JOBID": job, "SLURM_JOB_NAME": "bert", "SLURM_JOB_NODELIST": nodes, "SLURM_NODELIST": nodes,
            "SLURM_JOB_NUM_NODES": "2", "SLURM_NNODES": "2", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_TASKS_PER_NODE": "1(x2)",
            "SLURM_PROCID": str(place), "SLURM_NODEID": str(place), "SLURM_LOCALID": "0", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0",
            "SLURM_STEP_NODELIST": nodes, "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_TOPOLOGY_ADDR": node,
            "SLURMD_NODENAME": node, "SLURM_CLUSTER_NAME": "c", "SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_USER": "alice", "SLURM_JOB_UID": "1000",
            "SLURM_SUBMIT_HOST": "login1", "SLURM_SUBMIT_DIR": "/home/alice", "SLURM_GTIDS": str(place), "SLURM_CPUS_ON_NODE": "64", **more}


def array(node, place, task):
    return slurm(node, place, job=str(4700 + task), SLURM_ARRAY_JOB_ID="4700", SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_COUNT="10",
                 SLURM_ARRAY_TASK_MIN="0", SLURM_ARRAY_TASK_MAX="9", SLURM_ARRAY_TASK_STEP="1")


def torchrun(group, run_id, nodes=1):
    """As torchrun sets it for a worker; GROUP_RANK is dealt anew at each rendezvous."""
    rank = str(4 * group)
    return {"LOCAL_RANK": "0", "RANK": rank, "GROUP_RANK": str(group), "ROLE_RANK": rank, "ROLE_NAME": "default", "LOCAL_WORLD_SIZE": "4",
            "WORLD_SIZE": str(4 * nodes), "GROUP_WORLD_SIZE": str(nodes), "ROLE_WORLD_SIZE": str(4 * nodes), "MASTER_ADDR": "node07", "MASTER_PORT": "29500",
            "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "3", "TORCHELASTIC_RUN_ID": run_id, "TORCHELASTIC_USE_AGENT_STORE": "True",
            "TORCH_NCCL_ASYNC_ERROR_HANDLING": "1", "OMP_NUM_THREADS": "1"}


def openmpi(rank):
    return {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
            "OMPI_COMM_WORLD_NODE_RANK": "0", "OMPI_UNIVERSE_SIZE": "2", "OMPI_APP_CTX_NUM_PROCS": "2", "OMPI_NUM_APP_CTX": "1", "OMPI_FIRST_RANKS": "0",
            "PMIX_RANK": str(rank), "PMIX_NAMESPACE": "prterun-node07-123@1", "PMIX_HOSTNAME": "node07", "OMPI_COMMAND": "tributary-agent"}


def mpich(rank):
    return {"PMI_RANK": str(rank), "PMI_SIZE": "2", "PMI_FD": "9", "MPI_LOCALRANKID": "0", "MPI_LOCALNRANKS": "1"}


def intel_mpi(rank):
    return {**mpich(rank), "I_MPI_MPIRUN": "mpirun", "I_MPI_HYDRA_UUID": "5a0e", "I_MPI_INTERNAL_MEM_POLICY": "default"}


# As the kubelet sets it in every pod of a namespace that has the Service `tributary`.
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443", "KUBERNETES_PORT": "tcp://10.96.0.1:443",
              "TRIBUTARY_SERVICE_HOST": "10.96.0.7", "TRIBUTARY_SERVICE_PORT": "6006", "TRIBUTARY_SERVICE_PORT_HTTP": "6006",
              "TRIBUTARY_PORT": "tcp://10.96.0.7:6006", "TRIBUTARY_PORT_6006_TCP": "tcp://10.96.0.7:6006", "TRIBUTARY_PORT_6006_TCP_PROTO": "tcp",
              "TRIBUTARY_PORT_6006_TCP_PORT": "6006", "TRIBUTARY_PORT_6006_TCP_ADDR": "10.96.0.7"}

RANKED = ("--namespace", "{job}/rank{rank}")
SLEEP = ("sleep", "600")

# name: (first node, the prefix of its runs, second node, the prefix of its runs)
CASES = {
    "by hand": (Place("node07.cluster.example"), "node07", Place("node08.cluster.example"), "node08"),
    "by hand, --node": (Place("vm", flags=("--node", "gpu-a")), "gpu-a", Place("vm", flags=("--node", "gpu-b")), "gpu-b"),
    "by hand, job and index told": (Place("vm", {"TRIBUTARY_JOB": "sweep", "TRIBUTARY_INDEX": "0"}, ("--namespace", "{job}/{index}")), "sweep/0",
                                    Place("vm2", {"TRIBUTARY_JOB": "sweep", "TRIBUTARY_INDEX": "1"}, ("--namespace", "{job}/{index}")), "sweep/1"),
    "slurm: sbatch": (Place("node07", slurm("node07", 0)), "4711/node0", Place("node08", slurm("node08", 1)), "4711/node1"),
    "slurm: array job whose tasks share a node": (Place("node07", array("node07", 0, 3), ("--node", "4703-node0")), "4700_3/node0",
                                                  Place("node07", array("node07", 0, 4), ("--node", "4704-node0")), "4700_4/node0"),
    "slurm: step on the second node only": (
        Place("node08", slurm("node08", 0, SLURM_STEP_ID="2", SLURM_STEP_NODELIST="node08", SLURM_STEP_NUM_NODES="1", SLURM_STEP_NUM_TASKS="1")), "4711/node1",
        Place("node07", slurm("node07", 0, SLURM_STEP_ID="3", SLURM_STEP_NODELIST="node07", SLURM_STEP_NUM_NODES="1", SLURM_STEP_NUM_TASKS="1")), "4711/node0"),
    "slurm: node names that are no host names": (
        Place("ip-10-0-0-7", slurm("gpu-a-1", 0, nodes="gpu-a-[1,3-4]")), "4711/node0", Place("ip-10-0-0-9", slurm("gpu-a-4", 2, nodes="gpu-a-[1,3-4]")), "4711/node2"),
    "slurm: srun around each rank": (Place("node07", slurm("node07", 0), RANKED, SLEEP), "4711/rank0", Place("node08", slurm("node08", 1), RANKED, SLEEP), "4711/rank1"),
    "torchrun --standalone": (Place("node07", torchrun(0, "1f8e7f2e-41d1-4f0c-a0c1-0a5f5c5a0c11")), "node07", Place("node08", torchrun(0, "none")), "node08"),
    "torchrun, several nodes": (Place("node07", torchrun(1, "bert-42", 2), ("--namespace", "{job}/{node}")), "bert-42/node07",
                                Place("node08", torchrun(0, "bert-42", 2), ("--namespace", "{job}/{node}")), "bert-42/node08"),
    "torchrun around each rank": (Place("node07", torchrun(0, "bert-42", 2), RANKED, SLEEP), "bert-42/rank0",
                                  Place("node08", torchrun(1, "bert-42", 2), RANKED, SLEEP), "bert-42/rank4"),
    "OpenMPI": (Place("node07", openmpi(0)), "node07", Place("node08", openmpi(1)), "node08"),
    "OpenMPI, rank": (Place("node07", openmpi(0), ("--namespace", "r{rank}"), SLEEP), "r0", Place("node08", openmpi(1), ("--namespace", "r{rank}"), SLEEP), "r1"),
    "MPICH": (Place("node07", mpich(0), ("--namespace", "r{rank}"), SLEEP), "r0", Place("node08", mpich(1), ("--namespace", "r{rank}"), SLEEP), "r1"),
    "Intel MPI": (Place("node07", intel_mpi(0)), "node07", Place("node08", intel_mpi(1)), "node08"),
    "kubernetes: StatefulSet": (Place("bert-worker-0", KUBERNETES), "bert-worker-0", Place("bert-worker-1", KUBERNETES), "bert-worker-1"),
    "kubernetes: Indexed Job": (Place("bert-0", {**KUBERNETES, "JOB_COMPLETION_INDEX": "0"}), "bert-0", Place("bert-1", {**KUBERNETES, "JOB_COMPLETION_INDEX": "1"}), "bert-1"),
    "kubernetes: Indexed Job, job by the downward API": (
        Place("bert-0", {**KUBERNETES, "JOB_COMPLETION_INDEX": "0", "TRIBUTARY_JOB": "bert", "TRIBUTARY_NAMESPACE": "{job}/{index}"}), "bert/0",
        Place("bert-1", {**KUBERNETES, "JOB_COMPLETION_INDEX": "1", "TRIBUTARY_JOB": "bert", "TRIBUTARY_NAMESPACE": "{job}/{index}"}), "bert/1"),
    "kubernetes: DaemonSet": (Place("tributary-agent-x7k2p", {**KUBERNETES, "TRIBUTARY_NODE": "ip-10-0-0-7.eu"}), "ip-10-0-0-7.eu",
                              Place("tributary-agent-b55zq", {**KUBERNETES, "TRIBUTARY_NODE": "ip-10-0-0-8.eu"}), "ip-10-0-0-8.eu"),
    "kubernetes: plain Job, namespace by the downward API": (Place("bert-x7k2p", {**KUBERNETES, "TRIBUTARY_NAMESPACE": "bert-42"}), "bert-42",
                                                            Place("bert-b55zq", {**KUBERNETES, "TRIBUTARY_NAMESPACE": "bert-43"}), "bert-43"),
}

RUNS = ("exp1/train", "exp1/eval", ".")


def write_runs(logdir, *runs, second=1_700_000_000):
    for number, run in enumerate(runs):
        EventFile(logdir / run / f"events.out.tfevents.{second + number}.h.{number}.0", second + number).scalar("loss", 1, 1.0).close()


def below(prefix, *runs):
    return {prefix if run == "." else f"{prefix}/{run}" for run in runs}


class Cluster:
    """Agents in their places, and what is planned and served."""

    def __init__(self, site):
        require(AGENT)
        if shutil.which("unshare") is None or subprocess.run(Place("h").wrap("true")).returncode != 0:
            pytest.skip("no namespaces here")
        self.site = site
        self.started = 0

    def collector(self):
        return ["--collector", f"127.0.0.1:{self.site.port}"]

    def ask_plan(self, place, *logdirs, asked=False, json=True):
        flags = [*place.flags, *(part for logdir in logdirs for part in ("--logdir", logdir)), *(self.collector() if asked else []), *(["--json"] if json else [])]
        return subprocess.run(place.wrap(AGENT, "plan", *flags, *(["--", *place.command] if place.command else [])), capture_output=True, text=True, timeout=60)

    def plan(self, place, *logdirs, asked=False):
        done = self.ask_plan(place, *logdirs, asked=asked)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def notes(self, place, *logdirs):
        """(kind, runs, with) of what a plan that asks the collector says beside the names."""
        return [(note["kind"], note["runs"], note["with"]) for note in self.plan(place, *logdirs, asked=True)["notes"]]

    def planned(self, place, *logdirs, asked=False):
        return {file["run"] for file in self.plan(place, *logdirs, asked=asked)["files"]}

    def start(self, place, *logdirs):
        self.started += 1
        flags = [*place.flags, *(part for logdir in logdirs for part in ("--logdir", logdir))]
        return self.site.start(f"agent{self.started}", *place.wrap(AGENT, "run", *self.collector(), "--drain-timeout", "2s", *flags, *(["--", *place.command] if place.command else [])))

    def served(self):
        return set(self.site.http.json("/data/runs"))

    def stored(self):
        root = self.site.store / "logdir"
        return {str(path.parent.relative_to(root)) for path in root.rglob("*tfevents*")}

    def expect(self, runs, agent=None):
        wait_for(lambda: self.served() == runs or (agent is not None and not agent.running()), f"runs are {sorted(runs)}, not {sorted(self.served())}")
        assert self.served() == runs, agent and agent.text()
        assert self.stored() == runs

    def stop(self, agent, place):
        if place.command:  # ends with its COMMAND
            for child in pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGTERM)
            agent.wait()
        else:
            assert agent.stop() == 0, agent.text()


@pytest.fixture
def cluster(site):
    return Cluster(site)


@pytest.mark.parametrize("name", CASES)
def test_plan_is_what_will_be_and_nothing_renames(cluster, tmp_path, name):
    first, first_prefix, second, second_prefix = CASES[name]
    write_runs(tmp_path / "a", *RUNS)
    mine = below(first_prefix, *RUNS)
    assert cluster.planned(first, tmp_path / "a") == mine
    cluster.site.start_collector()
    assert cluster.planned(first, tmp_path / "a", asked=True) == mine
    agent = cluster.start(first, tmp_path / "a")
    cluster.expect(mine, agent)
    kept = cluster.plan(first, tmp_path / "a", asked=True)["files"]
    assert {file["run"] for file in kept} == mine and all(file["why"].startswith("kept since ") and ";" not in file["why"] for file in kept)

    # A second node.
    write_runs(tmp_path / "b", *RUNS, second=1_700_001_000)
    theirs = below(second_prefix, *RUNS)
    assert cluster.planned(second, tmp_path / "b", asked=True) == theirs
    other = cluster.start(second, tmp_path / "b")
    cluster.expect(mine | theirs, other)

    # A restart of the agent, with a second logdir, and of the collector.
    cluster.stop(agent, first)
    write_runs(tmp_path / "c", "exp2", second=1_700_002_000)
    added = below(f"{first_prefix}/extra", "exp2")
    assert cluster.planned(first, tmp_path / "a", f"extra={tmp_path / 'c'}", asked=True) == mine | added
    agent = cluster.start(first, tmp_path / "a", f"extra={tmp_path / 'c'}")
    cluster.expect(mine | theirs | added, agent)
    cluster.site.collector.kill()
    cluster.site.start_collector()
    cluster.expect(mine | theirs | added, agent)
    agent.kill() if not first.command else cluster.stop(agent, first)
    # And what is new afterwards is named as before.
    write_runs(tmp_path / "a", "exp3", second=1_700_003_000)
    agent = cluster.start(first, tmp_path / "a", f"extra={tmp_path / 'c'}")
    cluster.expect(mine | theirs | added | below(first_prefix, "exp3"), agent)


@pytest.mark.parametrize("shared", [False, True], ids=["local disks", "shared directory"])
def test_a_requeued_job_goes_on_with_its_runs_on_other_hosts(cluster, tmp_path, shared):
    cluster.site.start_collector()
    before = [Place("node07", slurm("node07", 0)), Place("node08", slurm("node08", 1))]
    after = [Place("node11", slurm("node11", 0, nodes="node[11,15]", SLURM_RESTART_COUNT="1")), Place("node15", slurm("node15", 1, nodes="node[11,15]", SLURM_RESTART_COUNT="1"))]
    expected = set()
    for index, place in enumerate(before):
        write_runs(tmp_path / str(index), "exp1", second=1_700_000_000 + index)
        agent = cluster.start(place, tmp_path / str(index))
        expected |= {f"4711/node{index}/exp1"}
        cluster.expect(expected, agent)
        agent.kill()  # as preemption does
    for index, place in enumerate(after):
        logdir = tmp_path / str(index) if shared else tmp_path / f"{index} of another disk"
        write_runs(logdir, "exp1", second=1_700_001_000 + index)
        assert cluster.planned(place, logdir, asked=True) == {f"4711/node{index}/exp1"}
        agent = cluster.start(place, logdir)
        files = {str(path.relative_to(logdir)) for path in logdir.rglob("*tfevents*")}
        wait_for(lambda: files <= {file for node, file in cluster.site.streams() if node == place.host}, "its files are there")
        cluster.expect(expected, agent)
    assert cluster.served() == expected


def test_a_template_without_its_fact_is_refused_before_and_at_the_start(cluster, tmp_path):
    cluster.site.start_collector()
    write_runs(tmp_path / "a", "exp1")
    for place, fact in ((Place("node07", torchrun(0, "none"), ("--namespace", "{job}/{node}")), "job"),
                        (Place("node07", torchrun(0, "none"), ("--namespace", "{rank}")), "rank"),
                        (Place("node07", openmpi(0), ("--namespace", "{index}")), "index")):
        for command in ("plan", "run"):
            done = subprocess.run(place.wrap(AGENT, command, *cluster.collector(), "--logdir", tmp_path / "a", *place.flags), capture_output=True, text=True, timeout=60)
            assert done.returncode == 2 and f"{{{fact}}} has no value" in done.stderr, (command, done.stderr)
    assert cluster.served() == set()


def test_captures_of_the_path_and_directories_that_appear_later(cluster, tmp_path):
    daemon = Place("node07")
    pattern = f"{tmp_path}/scratch/{{user}}/{{job}}/tb"
    write_runs(tmp_path / "scratch/alice/4711/tb", *RUNS)
    write_runs(tmp_path / "scratch/alice/4711/other", "exp1")
    write_runs(tmp_path / "scratch/alice", "exp1")
    cluster.site.start_collector()
    first = below("4711/node07", *RUNS)
    assert cluster.planned(daemon, pattern) == first
    agent = cluster.start(daemon, pattern)
    cluster.expect(first, agent)
    # Found by the agent as it runs; a job that marked its directory has its place.
    (tmp_path / "scratch/bob/4712/tb").mkdir(parents=True)
    (tmp_path / "scratch/bob/4712/tb/.tributary.yaml").write_text("job: 4712\nnodelist: node[05-07]\n")
    write_runs(tmp_path / "scratch/bob/4712/tb", "exp1", second=1_700_001_000)
    later = first | {"4712/node2/exp1"}
    assert cluster.planned(daemon, pattern, asked=True) == later
    cluster.expect(later, agent)
    agent.kill()
    agent = cluster.start(daemon, pattern)
    write_runs(tmp_path / "scratch/carol/4713/tb", "exp1", second=1_700_002_000)
    cluster.expect(later | {"4713/node07/exp1"}, agent)


def test_a_run_that_goes_on_across_nodes_is_named_with_them(cluster, tmp_path):
    cluster.site.start_collector()
    write_runs(tmp_path / "a", "exp1", "exp2")
    write_runs(tmp_path / "b", "exp1", "exp3", second=1_700_001_000)
    first, second = Place("node07", flags=("--namespace", "")), Place("node08", flags=("--namespace", ""))
    assert cluster.notes(first, tmp_path / "a") == []
    agent = cluster.start(first, tmp_path / "a")
    cluster.expect({"exp1", "exp2"}, agent)
    assert cluster.notes(first, tmp_path / "a") == []  # its own files
    assert cluster.notes(second, tmp_path / "b") == [("nodes", ["exp1"], ["node07"])]
    assert "\n  exp1 goes on with 1 file of node07: same name, one run\n" in cluster.ask_plan(second, tmp_path / "b", asked=True, json=False).stdout
    assert cluster.notes(Place("node08"), tmp_path / "b") == []  # {node} keeps them apart
    other = cluster.start(second, tmp_path / "b")
    cluster.expect({"exp1", "exp2", "exp3"}, other)
    # It is so for both from now on.
    assert cluster.notes(first, tmp_path / "a") == [("nodes", ["exp1"], ["node08"])]


def test_names_that_look_the_same_are_told_and_are_different_runs(cluster, tmp_path):
    cluster.site.start_collector()
    theirs, mine = {"Exp1", "caf\u00e9", "other"}, {"exp1", "cafe\u0301", "run", "run\u200b", "mine"}
    write_runs(tmp_path / "a", *theirs)
    write_runs(tmp_path / "b", *mine, second=1_700_001_000)
    cluster.expect(theirs, cluster.start(Place("node07", flags=("--namespace", "")), tmp_path / "a"))
    second = Place("node08", flags=("--namespace", ""))
    here_and_there = cluster.notes(second, tmp_path / "b")
    assert sorted(here_and_there) == sorted([
        ("look_alike", ["Exp1", "exp1"], ["Exp1"]), ("look_alike", ["cafe\u0301", "caf\u00e9"], ["caf\u00e9"]), ("look_alike", ["run", "run\u200b"], [])])
    text = cluster.ask_plan(second, tmp_path / "b", asked=True, json=False).stdout
    assert '"Exp1" (at the collector) and "exp1" differ in letter case only' in text and r'"run" and "run\u{200b}" look the same' in text, text
    cluster.expect(theirs | mine, cluster.start(second, tmp_path / "b"))


def test_a_run_that_keeps_an_older_name_is_told_by_both(cluster, tmp_path):
    cluster.site.start_collector()
    write_runs(tmp_path / "a", "exp1")
    agent = cluster.start(Place("node07"), tmp_path / "a")
    cluster.expect({"node07/exp1"}, agent)
    cluster.stop(agent, Place("node07"))
    write_runs(tmp_path / "a", "exp1", second=1_700_001_000)
    new = Place("node07", flags=("--namespace", "new/{node}"))
    assert cluster.notes(new, tmp_path / "a") == [("kept", ["node07/exp1"], ["new/node07/exp1"])]
    cluster.expect({"node07/exp1", "new/node07/exp1"}, cluster.start(new, tmp_path / "a"))


@pytest.fixture
def machines():
    """Places with one host name on different machines."""
    if not pathlib.Path(ID_FILES[0]).exists():
        pytest.skip(f"no {ID_FILES[0]} to put another one over")
    found = [Place("node07", machine=("a" * 32, "boot-a")), Place("node07", machine=("b" * 32, "boot-b")), Place("node07", machine=("a" * 32, "boot-of-a-clone"))]
    for place in found:
        if subprocess.run(place.wrap("cat", ID_FILES[1]), capture_output=True, text=True).stdout.strip() != place.machine[1]:
            pytest.skip("no mounts here")
    return found


def test_a_second_machine_of_the_name_is_planned_as_it_will_be(cluster, machines, tmp_path):
    first, second, clone = machines
    cluster.site.start_collector()
    write_runs(tmp_path / "a", *RUNS)
    write_runs(tmp_path / "b", *RUNS, second=1_700_001_000)
    mine, theirs = below("node07", *RUNS), below("node07~2", *RUNS)
    agent = cluster.start(first, tmp_path / "a")
    cluster.expect(mine, agent)
    assert cluster.planned(second, tmp_path / "b") == mine  # asking nobody
    assert cluster.planned(second, tmp_path / "b", asked=True) == theirs
    assert cluster.notes(second, tmp_path / "b") == [("node", [], ["node07", "node07~2"])]
    other = cluster.start(second, tmp_path / "b")
    cluster.expect(mine | theirs, other)
    # Whether it runs or not, and when the first one is gone: a number once given is kept.
    assert cluster.planned(second, tmp_path / "b", asked=True) == theirs
    cluster.stop(other, second)
    assert cluster.planned(second, tmp_path / "b", asked=True) == theirs
    assert cluster.planned(first, tmp_path / "a", asked=True) == mine
    # A cloned image cannot be told apart: refused before as at the start.
    refused = cluster.ask_plan(clone, tmp_path / "b", asked=True)
    assert refused.returncode == 1 and "give --node" in refused.stderr and refused.stdout == "", refused
    started = subprocess.run(clone.wrap(AGENT, *cluster.collector(), "--once", "--connect-timeout", "2s", "--logdir", tmp_path / "b"), capture_output=True, text=True, timeout=60)
    assert started.returncode == 1 and "give --node" in started.stderr, started
    named = dataclasses.replace(clone, flags=("--node", "node07b"))
    assert cluster.planned(named, tmp_path / "b", asked=True) == below("node07b", *RUNS)
    cluster.stop(agent, first)
    assert cluster.planned(second, tmp_path / "b", asked=True) == theirs


def test_a_machine_that_took_the_place_of_a_dead_one_is_planned_so(cluster, machines, tmp_path):
    first, second, _ = machines
    cluster.site.start_collector()
    write_runs(tmp_path / "a", "exp1")
    write_runs(tmp_path / "b", "exp2", second=1_700_001_000)
    agent = cluster.start(first, tmp_path / "a")
    cluster.expect({"node07/exp1"}, agent)
    agent.freeze()  # as a machine that is gone: its connection stands, and nobody answers
    assert cluster.planned(second, tmp_path / "b", asked=True) == {"node07/exp2"}
    other = cluster.start(second, tmp_path / "b")
    cluster.expect({"node07/exp1", "node07/exp2"}, other)
    agent.kill()
