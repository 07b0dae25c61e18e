"""Every dashboard's routes against the real TensorBoard on the same directory, and what only truth can judge."""

import io
import json
import math
import random

import numpy
import PIL.Image
import pytest
from event_files import EventFile, record
from oracle import RealTensorBoard
from plugin_oracle import compare_questions, custom_scalars_questions, graphs_questions, hparams_questions, mesh_questions, pr_curves_questions, projector_questions
from programs import wait_for
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.event_pb2 import Event, TaggedRunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams_summary_v2
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from tensorboard.util import tensor_util

START = 1_700_000_000
LISTING = "/data/plugins_listing"


def event_file(logdir, run, number=0):
    return EventFile(logdir / run / f"events.out.tfevents.{START + number}.node.7.0", START + number)


def add_summary(file, summary, step=0, wall_time=START + 1):
    if isinstance(summary, bytes):
        summary = Summary.FromString(summary)
    file.raw(record(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()))
    return file


def check(site, reference, logdir, questions, plugin):
    """Both servers on the directory: all questions answered alike, and the tab listed alike."""
    site.start_collector("--logdir", logdir, data=False)
    server = reference(logdir)
    server.wait_for_runs(site.http.json("/data/runs"))
    asked = list(questions(server.http))
    differences, count = compare_questions(server.http, site.http, asked)
    server.http.json(LISTING)  # the reference looks for projections only when asked, and later
    wait_for(lambda: plugin != "projector" or server.http.json(LISTING)[plugin] == site.http.json(LISTING)[plugin], "the projector's tab", 10)
    expected, actual = server.http.json(LISTING), site.http.json(LISTING)
    assert actual[plugin] == expected[plugin]
    assert list(actual) == [key for key in expected if key in actual]
    assert not differences, f"{len(differences)} of {count} answers differ:\n" + "\n".join(differences)
    assert count > 5
    return server


@pytest.fixture
def reference(tmp_path):
    started = []

    def start(logdir):
        started.append(RealTensorBoard(logdir, tmp_path, None))
        return started[-1]

    yield start
    for server in started:
        server.close()


def hparams_data(tag, **data):
    """The summary that holds hparams data: all in the metadata, as tensorboard's own writers do it."""
    summary = Summary()
    value = summary.value.add(tag="_hparams_/" + tag)
    value.metadata.plugin_data.plugin_name = "hparams"
    value.metadata.plugin_data.content = plugin_data_pb2.HParamsPluginData(**data).SerializeToString()
    return summary


def session_start(hparams, **fields):
    info = plugin_data_pb2.SessionStartInfo(**fields)
    for name, value in hparams.items():
        kind = "bool_value" if isinstance(value, bool) else "string_value" if isinstance(value, str) else "number_value"
        setattr(info.hparams[name], kind, value)
    return hparams_data("session_start_info", session_start_info=info)


def session_end(status):
    return hparams_data("session_end_info", session_end_info=plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=START + 50))


def session(logdir, run, hparams, group="", status=api_pb2.STATUS_SUCCESS, end=True, metrics=None):
    file = event_file(logdir, run, len(run))
    add_summary(file, session_start(hparams, model_uri="model/" + run, monitor_url="http://monitor/" + (group or run), group_name=group,
                                    start_time_secs=START + 5))
    for tag, values in (metrics or {}).items():
        for step, value in enumerate(values):
            file.scalar(tag, step * 3, value)
    if end:
        add_summary(file, session_end(status))
    file.close()


