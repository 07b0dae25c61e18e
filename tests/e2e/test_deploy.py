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
from programs import AGENT, COLLECTOR, Http, require, wait_for

yaml = pytest.importorskip("yaml", reason="PyYAML parses the manifests: ./dev setup test")

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
SCRIPTS = sorted([*DEPLOY.glob("slurm/*.sh"), *DEPLOY.glob("slurm/*.sbatch"), *DEPLOY.glob("examples/*.sh")])
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
FILE = "events.out.tfevents.1700000000.h.1.0"
JOB = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NODELIST": "node[07-08]", "SLURM_JOB_NAME": "bert", "SLURM_JOB_UID": str(os.getuid())}


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


# A writer that takes the place of a training: one event file below each directory it is given.
TRAIN = f"""#!{sys.executable}
import os, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
from event_files import EventFile
node = os.environ.get("SLURMD_NODENAME", "here")
file = EventFile(f"{{sys.argv[1]}}/exp1/{FILE}.{{node}}")
file.scalar("loss", 1, 0.5)
file.close()
sys.exit(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
"""


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


# --- Slurm.


def test_prolog_daemon_and_epilog(site, tmp_path):
    site.start_collector()
    root = tmp_path / "tb"
    root.mkdir()
    config = tmp_path / "agent.yaml"
    installed = yaml.safe_load((DEPLOY / "slurm" / "agent.yaml").read_text())
    assert installed["logdir"] == ["/scratch/tb/{job}"]
    config.write_text(yaml.safe_dump({**installed, "collector": f"127.0.0.1:{site.port}", "logdir": [f"{root}/{{job}}"]}))
    env = {**JOB, "SLURMD_NODENAME": "node08", "TRIBUTARY_ROOT": str(root), "TRIBUTARY_CONFIG": str(config), "TRIBUTARY_AGENT": str(AGENT)}
    # Slurm gives both no search path.
    bare = {key: value for key, value in env.items() if key != "PATH"}
    daemon = site.start("daemon", AGENT, "--config", config, env={"SLURMD_NODENAME": "node08"})

    done = subprocess.run([DEPLOY / "slurm" / "prolog.sh"], env=bare, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    marked = yaml.safe_load((root / "4711" / ".tributary.yaml").read_text())
    assert {key: str(value) for key, value in marked.items()} == {"job": "4711", "job_name": "bert", "nodelist": "node[07-08]"}
    assert (root / "4711").stat().st_mode & 0o777 == 0o750

    # The epilog waits for what is not there yet: the daemon stands still while the job writes its last file.
    wait_for(lambda: any(node["agents"] for node in site.http.json("/api/v1/cluster")["nodes"]), "the daemon is connected")
    daemon.process.send_signal(signal.SIGSTOP)
    EventFile(root / "4711" / "exp1" / FILE).scalar("loss", 1, 0.5).close()
    epilog = subprocess.Popen([DEPLOY / "slurm" / "epilog.sh"], env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        epilog.wait(2)
    assert runs(site) == set()
    daemon.process.send_signal(signal.SIGCONT)
    _, errors = epilog.communicate(timeout=90)
    assert epilog.returncode == 0 and errors == "", errors + daemon.text()
    # So scratch may be wiped now.
    shutil.rmtree(root / "4711")
    assert runs(site) == {"4711/node1/exp1"}
    assert "4711/node0/exp1/train" in (DEPLOY / "slurm" / "README.md").read_text()


def test_prolog_and_epilog_never_take_a_node_out_of_service(tmp_path):
    require(AGENT)
    (tmp_path / "root").write_text("no directory")
    broken = {"TRIBUTARY_ROOT": str(tmp_path / "root"), "TRIBUTARY_CONFIG": str(tmp_path / "none.yaml"), "TRIBUTARY_AGENT": str(AGENT)}
    for script, env, told in (("prolog.sh", broken, "no SLURM_JOB_ID"), ("prolog.sh", {**broken, **JOB}, "cannot make"),
                              ("prolog.sh", {**broken, "SLURM_JOB_ID": "../x"}, "no SLURM_JOB_ID"),
                              ("epilog.sh", {**broken, **JOB}, "left something undelivered"),
                              ("epilog.sh", {**broken, "TRIBUTARY_AGENT": "/none"}, "left something undelivered")):
        done = subprocess.run([DEPLOY / "slurm" / script], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and told in done.stderr, (script, done.stderr)


# Slurm's own srun starts the command once for each task, with these variables; --ntasks-per-node=1 is one for each node.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
rank=0; status=0; pids=()
trap 'kill -TERM "${pids[@]}" 2>/dev/null' TERM
for node in node07 node08; do
  SLURMD_NODENAME=$node SLURM_PROCID=$rank SLURM_NTASKS=2 "$@" & pids+=($!); rank=$((rank + 1))
done
for pid in "${pids[@]}"; do
  wait "$pid"; code=$?
  # A wait that a signal ended: the process is still there.
  while kill -0 "$pid" 2>/dev/null; do wait "$pid"; code=$?; done
  [[ $code == 0 ]] || status=$code
done
exit "$status"
"""


def test_the_job_script_runs_an_agent_on_each_node_and_keeps_the_exit_code(site, tmp_path):
    site.start_collector()
    logs = tmp_path / "logs"
    env = {**os.environ, **JOB, **tools(tmp_path / "bin", srun=SRUN, train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs)}
    done = subprocess.run([DEPLOY / "slurm" / "job.sbatch", "train", logs, "3"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3, done.stderr
    # Both see one directory here, each as its own node.
    assert runs(site) == {"4711/node0/exp1", "4711/node1/exp1"}, done.stderr


def test_one_command_delivers_before_it_returns(site, tmp_path):
    site.start_collector()
    logs = tmp_path / "logs"
    one = SRUN.replace("node07 node08", "node07")
    array = {**JOB, "SLURM_ARRAY_JOB_ID": "4700", "SLURM_ARRAY_TASK_ID": "3"}
    env = {**os.environ, **array, **tools(tmp_path / "bin", srun=one, train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs)}
    done = subprocess.run([DEPLOY / "slurm" / "one-command.sbatch", "train", logs, "7"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr
    assert runs(site) == {"4700_3/node0/exp1"}


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
    logs = tmp_path / "logs"
    mpirun = SRUN.replace("while [[ $1 == --* ]]; do shift; done", "while [[ $1 == --* ]]; do shift 2; done") \
        .replace("SLURMD_NODENAME=$node SLURM_PROCID=$rank SLURM_NTASKS=2", "TRIBUTARY_NODE=$node OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=2")
    env = {**os.environ, **tools(tmp_path / "bin", mpirun=mpirun, train=TRAIN), "COLLECTOR": f"127.0.0.1:{site.port}", "LOGDIR": str(logs)}
    done = subprocess.run([DEPLOY / "examples" / "mpirun.sh", "train", logs], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
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
