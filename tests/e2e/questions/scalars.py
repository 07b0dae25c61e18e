"""What the dashboards of scalars ask, and Time Series."""

import json

from questions.question import Question, form, get, multipart

SCALARS = "/data/plugin/scalars/"
TIMESERIES = "/data/plugin/timeseries/"
BATCH = 63
ODD_REQUESTS = [{"plugin": "nothing", "tag": "x"}, {"plugin": "scalars"}, {"plugin": "scalars", "tag": "no such tag"}, {"tag": "x"}, {}, {"plugin": "histograms", "tag": "x"},
                {"plugin": "images", "tag": "x"}, {"plugin": "images", "tag": "x", "run": "y"}, {"plugin": "images", "tag": "x", "run": "y", "sample": 99},
                {"plugin": "scalars", "tag": 5, "run": 6, "sample": "x"}, {"plugin": "scalars", "tag": "x", "run": None, "sample": None}, {"plugin": None, "tag": None},
                {"plugin": "histograms", "tag": "x", "run": ""}, {"plugin": "images", "tag": "x", "run": "y", "sample": -1},
                {"plugin": "images", "tag": "x", "run": "y", "sample": 0.5}, {"plugin": "scalars", "tag": "x", "unknown": {}}]
BAD_LISTS = ("", "no json", "[]", "{}", "5", "[5]", "null", "[null]", '["x"]', "[[]]", "[{}", '[{"plugin": "scalars", "tag": NaN}]')


def runs_of(tags):
    found = {}
    for run, series in sorted(tags.items()):
        for tag in sorted(series):
            found.setdefault(tag, []).append(run)
    return found


def scalars_questions(reference):
    tags = reference.json(SCALARS + "tags")
    yield get(SCALARS + "tags")
    for query in ({}, {"run": "no such run", "tag": "x"}, {"run": "", "tag": ""}):
        yield Question(SCALARS + "scalars", query)
    for run, series in tags.items():
        for tag in series:
            yield get(SCALARS + "scalars", run=run, tag=tag)
            yield get(SCALARS + "scalars", run=run, tag=tag, format="csv")
        yield get(SCALARS + "scalars", run=run, tag="no such tag")
        yield get(SCALARS + "scalars", run=run, tag=next(iter(series)), format="xml")
    route = SCALARS + "scalars_multirun"
    for number, (tag, runs) in enumerate(runs_of(tags).items()):
        if number == 0:
            for fields in ((), (("tag", tag),), (("runs", runs[0]),), (("tag", tag), ("tag", tag), ("runs", runs[0])), (("tag", "no such tag"), ("runs", runs[0])),
                           (("tag", tag), ("runs", "no such run")), (("tag", tag), ("runs", runs[0]), ("runs", runs[0]))):
                yield form(route, *fields)
                yield multipart(route, *fields)
            yield get(route, tag=tag, runs=runs[0])
            yield Question(route, body=b"")
            yield Question(route, body=b"tag=" + tag.encode(errors="surrogateescape"), headers={"Content-Type": "text/plain"})
        for first in range(0, len(runs), BATCH):
            yield multipart(route, ("tag", tag), *(("runs", run) for run in runs[first:first + BATCH]))


def timeseries_requests(tags):
    for tag in runs_of(tags["scalars"]["runTagInfo"]):
        yield {"plugin": "scalars", "tag": tag}
    for run, names in sorted(tags["histograms"]["runTagInfo"].items()):
        for tag in names:
            yield {"plugin": "histograms", "tag": tag, "run": run}
    for tag, runs in sorted(tags["images"]["tagRunSampledInfo"].items()):
        for run, info in sorted(runs.items()):
            for sample in range(info["maxSamplesPerStep"]):
                yield {"plugin": "images", "tag": tag, "run": run, "sample": sample}


def timeseries_questions(reference):
    route, wanted = TIMESERIES + "timeSeries", list(timeseries_requests(reference.json(TIMESERIES + "tags")))
    yield get(TIMESERIES + "tags")
    for request in wanted:
        yield multipart(route, ("requests", json.dumps([request])))
    several = [*wanted[:3], *wanted[-3:], *({**request, "run": run} for request in wanted[:1] for run in ("", "no such run")), *ODD_REQUESTS]
    for ask in (form, multipart):
        yield ask(route, ("requests", json.dumps(several)))
        yield ask(route)
        for text in BAD_LISTS:
            yield ask(route, ("requests", text))
    for text in (*BAD_LISTS, json.dumps(several)):
        yield get(route, requests=text)
    for query in ({}, {"imageId": ""}, {"imageId": "x"}, {"imageId": "W10"}, {"imageId": "\u00fc"}):
        yield Question(TIMESERIES + "imageData", query)