def sessions_of_many_kinds(logdir):
    session(logdir, "a", {"lr": 0.1, "optimizer": "adam", "bias": True, "mixed": 1.0, "same": 3}, metrics={"loss": [3, 2, 1], "acc": [0.5]})
    session(logdir, "b", {"lr": 0.01, "optimizer": "sgd, \"slow\"", "bias": False, "mixed": "text_1%", "same": 3}, status=api_pb2.STATUS_FAILURE,
            metrics={"loss": [3, 2.5]})
    session(logdir, "c", {"lr": 1e-7, "optimizer": "adam"}, end=False, metrics={"loss": [math.inf], "acc": [0.25, 0.75]})
    session(logdir, "g/one", {"lr": 5.0, "optimizer": "lion"}, group="together", metrics={"loss": [-7.5]})
    session(logdir, "g/two", {"lr": 5.0, "optimizer": "lion"}, group="together", status=api_pb2.STATUS_RUNNING, metrics={"loss": [1, 2], "acc": [0.1]})
    session(logdir, "g/three", {"lr": 5.0, "optimizer": "lion"}, group="together", metrics={"acc": [0.3]})
    event_file(logdir, "a/validation", 40).scalar("loss", 4, 8.0).scalar("loss", 5, 9.0).close()
    event_file(logdir, "c/validation/deep", 41).scalar("loss", 4, 80.0).close()
    event_file(logdir, "none/at/all", 42).scalar("loss", 4, 8.0).scalar("other", 1, 1.0).close()


def session_without_a_number(logdir):
    session(logdir, "a", {"lr": 0.1, "ü \"x\"": "ß\n\\"}, metrics={"loss": [math.nan], "": [-math.inf]})


def session_in_the_root(logdir):
    session(logdir, ".", {"lr": 0.1}, metrics={"loss": [3, 2, 1]})
    session(logdir, "below", {"lr": 0.2}, metrics={"loss": [3, 2, 1]})


def described_experiment(logdir):
    file = event_file(logdir, ".")
    infos = [api_pb2.HParamInfo(name="lr", display_name="learning rate", description="how *fast*", type=api_pb2.DATA_TYPE_FLOAT64,
                                domain_interval=api_pb2.Interval(min_value=0, max_value=1)),
             api_pb2.HParamInfo(name="optimizer", type=api_pb2.DATA_TYPE_STRING)]
    infos[1].domain_discrete.extend(["adam", "sgd"])
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag="loss"), display_name="the loss"),
               api_pb2.MetricInfo(name=api_pb2.MetricName(tag="loss", group="validation"), dataset_type=api_pb2.DATASET_VALIDATION)]
    add_summary(file, hparams_data("experiment", experiment=api_pb2.Experiment(
        name="the name", hparam_infos=infos, metric_infos=metrics, user="someone", description="**bold**", time_created_secs=START))).close()
    session(logdir, "a", {"lr": 0.1, "optimizer": "adam"}, metrics={"loss": [3, 2, 1]})
    session(logdir, "b", {"lr": 0.2, "optimizer": "sgd"}, metrics={"loss": [3, 2, 0.5]})
    event_file(logdir, "b/validation", 9).scalar("loss", 1, 4.0).close()


def keras_callbacks(logdir):
    """What tensorboard.plugins.hparams' api and KerasCallback write."""
    lr, units = hparams_summary_v2.HParam("lr", hparams_summary_v2.RealInterval(0.0, 1.0)), hparams_summary_v2.HParam(
        "units", hparams_summary_v2.Discrete([16, 32]))
    file = event_file(logdir, ".")
    metric = hparams_summary_v2.Metric("epoch_loss", group="validation", display_name="loss (val.)")
    add_summary(file, hparams_summary_v2.hparams_config_pb([lr, units], [metric], START)).close()
    for number in range(3):
        run = f"trial-{number}"
        file = event_file(logdir, run, number)
        add_summary(file, hparams_summary_v2.hparams_pb({lr: 0.1 * number, units: 16 * (1 + number % 2)}, trial_id=f"trial {number}", start_time_secs=START))
        add_summary(file, session_end(api_pb2.STATUS_SUCCESS)).close()
        event_file(logdir, run + "/validation", number).scalar("epoch_loss", 0, 1.0 + number).scalar("epoch_loss", 1, 0.5 + number).close()


def tensorboardx_hparams(logdir):
    from tensorboardX import SummaryWriter

    for number in range(3):
        with SummaryWriter(str(logdir / "exp" / str(number))) as writer:
            writer.add_hparams({"lr": 0.1 * number, "bsize": number, "flag": number == 1, "name": "n%d" % (number % 2)},
                               {"hparam/accuracy": 10 * number, "hparam/loss": 1 / (1 + number)}, name="trial")


