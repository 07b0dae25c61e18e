"""Asks two servers the routes of the dashboards that go by a series' metadata, and compares answer by answer.

A question is (name, path, query, body); what is asked for data follows from what the reference lists. Statuses and content types
are compared always, bodies of a 200 value by value. Where TensorBoard answers 500, ours must be a 400 (or a 200, where it serves
what TensorBoard fails at); both are counted as differences on purpose.
"""

import json
import urllib.parse

from google.protobuf import text_format
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef

HPARAMS = "/data/plugin/hparams/"
ALL_STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
TWICE = 2


def ask(http, question):
    """(status, content type, body)"""
    _, path, query, body = question
    if query:
        path += "?" + urllib.parse.urlencode(query, doseq=True)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    status, headers, content = http.request(path, data, {"Content-Type": "application/json"} if data is not None else None)
    return status, headers.get("Content-Type", "").replace(" ", "").lower(), content


def unescaped(text):
    """TensorBoard shows a text among the values of a hyperparameter as JSON escapes it: no filter with it would find the text."""
    try:
        return json.loads(f'"{text}"') if isinstance(text, str) else text
    except ValueError:
        return text


def unordered(value):
    """Lists that have no order of their own, sorted."""
    if isinstance(value, dict):
        made = {key: unordered(member) for key, member in value.items()}
        if isinstance(made.get("domainDiscrete"), list):
            made["domainDiscrete"] = sorted(map(unescaped, made["domainDiscrete"]), key=repr)
        return made
    if isinstance(value, list) and all(isinstance(member, dict) and "content_type" in member for member in value):
        return sorted(value, key=lambda point: (point["step"], point["content_type"]))  # parts of a mesh
    return [unordered(member) for member in value] if isinstance(value, list) else value


def body_of(kind, content):
    if kind.startswith("text/x-protobuf"):
        return text_of(content)
    return unordered(json.loads(content)) if kind.startswith("application/json") else content


def text_of(content):
    """A text message with its numbers and the order of its fields in one form."""
    for message in (GraphDef(), RunMetadata()):
        try:
            text_format.Parse(content, message)
        except text_format.ParseError:
            continue
        for node in getattr(message, "node", []):
            node.attr["_too_large_attrs"].list.s.sort()
        return text_format.MessageToString(message).splitlines()
    return content


