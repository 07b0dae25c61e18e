"""What PR Curves and Mesh ask."""

from questions.question import Question, get


def pr_curves_questions(reference):
    tags, route = reference.json("/data/plugin/pr_curves/tags"), "/data/plugin/pr_curves/pr_curves"
    yield get("/data/plugin/pr_curves/tags")
    for query in ({}, {"run": "a"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "none", "tag": "x"}, {"run": "", "tag": ""}):
        yield Question(route, query)
    for run, series in tags.items():
        for tag in list(series) + ["newer"]:
            yield Question(route, {"run": run, "tag": tag})
            yield Question(route, {"run": list(tags)[:20], "tag": tag})
            yield Question(route, {"run": [run, "nope"], "tag": tag})


def mesh_questions(reference):
    tags, route = reference.json("/data/plugin/mesh/tags"), "/data/plugin/mesh/"
    yield get(route + "tags")
    for query in ({}, {"run": "a"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "a", "tag": "nope"}):
        yield Question(route + "meshes", query)
        yield Question(route + "data", query)
        yield Question(route + "data", {**query, "content_type": "VERTEX"})
    for run, series in tags.items():
        for tag in series:
            of_mesh = {"run": run, "tag": tag}
            yield Question(route + "meshes", of_mesh)
            points = reference.json(route + "meshes", **of_mesh)
            for kind in ("VERTEX", "FACE", "COLOR"):
                for step in sorted({point["step"] for point in points} | {999}):
                    for sample in range(series[tag]["samples"] + 1):
                        yield Question(route + "data", {**of_mesh, "content_type": kind, "step": step, "sample": sample})
            for bad in ({"content_type": "UNDEFINED"}, {"content_type": "vertex"}, {"content_type": ""}, {"content_type": "VERTEX", "sample": "x"},
                        {"content_type": "VERTEX", "step": "x"}, {"content_type": "VERTEX", "step": "3.0"}, {"content_type": "VERTEX", "sample": "-1"}):
                yield Question(route + "data", {**of_mesh, **bad})
