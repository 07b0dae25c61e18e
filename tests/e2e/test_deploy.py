"""deploy/: scripts are linted, manifests hang together, and all of it is run with the real programs, as far as one machine can: what the
schedulers would do is played by small stand-ins that set the real variables."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest

from event_files import EventFile
from launchers import hosts_of
from programs import AGENT, COLLECTOR, Http, require, wait_for

yaml = pytest.importorskip("yaml", reason="PyYAML parses the manifests: ./dev setup test")

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
SCRIPTS = sorted([*DEPLOY.glob("slurm/*.sh"), *DEPLOY.glob("slurm/*.sbatch"), *DEPLOY.glob("examples/*.sh")])
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
FILE = "events.out.tfevents.1700000000.h.1.0"


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def pod_of(document):
    """(labels, pod spec) of each template of a manifest."""
    spec = document["spec"]
    templates = [replica["template"] for replica in spec["pytorchReplicaSpecs"].values()] if document["kind"] == "PyTorchJob" else \
        [spec["template"]] if "template" in spec else []
    return [(template["metadata"]["labels"], template["spec"]) for template in templates]


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"]]


def runs(site):
    return set(site.http.json("/data/runs"))


def tools(directory, **scripts):
    """A PATH with our programs and stand-ins for those of the scheduler."""
    directory.mkdir(exist_ok=True)
    for program in (AGENT, COLLECTOR):
        link = directory / program.name
        if not link.exists():
            link.symlink_to(program)
    for name, text in scripts.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


# A writer that takes the place of a training: DIR [EXIT-CODE [GO]]. The first process of a node writes a point to an event file below DIR,
# and another one when GO exists.
TRAIN = f"""#!{sys.executable}
import os, sys, time
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from event_files import EventFile
directory, code, go = (sys.argv + ["0", ""][len(sys.argv) - 2:])[1:]
node = os.environ.get("SLURMD_NODENAME") or os.environ.get("TRIBUTARY_NODE", "here")
if os.environ.get("SLURM_LOCALID", "0") == "0":
    file = EventFile(f"{{directory}}/exp1/{FILE}.{{node}}")
    file.scalar("loss", 1, 0.5)
    while go and not os.path.exists(go):
        time.sleep(0.02)
    file.scalar("loss", 2, 0.25)
    file.close()
sys.exit(int(code))
"""


def launcher(name):
    return f'#!/bin/sh\nexec {sys.executable} {pathlib.Path(__file__).with_name("launchers.py")} {name} "$@"\n'


def expect_the_tail_after(site, logs, started, go, code):
    """The training goes on and ends while the collector stands still: what it wrote last is delivered when that is possible, and the script
    ends with the training's exit code."""
    site.collector.freeze()
    go.touch()
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(3)
    site.collector.process.send_signal(signal.SIGCONT)
    assert started.wait() == code, started.text()
    expect_all_durable(site, logs)


def expect_all_durable(site, logs):
    """Of whatever node. What is shown is a moment behind what agents are told."""
    wait_for(lambda: site.durable({(node, file): logs / file for node, file in site.streams()}), "all is durable", seconds=5)


# --- What a reader of the files would see.


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_clean(script):
    checker = shutil.which("shellcheck") or pytest.skip("shellcheck is not installed: ./dev setup test")
    done = subprocess.run([checker, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_hang_together(manifest):
    for document in documents(manifest):
        assert document["apiVersion"] and document["kind"] and document["metadata"]["name"]
        selector = document["spec"].get("selector", {})
        for labels, pod in pod_of(document):
            wanted = selector.get("matchLabels", {})
            assert wanted.items() <= labels.items()
            claims = [claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])]
            volumes = {volume["name"] for volume in pod.get("volumes", [])} | set(claims)
            for container in containers(pod):
                assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes
                ports = {port["name"] for port in container.get("ports", [])}
                for probe in ("readinessProbe", "livenessProbe"):
                    if probe in container:
                        assert container[probe]["httpGet"]["port"] in ports
                        assert container[probe]["httpGet"]["path"] in ("/readyz", "/healthz")
            # Whoever sends must be let in, and has the time to deliver.
            if any(container["command"] == ["tributary-agent"] for container in containers(pod)):
                assert labels["tributary"] == "agent"
                assert pod["terminationGracePeriodSeconds"] > 25