def paths(expected, actual, place="$"):
    """Where two values differ."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            yield from paths(expected.get(key, "absent"), actual.get(key, "absent"), f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, (left, right) in enumerate(zip(expected, actual)):
            yield from paths(left, right, f"{place}[{number}]")
    elif expected != actual:
        yield f"{place}: {str(expected)[:200]!r} expected, {str(actual)[:200]!r} answered"


def difference(question, expected, actual):
    """None, or one line."""
    name = f"{question[0]} {question[1]} {question[2]} {question[3]}"
    if expected[0] >= 500:
        return None if actual[0] in (200, 400, 404) else f"{name}: {actual[0]} where the reference fails with {expected[0]}"
    if expected[0] != actual[0]:
        return f"{name}: status {expected[0]} expected, {actual[0]} answered: {actual[2][:300]!r}"
    if expected[0] != 200:
        return None
    if expected[1] != actual[1]:
        return f"{name}: type {expected[1]} expected, {actual[1]} answered"
    found = list(paths(body_of(expected[1], expected[2]), body_of(actual[1], actual[2])))[:TWICE]
    return f"{name}: {found}" if found else None


def compare_questions(reference, candidate, questions):
    """The differences, and how many questions were asked."""
    differences, asked = [], 0
    for question in questions:
        line = difference(question, ask(reference, question), ask(candidate, question))
        asked += 1
        if line is not None:
            differences.append(line)
    return differences, asked


def columns_of(experiment):
    return ([{"hparam": info["name"]} for info in experiment["hparamInfos"]]
            + [{"metric": info["name"]} for info in experiment["metricInfos"]])


def with_filter(column, info):
    """The column with every kind of filter that fits it, and some that do not."""
    interval = info.get("domainInterval") or {"minValue": 0, "maxValue": 1}
    discrete = (info.get("domainDiscrete") or [0.1, True, "x"])[:TWICE]
    yield {**column, "filterRegexp": "[a-m1]"}
    yield {**column, "filterRegexp": "("}
    yield {**column, "filterInterval": interval}
    yield {**column, "filterInterval": {"minValue": 0.25, "maxValue": "Infinity"}, "excludeMissingValues": True}
    yield {**column, "filterDiscrete": discrete}
    yield {**column, "filterDiscrete": [], "excludeMissingValues": True}
    yield {**column, "excludeMissingValues": True}


def hparams_questions(reference):
    experiment = reference.json(HPARAMS + "experiment", request="{}")
    for body in ({}, {"hparamsLimit": 1}, {"hparamsLimit": 0}, {"includeMetrics": False}, {"experimentName": "x", "hparams_limit": 1000},
                 {"nope": 1}, {"hparamsLimit": "x"}, {"hparamsLimit": -1}, 5):
        yield "experiment", HPARAMS + "experiment", None, body
    yield "experiment", HPARAMS + "experiment", None, b""
    yield "experiment", HPARAMS + "experiment", None, b"{"
    yield "experiment", HPARAMS + "experiment", {"request": json.dumps({"hparamsLimit": 2})}, None
    yield "experiment", HPARAMS + "experiment", None, None
    groups = HPARAMS + "session_groups"
    plain = {"allowedStatuses": ALL_STATUSES, "startIndex": 0, "sliceSize": 1000000}
    yield "groups", groups, None, {}
    yield "groups", groups, None, {"allowedStatuses": ALL_STATUSES}
    yield "groups", groups, {"request": json.dumps(plain)}, None
    for status in ALL_STATUSES + ["NOPE", 7]:
        yield "groups", groups, None, {**plain, "allowedStatuses": [status]}
    for start, size in ((1, 2), (0, 1), (-2, 1), (5, 100), (0, -1)):
        yield "groups", groups, None, {**plain, "startIndex": start, "sliceSize": size}
    for members in ({"includeMetrics": False}, {"colParams": [{}]}, {"colParams": [{"hparam": "nope", "order": 9}]}, {"sliceSize": 1.5},
                    {"aggregationType": 17}):
        yield "groups", groups, None, {**plain, **members}
    columns = columns_of(experiment)
    infos = experiment["hparamInfos"] + [{} for _ in experiment["metricInfos"]]
    for column, info in zip(columns, infos):
        for order in ("ORDER_ASC", "ORDER_DESC"):
            for first in (False, True):
                yield "sort", groups, None, {**plain, "colParams": [{**column, "order": order, "missingValuesFirst": first}]}
        for filtered in with_filter(column, info):
            yield "filter", groups, None, {**plain, "colParams": [filtered]}
        yield "include", groups, None, {**plain, "colParams": [{**column, "includeInResult": True}]}
        yield "exclude", groups, None, {**plain, "colParams": [{**column, "includeInResult": False}]}
    yield "sort by two", groups, None, {**plain, "colParams": [{**column, "order": "ORDER_DESC"} for column in columns[:TWICE]]}
    for kind in ("AGGREGATION_UNSET", "AGGREGATION_AVG", "AGGREGATION_MEDIAN", "AGGREGATION_MIN", "AGGREGATION_MAX"):
        for info in experiment["metricInfos"]:
            yield kind, groups, None, {**plain, "aggregationType": kind, "aggregationMetric": info["name"]}
        yield kind, groups, None, {**plain, "aggregationType": kind}
    answered = json.loads(ask(reference, ("", groups, None, plain))[2])
    for group in answered["sessionGroups"]:
        for session in group["sessions"]:
            for metric in experiment["metricInfos"] + [{"name": {"group": "", "tag": "nope"}}]:
                request = {"sessionName": session["name"], "metricName": metric["name"]}
                yield "evals", HPARAMS + "metric_evals", None, request
    yield "evals", HPARAMS + "metric_evals", None, {}
    for visible in (json.dumps([True] * len(columns)), json.dumps([number % TWICE == 0 for number in range(len(columns))]), "[true]", "[]", "5",
                    "", None):
        for kind in ("json", "csv", "latex", "xml", None):
            for request in (plain, {"nope": 1}):
                query = {"format": kind, "columnsVisibility": visible, "request": json.dumps(request)}
                yield "download", HPARAMS + "download_data", {key: value for key, value in query.items() if value is not None}, None


def pr_curves_questions(reference):
    tags, route = reference.json("/data/plugin/pr_curves/tags"), "/data/plugin/pr_curves/pr_curves"
    yield "tags", "/data/plugin/pr_curves/tags", None, None
    for query in ({}, {"run": "a"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "none", "tag": "x"}, {"run": "", "tag": ""}):
        yield "curves", route, query, None
    for run, series in tags.items():
        for tag in list(series) + ["newer"]:
            yield "curves", route, {"run": run, "tag": tag}, None
            yield "curves", route, {"run": list(tags), "tag": tag}, None
            yield "curves", route, {"run": [run, "nope"], "tag": tag}, None


def mesh_questions(reference):
    tags, route = reference.json("/data/plugin/mesh/tags"), "/data/plugin/mesh/"
    yield "tags", route + "tags", None, None
    for query in ({}, {"run": "a"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "a", "tag": "nope"}):
        yield "meshes", route + "meshes", query, None
        yield "data", route + "data", query, None
        yield "data", route + "data", {**query, "content_type": "VERTEX"}, None
    for run, series in tags.items():
        for tag in series:
            of_mesh = {"run": run, "tag": tag}
            yield "meshes", route + "meshes", of_mesh, None
            points = reference.json(route + "meshes", **of_mesh)
            for kind in ("VERTEX", "FACE", "COLOR"):
                for step in sorted({point["step"] for point in points} | {999}):
                    for sample in range(series[tag]["samples"] + 1):
                        yield "data", route + "data", {**of_mesh, "content_type": kind, "step": step, "sample": sample}, None
            for bad in ({"content_type": "UNDEFINED"}, {"content_type": "vertex"}, {"content_type": ""}, {"content_type": "VERTEX", "sample": "x"},
                        {"content_type": "VERTEX", "step": "x"}, {"content_type": "VERTEX", "step": "3.0"}, {"content_type": "VERTEX", "sample": "-1"}):
                yield "data", route + "data", {**of_mesh, **bad}, None


def custom_scalars_questions(reference):
    route, tags = "/data/plugin/custom_scalars/", reference.json("/data/plugin/scalars/tags")
    yield "layout", route + "layout", None, None
    for query in ({}, {"run": "a"}, {"tag": ".*"}, {"tag": "("}, {"run": "nope", "tag": ".*"}, {"run": "a", "tag": ""}):
        yield "scalars", route + "scalars", query, None
        yield "download", route + "download_data", query, None
    for run, series in tags.items():
        for regex in (".*", "(", "[", "loss", "loss$", "^l", "oss", "LOSS", "(?i)LOSS", "(loss)|(loss_low)|(loss_high)", "a.b$", "train/acc \\(1\\)", "ü", "",
                      "*", "x{2,1}", "(?P<name>l)oss", "\\w+/\\w+", "$", "twse/.*", ".{1000}"):
            yield "scalars", route + "scalars", {"run": run, "tag": regex}, None
        for tag in list(series) + ["nope"]:
            for kind in ({}, {"format": "csv"}, {"format": "json"}, {"format": "xml"}):
                yield "download", route + "download_data", {"run": run, "tag": tag, **kind}, None


def graphs_questions(reference):
    info, route = reference.json("/data/plugin/graphs/info"), "/data/plugin/graphs/"
    yield "info", route + "info", None, None
    for query in ({}, {"run": "nope"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "nope", "conceptual": "true"},
                  {"run": "nope", "tag": "", "conceptual": "true"}):
        yield "graph", route + "graph", query, None
        yield "run_metadata", route + "run_metadata", query, None
    for run, parts in {**info, "broken": {"tags": {}}}.items():
        for tag in [None, "newer", "another tag", *parts["tags"]]:
            query = {"run": run} if tag is None else {"run": run, "tag": tag}
            yield "run_metadata", route + "run_metadata", query, None
            for conceptual in ({}, {"conceptual": "true"}, {"conceptual": "false"}):
                yield "graph", route + "graph", {**query, **conceptual}, None
            for limit in (1, 300, 1 << 30, 0, -1, "x", "", "1.5"):
                yield "limit", route + "graph", {**query, "limit_attr_size": limit, "large_attrs_key": "_too_large_attrs"}, None
            yield "limit", route + "graph", {**query, "limit_attr_size": 100}, None
            yield "limit", route + "graph", {**query, "large_attrs_key": "x"}, None
    yield "debugger", "/data/plugin/debugger-v2/runs", None, None


def projector_questions(reference):
    route, runs = "/data/plugin/projector/", reference.json("/data/plugin/projector/runs")
    for name in ("runs", "info", "tensor", "metadata", "bookmarks", "sprite_image"):
        for query in ({}, {"run": "nope"}, {"run": "a"}, {"run": "nope", "name": "x"}, {"run": "../a", "name": "x"}, {"run": "none"}):
            yield name, route + name, query, None
    for run in runs:
        yield "info", route + "info", {"run": run}, None
        info = reference.json(route + "info", run=run)
        for name in [embedding["tensorName"] for embedding in info["embeddings"]] + ["first:0", "nope"]:
            for kind in ("tensor", "metadata", "bookmarks", "sprite_image"):
                for rows in ({}, {"num_rows": 2}, {"num_rows": 100}, {"num_rows": 0}, {"num_rows": "x"}):
                    yield kind, route + kind, {"run": run, "name": name, **rows}, None
