"""One request, as every server is asked it."""

import dataclasses
import json
import urllib.parse

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass(frozen=True)
class Question:
    path: str
    query: dict = dataclasses.field(default_factory=dict)
    body: bytes = None
    headers: dict = dataclasses.field(default_factory=dict)
    method: str = None

    @property
    def url(self):
        return self.path + ("?" + urllib.parse.urlencode(self.query, doseq=True, errors="surrogateescape") if self.query else "")

    def __str__(self):
        said = {name: value for name, value in self.headers.items() if value not in (JSON, FORM)}
        return " ".join(str(part) for part in (self.method or ("GET" if self.body is None else "POST"), self.path, self.query or None, self.body, said or None) if part)

    def altered(self, **changes):
        return dataclasses.replace(self, **changes)


def get(path, **query):
    return Question(path, query)


def post(path, body):
    """`body`: bytes as they are, else a value to send as JSON."""
    return Question(path, body=body if isinstance(body, bytes) else json.dumps(body).encode(), headers={"Content-Type": JSON})


def form(path, *fields):
    return Question(path, body=urllib.parse.urlencode(fields).encode(), headers={"Content-Type": FORM})


def multipart(path, *fields):
    """As the page sends its forms."""
    parts = "".join(f'--seam\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields)
    return Question(path, body=(parts + "--seam--\r\n").encode(errors="surrogateescape"), headers={"Content-Type": "multipart/form-data; boundary=seam"})


def varied(questions):
    """The questions; and of the first of each form: below an experiment, as HEAD, compressed, and with each parameter gone, empty, unknown, repeated or too large."""
    seen = set()
    for question in questions:
        yield question
        shape = (question.method, question.body is None, question.path, *sorted(question.query))
        if shape in seen:
            continue
        seen.add(shape)
        yield question.altered(path="/experiment/defaultExperimentId" + question.path)
        yield question.altered(path=question.path + "/")
        yield question.altered(headers=question.headers | {"Accept-Encoding": "gzip"})
        if question.body is not None:
            continue
        for method in ("HEAD", "OPTIONS", "POST"):
            yield question.altered(method=method)
        for name, value in question.query.items():
            others = {other: kept for other, kept in question.query.items() if other != name}
            yield question.altered(query=others)
            for wrong in ("", "no such " + name, "-1", "99999", "\u0000", [value, "second"] if isinstance(value, str) else "1e400"):
                yield question.altered(query=others | {name: wrong})
