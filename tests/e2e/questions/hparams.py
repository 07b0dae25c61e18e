"""What the HParams dashboard asks, and what it might."""

import json

from questions.question import Question, get, post

HPARAMS = "/data/plugin/hparams/"
ALL_STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
TWICE = 2


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
        yield post(HPARAMS + "experiment", body)
    yield post(HPARAMS + "experiment", b"")
    yield post(HPARAMS + "experiment", b"{")
    yield Question(HPARAMS + "experiment", {"request": json.dumps({"hparamsLimit": 2})})
    yield get(HPARAMS + "experiment")
    groups = HPARAMS + "session_groups"
    plain = {"allowedStatuses": ALL_STATUSES, "startIndex": 0, "sliceSize": 1000000}
    yield post(groups, {})
    yield post(groups, {"allowedStatuses": ALL_STATUSES})
    yield Question(groups, {"request": json.dumps(plain)})
    for status in ALL_STATUSES + ["NOPE", 7]:
        yield post(groups, {**plain, "allowedStatuses": [status]})
    for start, size in ((1, 2), (0, 1), (-2, 1), (5, 100), (0, -1)):
        yield post(groups, {**plain, "startIndex": start, "sliceSize": size})
    for members in ({"includeMetrics": False}, {"colParams": [{}]}, {"colParams": [{"hparam": "nope", "order": 9}]}, {"sliceSize": 1.5},
                    {"aggregationType": 17}):
        yield post(groups, {**plain, **members})
    columns = columns_of(experiment)
    infos = experiment["hparamInfos"] + [{} for _ in experiment["metricInfos"]]
    for column, info in zip(columns, infos):
        for order in ("ORDER_ASC", "ORDER_DESC"):
            for first in (False, True):
                yield post(groups, {**plain, "colParams": [{**column, "order": order, "missingValuesFirst": first}]})
        for filtered in with_filter(column, info):
            yield post(groups, {**plain, "colParams": [filtered]})
        yield post(groups, {**plain, "colParams": [{**column, "includeInResult": True}]})
        yield post(groups, {**plain, "colParams": [{**column, "includeInResult": False}]})
    yield post(groups, {**plain, "colParams": [{**column, "order": "ORDER_DESC"} for column in columns[:TWICE]]})
    for kind in ("AGGREGATION_UNSET", "AGGREGATION_AVG", "AGGREGATION_MEDIAN", "AGGREGATION_MIN", "AGGREGATION_MAX"):
        for info in experiment["metricInfos"]:
            yield post(groups, {**plain, "aggregationType": kind, "aggregationMetric": info["name"]})
        yield post(groups, {**plain, "aggregationType": kind})
    answered = reference.json(groups, request=json.dumps(plain))
    for group in answered["sessionGroups"]:
        for session in group["sessions"]:
            for metric in experiment["metricInfos"] + [{"name": {"group": "", "tag": "nope"}}]:
                request = {"sessionName": session["name"], "metricName": metric["name"]}
                yield post(HPARAMS + "metric_evals", request)
    yield post(HPARAMS + "metric_evals", {})
    for visible in (json.dumps([True] * len(columns)), json.dumps([number % TWICE == 0 for number in range(len(columns))]), "[true]", "[]", "5",
                    "", None):
        for kind in ("json", "csv", "latex", "xml", None):
            for request in (plain, {"nope": 1}):
                query = {"format": kind, "columnsVisibility": visible, "request": json.dumps(request)}
                yield Question(HPARAMS + "download_data", {key: value for key, value in query.items() if value is not None})
