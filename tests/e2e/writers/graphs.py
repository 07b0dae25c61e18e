"""Graphs of runs and functions, profiles of steps, Keras models."""

import json
import math

import numpy
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.event_pb2 import TaggedRunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.util import tensor_util
from writers.basics import add_event, add_summary, blob_summary, event_file


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