def no_hparams(logdir):
    event_file(logdir, "a").scalar("loss", 1, 1.0).close()


@pytest.mark.parametrize("write", [sessions_of_many_kinds, session_without_a_number, session_in_the_root, described_experiment, keras_callbacks, tensorboardx_hparams,
                                   no_hparams])
def test_hparams(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", hparams_questions, "hparams")


def tensor_summary(plugin, tag, array, content=b"", description="", display_name=""):
    summary = Summary()
    value = summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto(array))
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    value.metadata.summary_description = description
    value.metadata.display_name = display_name
    return summary


def curve(thresholds, seed, dtype=numpy.float32):
    made = random.Random(seed)
    rows = [[made.randrange(100) * (column < thresholds - 2) for column in range(thresholds)] for _ in range(4)]
    rows += [[made.random() for _ in range(thresholds)] for _ in range(2)]
    return numpy.array(rows, dtype=dtype)


def curves_by_hand(logdir):
    for run in ("a", "b"):
        file = event_file(logdir, run)
        for step in range(5):
            add_summary(file, tensor_summary("pr_curves", "colors/red", curve(11, step), PrCurvePluginData(num_thresholds=11).SerializeToString(),
                                             "the reds" if run == "a" else "", "Reds"), step)
            add_summary(file, tensor_summary("pr_curves", "doubles", curve(3, step, numpy.float64)), step)
        add_summary(file, tensor_summary("pr_curves", "newer", curve(3, 1), PrCurvePluginData(version=5).SerializeToString()))
        add_summary(file, tensor_summary("pr_curves", "nothing", numpy.zeros((6, 4), numpy.float32)))
        add_summary(file, tensor_summary("pr_curves", "one", numpy.ones((6, 1), numpy.float32)))
        file.close()
    event_file(logdir, "none").scalar("x", 1, 1.0).close()


def curves_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    made = numpy.random.default_rng(1)
    with SummaryWriter(str(logdir / "x")) as writer:
        for step in range(4):
            writer.add_pr_curve("pr", made.integers(0, 2, 100), made.random(100), step)