def test_the_service_and_the_policy_are_those_of_the_collector():
    service, collector, policy = documents(DEPLOY / "kubernetes" / "collector.yaml")
    (labels, pod), = pod_of(collector)
    assert service["spec"]["selector"].items() <= labels.items()
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    names = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert names[service["spec"]["ports"][0]["targetPort"]] == service["spec"]["ports"][0]["port"] == 6006
    assert policy["spec"]["ingress"][0]["ports"][0]["port"] in names
    assert collector["spec"]["serviceName"] == service["metadata"]["name"]


# --- Kubernetes: the very arguments and variables of the containers.


def replaced(args, **values):
    """The arguments with the values of some flags replaced."""
    args = list(args)
    for flag, value in values.items():
        at = args.index("--" + flag.replace("_", "-"))
        args[at + 1] = str(value)
    return args


def test_the_collectors_container_starts_and_is_found_by_its_probes(site, tmp_path):
    require(COLLECTOR)
    collector = next(document for document in documents(DEPLOY / "kubernetes" / "collector.yaml") if document["kind"] == "StatefulSet")
    container = pod_of(collector)[0][1]["containers"][0]
    port_file = tmp_path / "port"
    program = site.start("pod", COLLECTOR, *replaced(container["args"], data=tmp_path / "data", host="127.0.0.1", port=0), "--port-file", port_file)
    wait_for(lambda: port_file.exists() or not program.running(), "it listens")
    assert port_file.exists(), program.text()
    http = Http(f"http://127.0.0.1:{port_file.read_text().strip()}")
    for probe in ("readinessProbe", "livenessProbe"):
        wait_for(lambda: http.request(container[probe]["httpGet"]["path"])[0] == 200, probe)
    # By the name of the Service, as agents and viewers of the cluster come.
    assert http.request("/", headers={"Host": "tributary:6006"})[0] == 200


@pytest.mark.parametrize("manifest, host, labels, expected", [
    ("agent-daemonset.yaml", "tributary-agent-x7f2k", {}, "gpu-node-3/exp1"),
    ("job-sidecar.yaml", "bert-3", {}, "bert-3/exp1"),
    ("pytorchjob-sidecar.yaml", "bert-worker-1", {}, "bert-worker-1/exp1"),
    ("plain-job-sidecar.yaml", "bert-zq8xk", {"run": "bert-42"}, "bert-42/exp1"),
])
def test_the_agents_container_gives_the_names_that_the_readme_states(site, tmp_path, manifest, host, labels, expected):
    if os.geteuid() != 0:
        pytest.skip("a pod's host name needs root")
    document, = documents(DEPLOY / "kubernetes" / manifest)
    pod_labels, pod = pod_of(document)[-1]
    assert labels.items() <= pod_labels.items()
    container = next(container for container in containers(pod) if container["command"] == ["tributary-agent"])
    # What the downward API would put there.
    downward = {"spec.nodeName": "gpu-node-3", **{f"metadata.labels['{key}']": value for key, value in pod_labels.items()}}
    env = {entry["name"]: downward[entry["valueFrom"]["fieldRef"]["fieldPath"]] for entry in container.get("env", [])}
    if document["spec"].get("completionMode") == "Indexed":
        env["JOB_COMPLETION_INDEX"] = "3"
    logs = tmp_path / "logs"
    EventFile(logs / "exp1" / FILE).scalar("loss", 1, 0.5).close()
    site.start_collector()
    args = replaced(container["args"], collector=f"127.0.0.1:{site.port}", logdir=logs)
    if "--admin-port" in args:
        args = replaced(args, admin_port=0, admin_host="127.0.0.1")
    in_pod = ["unshare", "-u", "sh", "-c", f'hostname {host} && exec "$@"', "sh"]
    agent = site.start("pod", *in_pod, AGENT, *args, env=env)
    assert wait_for(lambda: runs(site), "the run is there") == {expected}, agent.text()
    assert agent.stop() == 0
    # The README says the same.
    readme = (DEPLOY / "kubernetes" / "README.md").read_text()
    row = next(line for line in readme.splitlines() if line.startswith(f"| `{manifest}`"))
    assert re.sub(r"^gpu-node-3", "<node>", expected) in row or expected.split("/")[0] in row


