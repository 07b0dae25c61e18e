"""What Graphs asks, and Debugger V2, which has nothing."""

from questions.question import Question, get


def graphs_questions(reference):
    info, route = reference.json("/data/plugin/graphs/info"), "/data/plugin/graphs/"
    yield get(route + "info")
    for query in ({}, {"run": "nope"}, {"tag": "x"}, {"run": "nope", "tag": "nope"}, {"run": "nope", "conceptual": "true"},
                  {"run": "nope", "tag": "", "conceptual": "true"}):
        yield Question(route + "graph", query)
        yield Question(route + "run_metadata", query)
    for run, parts in {**info, "broken": {"tags": {}}}.items():
        for tag in [None, "newer", "another tag", *parts["tags"]]:
            query = {"run": run} if tag is None else {"run": run, "tag": tag}
            yield Question(route + "run_metadata", query)
            for conceptual in ({}, {"conceptual": "true"}, {"conceptual": "false"}):
                yield Question(route + "graph", {**query, **conceptual})
            for limit in (1, 300, 1 << 30, 0, -1, "x", "", "1.5"):
                yield Question(route + "graph", {**query, "limit_attr_size": limit, "large_attrs_key": "_too_large_attrs"})
            yield Question(route + "graph", {**query, "limit_attr_size": 100})
            yield Question(route + "graph", {**query, "large_attrs_key": "x"})
    yield get("/data/plugin/debugger-v2/runs")