@pytest.mark.parametrize("write", [curves_by_hand, curves_of_tensorboardx, no_hparams])
def test_pr_curves(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", pr_curves_questions, "pr_curves")


def mesh_part(name, kind, array, components, config="{}", version=0):
    content = MeshPluginData(version=version, name=name, content_type=kind, json_config=config, shape=array.shape, components=components)
    return tensor_summary("mesh", f"{name}_{MeshPluginData.ContentType.Name(kind)}", array, content.SerializeToString())


def meshes_by_hand(logdir):
    made = numpy.random.default_rng(2)
    for run in ("a", "b/c"):
        file = event_file(logdir, run)
        for step in (0, 3, 7):
            add_summary(file, mesh_part("m/x", MeshPluginData.VERTEX, made.random((2, 5, 3)).astype(numpy.float32), 14, '{"camera": 1}'), step)
            add_summary(file, mesh_part("m/x", MeshPluginData.FACE, made.integers(0, 5, (2, 4, 3)).astype(numpy.int32), 14), step)
            add_summary(file, mesh_part("m/x", MeshPluginData.COLOR, made.integers(0, 256, (2, 5, 3)).astype(numpy.uint8), 14), step)
        add_summary(file, mesh_part("only vertices", MeshPluginData.VERTEX, made.random((1, 6, 3)).astype(numpy.float32), 2), 1)
        add_summary(file, mesh_part("all", MeshPluginData.VERTEX, made.random((3, 6, 3)), 0), 1)
        add_summary(file, mesh_part("one number", MeshPluginData.COLOR, numpy.full((1, 6, 3), 7, numpy.int64), 8), 1)
        add_summary(file, mesh_part("newer", MeshPluginData.VERTEX, made.random((1, 6, 3)), 2, version=3), 1)
        file.close()


def meshes_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    made = numpy.random.default_rng(3)
    with SummaryWriter(str(logdir / "x")) as writer:
        for step in range(3):
            writer.add_mesh("mesh", made.random((2, 8, 3)).astype(numpy.float32), made.integers(0, 255, (2, 8, 3)).astype(numpy.uint8),
                            made.integers(0, 8, (2, 4, 3)).astype(numpy.int32), {"camera": {"cls": "PerspectiveCamera", "fov": 75}}, step)


@pytest.mark.parametrize("write", [meshes_by_hand, meshes_of_tensorboardx, no_hparams])
def test_mesh(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", mesh_questions, "mesh")


def chart(title, tags=(), series=()):
    made = layout_pb2.Chart(title=title)
    if tags:
        made.multiline.tag.extend(tags)
    if series:
        made.margin.series.extend(layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper) for value, lower, upper in series)
    return made


def layouts_of_several_runs(logdir):
    band = [("loss", "loss_low", "loss_high")]
    layouts = {
        "a": [("losses", [chart("all", ["loss.*"]), chart("band", series=band)], False), ("others", [chart("acc", ["acc"])], True)],
        "b": [("losses", [chart("all", ["loss.*"]), chart("new one", ["x|y"])], True), ("third", [], False)],
    }
    for run, categories in layouts.items():
        file = event_file(logdir, run)
        for step in range(3):
            shown = [layout_pb2.Category(title=title, chart=charts, closed=closed) for title, charts, closed in categories[: step + 1]]
            layout = layout_pb2.Layout(category=shown)
            add_summary(file, tensor_summary("custom_scalars", "custom_scalars__config__", layout.SerializeToString()), step)
        for tag in ("loss", "loss_low", "loss_high", "acc", "train/acc (1)", "a.b", "ü", ""):
            for step in range(4):
                file.scalar(tag, step, step + len(tag) / 8)
        file.close()


def layout_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(logdir / "x")) as writer:
        writer.add_custom_scalars({"Taiwan": {"twse": ["Multiline", ["twse/0050", "twse/2330"]]},
                                   "USA": {"dow": ["Margin", ["dow/aaa", "dow/bbb", "dow/ccc"]], "nasdaq": ["Margin", ["n/aaa", "n/bbb", "n/ccc"]]}})
        for step in range(10):
            writer.add_scalar("twse/0050", step, step)
            writer.add_scalar("dow/aaa", -step, step)


@pytest.mark.parametrize("write", [layouts_of_several_runs, layout_of_tensorboardx, no_hparams])
def test_custom_scalars(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", custom_scalars_questions, "custom_scalars")


def graph_of(nodes, producer=21, op="MatMul"):
    graph = GraphDef()
    graph.versions.producer = producer
    for number in range(nodes):
        node = graph.node.add(name=f"scope_{number % 3}/n\u00fcmber {number}", op=op, device="/gpu:0")
        if number:
            node.input.extend([graph.node[number - 1].name, "^" + graph.node[0].name])
        node.attr["T"].type = 1
        node.attr["big"].s = bytes(range(256)) * number
        node.attr["shape"].shape.dim.add(size=-1)
        node.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(numpy.arange(3 * number, dtype=numpy.float32)))
        node.attr["list"].list.f.extend([0.1, 1e-20, math.inf, math.nan])
        node.attr["f"].func.name = "body"
        node.attr["f"].func.attr["quote\"d\n"].placeholder = "x"
        node.attr["empty"].list.SetInParent()
        node.attr["no"].b = False
    function = graph.library.function.add()
    function.signature.name = "body"
    function.signature.input_arg.add(name="x", type=1, is_ref=True)
    function.node_def.add(name="inner", op="Add", input=["x", "x"])
    function.ret["out"] = "inner:z:0"
    graph.library.gradient.add(function_name="body", gradient_func="body_grad")
    return graph


def metadata_of(graphs):
    made = RunMetadata()
    device = made.step_stats.dev_stats.add(device="/cpu:0")
    device.thread_names[3] = "worker"
    stats = device.node_stats.add(node_name="scope_0/a", all_start_micros=1 << 50, op_end_rel_micros=7, thread_id=3)
    stats.memory.add(allocator_name="cpu", total_bytes=5).allocation_records.add(alloc_micros=1, alloc_bytes=-4)
    stats.output.add(slot=1).tensor_description.shape.dim.add(size=3)
    made.cost_graph.node.add(name="c", is_final=True).output_info.add(size=4, dtype=1)
    for graph in graphs:
        made.function_graphs.add().pre_optimization_graph.CopyFrom(graph)
    return made.SerializeToString()


