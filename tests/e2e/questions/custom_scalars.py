"""What Custom Scalars asks."""

from questions.question import Question, get


def custom_scalars_questions(reference):
    route, tags = "/data/plugin/custom_scalars/", reference.json("/data/plugin/scalars/tags")
    yield get(route + "layout")
    for query in ({}, {"run": "a"}, {"tag": ".*"}, {"tag": "("}, {"run": "nope", "tag": ".*"}, {"run": "a", "tag": ""}):
        yield Question(route + "scalars", query)
        yield Question(route + "download_data", query)
    for run, series in tags.items():
        for regex in (".*", "(", "[", "loss", "loss$", "^l", "oss", "LOSS", "(?i)LOSS", "(loss)|(loss_low)|(loss_high)", "a.b$", "train/acc \\(1\\)", "ü", "",
                      "*", "x{2,1}", "(?P<name>l)oss", "\\w+/\\w+", "$", "twse/.*", ".{1000}"):
            yield Question(route + "scalars", {"run": run, "tag": regex})
        for tag in list(series) + ["nope"]:
            for kind in ({}, {"format": "csv"}, {"format": "json"}, {"format": "xml"}):
                yield Question(route + "download_data", {"run": run, "tag": tag, **kind})