# --- Slurm. Its variables are those of 22.05.


def batch(job="4711", nodes="node[07-08]", count=2, tasks_per_node=4, **more):
    """The environment of a batch script that asked for tasks; without `tasks_per_node` of one that did not."""
    first = hosts_of(nodes)[0]
    asked = {"SLURM_NTASKS": str(count * tasks_per_node), "SLURM_NPROCS": str(count * tasks_per_node),
             "SLURM_NTASKS_PER_NODE": str(tasks_per_node)} if tasks_per_node else {}
    return {"SLURM_JOB_ID": job, "SLURM_JOBID": job, "SLURM_JOB_NODELIST": nodes, "SLURM_NODELIST": nodes, "SLURM_JOB_NUM_NODES": str(count),
            "SLURM_NNODES": str(count), "SLURM_TASKS_PER_NODE": f"{tasks_per_node or 1}(x{count})", "SLURM_JOB_NAME": "bert", "SLURMD_NODENAME": first,
            "SLURM_NODEID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_MEM_PER_CPU": "100", **asked, **more}


def array_task(task, **more):
    return batch(job=str(4700 + task), SLURM_ARRAY_JOB_ID="4700", SLURM_ARRAY_TASK_ID=str(task), SLURM_ARRAY_TASK_COUNT="10", SLURM_ARRAY_TASK_MIN="0",
                 SLURM_ARRAY_TASK_MAX="9", SLURM_ARRAY_TASK_STEP="1", **more)


def prolog(job, nodelist_names=("SLURM_NODELIST",)):
    """The environment of prolog and epilog: nothing of the job's name or of its array, and no search path. Since 23.02 the node list also has
    its newer name."""
    user = str(os.getuid())
    return {"SLURM_JOB_ID": job, "SLURM_JOBID": job, "SLURM_JOB_UID": user, "SLURM_UID": user, "SLURM_JOB_GID": str(os.getgid()), "SLURM_JOB_USER": "alice",
            "SLURM_JOB_WORK_DIR": "/home/alice", "SLURM_JOB_PARTITION": "gpu", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_CPUS_PER_NODE": "4(x2)",
            "SLURM_JOB_RESTART_COUNT": "0", "SLURM_CLUSTER_NAME": "c", "SLURM_CONF": "/etc/slurm/slurm.conf", "SLURM_SCRIPT_CONTEXT": "prolog_slurmd",
            "SLURMD_NODENAME": "node08", **{name: "node[07-08]" for name in nodelist_names}}