def blob_summary(plugin, tag, blob, content=b"1", rank=1):
    summary = Summary()
    value = summary.value.add(tag=tag, tensor=tensor_util.make_tensor_proto([blob] if rank else blob))
    value.metadata.plugin_data.plugin_name = plugin
    value.metadata.plugin_data.content = content
    return summary


def add_event(file, **fields):
    file.raw(record(Event(wall_time=START + 1, **fields).SerializeToString()))


def graphs_of_every_kind(logdir):
    file = event_file(logdir, "run/one")
    add_event(file, graph_def=graph_of(2).SerializeToString())
    add_event(file, step=3, graph_def=graph_of(7).SerializeToString())
    add_event(file, step=3, tagged_run_metadata=TaggedRunMetadata(tag="step 3", run_metadata=metadata_of([])))
    add_event(file, step=4, tagged_run_metadata=TaggedRunMetadata(tag="step 3", run_metadata=metadata_of([graph_of(1)])))
    file.close()
    file = event_file(logdir, "functions")
    partitioned = graph_of(3, op="PartitionedCall")
    for name, graphs in (("none", []), ("single", [graph_of(4)]), ("two", [graph_of(2), partitioned]), ("differ", [graph_of(2, 1), graph_of(2, 2)])):
        for plugin in ("graph_run_metadata", "graph_run_metadata_graph"):
            add_summary(file, blob_summary(plugin, f"{plugin} {name}", metadata_of(graphs), rank=len(graphs) % 2))
    add_summary(file, blob_summary("graph_run_metadata", "newer", metadata_of([]), content=b"2"))
    add_summary(file, blob_summary("graph_run_metadata", "broken", b"\xff\xff\xff"))
    add_summary(file, blob_summary("graphs", "another tag", graph_of(2).SerializeToString(), content=b""))
    file.close()
    file = event_file(logdir, "broken")
    add_event(file, graph_def=b"\xff\xff\xff")
    file.close()


def layer(class_name, name, inbound=None, dtype="float32", **config):
    made = {"class_name": class_name, "config": {"name": name, "dtype": dtype, **config}}
    if inbound is not None:
        tensors = [{"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": list(history)}} for history in inbound]
        made["inbound_nodes"] = [{"args": [tensors] if len(tensors) > 1 else tensors, "kwargs": {}}] if inbound else []
    return made


