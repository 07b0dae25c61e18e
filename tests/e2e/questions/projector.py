"""What the projector asks."""

from questions.question import Question, get


def projector_questions(reference):
    route, runs = "/data/plugin/projector/", reference.json("/data/plugin/projector/runs")
    for name in ("runs", "info", "tensor", "metadata", "bookmarks", "sprite_image"):
        for query in ({}, {"run": "nope"}, {"run": "a"}, {"run": "nope", "name": "x"}, {"run": "../a", "name": "x"}, {"run": "none"}):
            yield Question(route + name, query)
    for run in runs:
        yield Question(route + "info", {"run": run})
        info = reference.json(route + "info", run=run)
        for name in [embedding["tensorName"] for embedding in info["embeddings"]] + ["first:0", "nope"]:
            for kind in ("tensor", "metadata", "bookmarks", "sprite_image"):
                for rows in ({}, {"num_rows": 2}, {"num_rows": 100}, {"num_rows": 0}, {"num_rows": "x"}):
                    yield Question(route + kind, {"run": run, "name": name, **rows})
