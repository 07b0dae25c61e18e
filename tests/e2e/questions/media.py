"""What the dashboards of images, audio, histograms, distributions and texts ask. What images and clips lead to is asked when answers are compared."""

from questions.question import Question, get

NONE = ({}, {"run": "no such run", "tag": "x"}, {"run": "x"}, {"tag": "x"}, {"run": "", "tag": ""})


def blobs_questions(plugin, single):
    def questions(reference):
        route, tags = f"/data/plugin/{plugin}/", reference.json(f"/data/plugin/{plugin}/tags")
        yield get(route + "tags")
        for query in NONE:
            yield Question(route + plugin, query)
        for run, series in tags.items():
            for tag, about in series.items():
                yield get(route + plugin, run=run, tag=tag)
                for sample in (*range(about["samples"] + 2), -1, "x", "", "1.0", " 1", "1_0", "99999999999999999999"):
                    yield get(route + plugin, run=run, tag=tag, sample=sample)
        for key in ("", "x", "W10", "====", "\u00fc", "WyIiLCJhIl0"):
            yield get(route + single, blob_key=key)
            yield get(route + single, blob_key=key, content_type="audio/wav")
            yield get(route + single, blob_key=key, content_type="text/html")
        yield get(route + single)
    return questions


def tensors_questions(plugin):
    def questions(reference):
        route, tags = f"/data/plugin/{plugin}/", reference.json(f"/data/plugin/{plugin}/tags")
        yield get(route + "tags")
        for query in NONE:
            yield Question(route + plugin, query)
        for run, series in tags.items():
            for tag in series:
                yield get(route + plugin, run=run, tag=tag)
                if plugin == "text":
                    for markdown in ("false", "true", "False", "", "no"):
                        yield get(route + plugin, run=run, tag=tag, markdown=markdown)
    return questions