def keras_models(logdir):
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "bfloat16"}}
    sequential = {"class_name": "Sequential", "config": {"name": "sequential", "layers": [
        layer("InputLayer", "in"), layer("Dense", "dense", dtype=policy), layer("Odd", "odd", dtype="nothing"), layer("Dense", "out", dtype="float64")]}}
    functional = {"class_name": "Functional", "config": {"name": "model", "layers": [
        layer("InputLayer", "a", []), layer("InputLayer", "b", [], "int64"), layer("Add", "sum", [("a", 0, 0), ("b", 0, 0)], policy),
        layer("Dense", "left", [("sum", 0, 0)]), layer("Dense", "right", [("sum", 0, 0)])],
        "input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["left", 0, 0], ["right", 0, 0]]}}
    inner = {"class_name": "Functional", **{"config": {"name": "inner", "layers": [layer("InputLayer", "x", []), layer("Dense", "d", [("x", 0, 0)])],
                                                       "input_layers": ["x", 0, 0], "output_layers": ["d", 0, 0]}},
             "inbound_nodes": layer("", "", [("top", 0, 0)])["inbound_nodes"]}
    nested_sequential = {**sequential, "inbound_nodes": layer("", "", [("inner", 0, 0)])["inbound_nodes"]}
    nested = {"class_name": "Functional", "config": {"name": "outer", "layers": [
        layer("InputLayer", "top", []), inner, nested_sequential, layer("Dense", "end", [("sequential", 0, 0)]), layer("Both", "both", [("inner", 0, 5), ("end", 0, 0)])],
        "input_layers": ["top", 0, 0], "output_layers": ["end", 0, 0]}}
    file = event_file(logdir, "train")
    for name, model in (("sequential", sequential), ("functional", functional), ("nested", nested), ("no model", []), ("empty", {"config": {}})):
        add_summary(file, blob_summary("graph_keras_model", name, json.dumps(model).encode(), rank=0))
    add_summary(file, blob_summary("graph_keras_model", "no json", b"{"))
    file.close()


@pytest.mark.parametrize("write", [graphs_of_every_kind, keras_models, no_hparams])
def test_graphs(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", graphs_questions, "graphs")


def write_projection(directory, embeddings, files):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "projector_config.pbtxt").write_text("\n".join(f"embeddings {{ {text} }}" for text in embeddings))
    for name, content in files.items():
        (directory / name).write_bytes(content)


def png():
    made = io.BytesIO()
    PIL.Image.new("RGB", (8, 8)).save(made, "PNG")
    return made.getvalue()


def projections(logdir):
    for run in ("a", "b/c", "none"):
        event_file(logdir, run).scalar("x", 1, 1.0).close()
    numbers = numpy.random.default_rng(4).random((5, 3)).astype(numpy.float32)
    tsv = "\n".join("\t".join(map(str, row)) for row in numbers.tolist()).encode() + b"\n"
    (logdir / "secret.tsv").write_bytes(tsv)
    files = {"t.tsv": tsv, "t.bytes": numbers.tobytes(), "m.tsv": b"name\tkind\n" + b"".join(b"%d\tk\n" % row for row in range(5)), "one.tsv": b"a\nb\nc\n",
             "s.png": png(), "bookmarks.json": b'[{"label": "x"}]'}
    embeddings = ['tensor_name: "first:0" tensor_path: "t.tsv" metadata_path: "m.tsv" bookmarks_path: "bookmarks.json" '
                  'sprite { image_path: "s.png" single_image_dim: 8 single_image_dim: 8 }',
                  'tensor_name: "binary" tensor_path: "t.bytes" tensor_shape: [5, 3] metadata_path: "one.tsv"',
                  'tensor_name: "bare"', 'tensor_name: "gone" tensor_shape: [1, 1] metadata_path: "gone.tsv" bookmarks_path: "gone" sprite { image_path: "gone" }',
                  'tensor_name: "outside" tensor_shape: [5, 3] metadata_path: "../secret.tsv" bookmarks_path: "/etc/hostname" sprite { image_path: "link" }']
    write_projection(logdir / "a", embeddings, files)
    (logdir / "a" / "link").symlink_to(logdir / "secret.tsv")
    write_projection(logdir / "b" / "c" / "plugins" / "org_tensorflow_tensorboard_projector", ['tensor_path: "t.tsv"'], files)
    write_projection(logdir / "none", ['tensor_name: "bare"'], {})


def projection_of_tensorboardx(logdir):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(logdir / "x")) as writer:
        writer.add_scalar("x", 1, 1)
        writer.add_embedding(numpy.arange(12, dtype=numpy.float32).reshape(4, 3), metadata=["a", "b", "c", "d"], global_step=2, tag="emb")


@pytest.mark.parametrize("write", [projections, projection_of_tensorboardx, no_hparams])
def test_projector(site, reference, tmp_path, write):
    write(tmp_path / "logs")
    check(site, reference, tmp_path / "logs", projector_questions, "projector")


def test_projector_page_has_its_files(site, tmp_path):
    projections(tmp_path / "logs")
    site.start_collector("--logdir", tmp_path / "logs", data=False)
    status, headers, body = site.http.request("/data/plugin_entry.html?name=projector")
    assert status == 200 and b'href="plugin/projector/"' in body and "sha256-" in headers["Content-Security-Policy"]
    for name in ("index.js", "projector_binary.html", "projector_binary.js"):
        assert site.http.request("/data/plugin/projector/" + name)[0] == 200