@pytest.mark.parametrize("nodelist_names, marks, expected", [
    (("SLURM_NODELIST",), False, "4703/node1"),
    (("SLURM_NODELIST", "SLURM_JOB_NODELIST"), False, "4703/node1"),
    (("SLURM_NODELIST",), True, "4700_3/node1"),
], ids=["22.05", "23.02", "marked by the job too"])
def test_prolog_daemon_and_epilog(site, tmp_path, nodelist_names, marks, expected):
    site.start_collector()
    root = tmp_path / "tb"
    root.mkdir()
    config = tmp_path / "agent.yaml"
    installed = yaml.safe_load((DEPLOY / "slurm" / "agent.yaml").read_text())
    assert installed["logdir"] == ["/scratch/tb/{job}"]
    config.write_text(yaml.safe_dump({**installed, "collector": f"127.0.0.1:{site.port}", "logdir": [f"{root}/{{job}}"]}))
    bare = {**prolog("4703", nodelist_names), "TRIBUTARY_ROOT": str(root), "TRIBUTARY_CONFIG": str(config), "TRIBUTARY_AGENT": str(AGENT)}
    directory = root / "4703"
    daemon = site.start("daemon", AGENT, "--config", config, env={"SLURMD_NODENAME": "node08"})

    done = subprocess.run([DEPLOY / "slurm" / "prolog.sh"], env=bare, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    marked = yaml.safe_load((directory / ".tributary.yaml").read_text())
    assert {key: str(value) for key, value in marked.items()} == {"job": "4703", "nodelist": "node[07-08]"}
    assert directory.stat().st_mode & 0o777 == 0o750
    if marks:
        subprocess.run([AGENT, "mark", directory], env={**array_task(3), "SLURMD_NODENAME": "node08"}, check=True)

    # The epilog waits for what is not there yet: the daemon stands still while the job writes its last file.
    wait_for(lambda: any(node["agents"] for node in site.http.json("/api/v1/cluster")["nodes"]), "the daemon is connected")
    daemon.freeze()
    EventFile(directory / "exp1" / FILE).scalar("loss", 1, 0.5).close()
    epilog = subprocess.Popen([DEPLOY / "slurm" / "epilog.sh"], env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        ended = epilog.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        ended = None
    assert ended is None, f"the epilog did not wait: exit code {epilog.returncode}, {ended}"
    assert runs(site) == set()
    daemon.process.send_signal(signal.SIGCONT)
    _, errors = epilog.communicate(timeout=90)
    assert epilog.returncode == 0 and errors == "", errors + daemon.text()
    # So scratch may be wiped now.
    shutil.rmtree(directory)
    assert runs(site) == {f"{expected}/exp1"}
    assert f"`{expected.replace('node1', 'node0')}/…`" in (DEPLOY / "slurm" / "README.md").read_text()


def test_prolog_and_epilog_never_take_a_node_out_of_service(tmp_path):
    require(AGENT)
    (tmp_path / "root").write_text("no directory")
    broken = {"TRIBUTARY_ROOT": str(tmp_path / "root"), "TRIBUTARY_CONFIG": str(tmp_path / "none.yaml"), "TRIBUTARY_AGENT": str(AGENT)}
    for script, env, told in (("prolog.sh", broken, "no SLURM_JOB_ID"), ("prolog.sh", {**broken, **prolog("4711")}, "cannot make"),
                              ("prolog.sh", {**broken, "SLURM_JOB_ID": "../x"}, "no SLURM_JOB_ID"),
                              ("epilog.sh", {**broken, **prolog("4711")}, "left something undelivered"),
                              ("epilog.sh", {**broken, "TRIBUTARY_AGENT": "/none"}, "left something undelivered")):
        done = subprocess.run([DEPLOY / "slurm" / script], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and told in done.stderr, (script, done.stderr)


def sbatch(site, tmp_path, script, env, logs, *command, name="job"):
    """Starts a job script as Slurm does on the first node of the job."""
    return site.start(name, DEPLOY / "slurm" / script, "train", logs, *command,
                      env={**env, **tools(tmp_path / "bin", srun=launcher("srun"), train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs)})


def test_the_job_script_runs_an_agent_on_each_node_and_keeps_the_exit_code(site, tmp_path):
    site.start_collector()
    logs, go = tmp_path / "logs", tmp_path / "go"
    job = sbatch(site, tmp_path, "job.sbatch", batch(), logs, "3", go)
    # Both see one directory here, each as its own node.
    wait_for(lambda: len(site.streams()) == 4, "both files are there from both nodes")
    assert runs(site) == {"4711/node0/exp1", "4711/node1/exp1"}
    expect_the_tail_after(site, logs, job, go, 3)
    assert runs(site) == {"4711/node0/exp1", "4711/node1/exp1"}


def test_one_command_delivers_before_it_returns(site, tmp_path):
    site.start_collector()
    logs, go = tmp_path / "logs", tmp_path / "go"
    job = sbatch(site, tmp_path, "one-command.sbatch", array_task(3, nodes="node07", count=1, tasks_per_node=None), logs, "7", go)
    wait_for(lambda: runs(site), "the run is there")
    expect_the_tail_after(site, logs, job, go, 7)
    assert runs(site) == {"4700_3/node0/exp1"}


@pytest.mark.parametrize("script", ["job.sbatch", "one-command.sbatch"])
def test_tasks_of_an_array_share_a_node(site, tmp_path, script):
    site.start_collector()
    go = tmp_path / "go"
    jobs = {task: sbatch(site, tmp_path, script, array_task(task, nodes="node07", count=1, tasks_per_node=None), tmp_path / str(task), str(task), go,
                         name=f"job{task}") for task in (3, 4)}
    # At once: neither has ended.
    wait_for(lambda: runs(site) == {"4700_3/node0/exp1", "4700_4/node0/exp1"}, "both runs are there")
    go.touch()
    for task, job in jobs.items():
        assert job.wait() == task, job.text()
    file = f"exp1/{FILE}.node07"
    wait_for(lambda: site.durable({(f"470{task}-node0", file): tmp_path / str(task) / file for task in jobs}), "all is durable", seconds=5)


def test_a_requeued_job_goes_on_with_its_streams_on_other_nodes(site, tmp_path):
    site.start_collector()
    logs = tmp_path / "logs"
    assert sbatch(site, tmp_path, "job.sbatch", batch(), logs).wait() == 0
    again = sbatch(site, tmp_path, "job.sbatch", batch(nodes="node[11,15]", SLURM_RESTART_COUNT="1"), logs)
    assert again.wait() == 0, again.text()
    # The directory is one that all nodes see: no file of it is another node's stream now.
    files = {f"exp1/{FILE}.{node}" for node in ("node07", "node08", "node11", "node15")}
    wait_for(lambda: set(site.streams()) == {(node, file) for node in ("4711-node0", "4711-node1") for file in files}, "these are the streams", seconds=5)
    expect_all_durable(site, logs)
    assert runs(site) == {"4711/node0/exp1", "4711/node1/exp1"}


# --- By hand.


def test_torchrun(site, tmp_path):
    site.start_collector()
    logs = tmp_path / "logs"
    torchrun = '#!/bin/bash\nwhile [[ $1 == --* ]]; do shift 2; done\nRANK=0 LOCAL_RANK=0 WORLD_SIZE=1 GROUP_RANK=0 TORCHELASTIC_RUN_ID=none exec "$@"\n'
    env = {**os.environ, **tools(tmp_path / "bin", torchrun=torchrun, train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs),
           "TRIBUTARY_NODE": "node07"}
    done = subprocess.run([DEPLOY / "examples" / "torchrun.sh", "train", logs, "5"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 5, done.stderr
    assert runs(site) == {"node07/exp1"}


def test_mpirun(site, tmp_path):
    site.start_collector()
    logs, go, hosts = tmp_path / "logs", tmp_path / "go", tmp_path / "hosts"
    hosts.write_text("node07\nnode08\n")
    env = {**tools(tmp_path / "bin", mpirun=launcher("mpirun"), train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs), "HOSTFILE": str(hosts)}
    job = site.start("job", DEPLOY / "examples" / "mpirun.sh", "train", logs, "6", go, env=env)
    wait_for(lambda: len(site.streams()) == 4, "both files are there from both hosts")
    expect_the_tail_after(site, logs, job, go, 6)
    assert runs(site) == {"node07/exp1", "node08/exp1"}


# --- Monitoring.


def test_alerts_ask_for_metrics_that_there_are(site, tmp_path):
    (tmp_path / "logs").mkdir()
    site.start_collector()
    site.start_agent("n1", tmp_path / "logs", flags=("--admin-port", "0"), name="agent")
    agent = site.programs[-1]
    port = wait_for(lambda: re.search(r"(?:admin|metrics)[^\n]*?(?:port=|:)(\d{4,5})", agent.text()), "the agent tells its port")[1]
    told = set()
    for http in (site.http, Http(f"http://127.0.0.1:{port}")):
        told |= set(re.findall(r"^# TYPE (\S+)", http.request("/metrics")[2].decode(), re.M))
    rules = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 5
    for rule in alerts:
        asked = set(re.findall(r"\btributary_\w+", rule["expr"]))
        assert asked and asked <= told, (rule["alert"], asked - told)
        assert rule["annotations"]["summary"] and rule["annotations"]["action"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert json.dumps(rules)
