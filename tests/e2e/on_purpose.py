"""What the collector answers otherwise than TensorBoard, and means to.

Each difference belongs to a row of the table in collector/serve/HTTP_API.md, by what stands in its first cell; there are the reasons.
"""

import re

# (row of the table, what the question matches, what the difference matches)
DIFFERENCES = [
    ("Markdown: a line that begins with `<script` or `<style`", r"/(tags|text)", r"[dD]escription.*&lt;(script|style)"),
    ("texts that are no strings", r"/text/text.*'numbers'", r"expected, '\[\]' answered"),
    ("clips of older summaries", r"/plugin/audio/audio", r"application/octet-stream"),
    ("redirects of old addresses", r" /experiment/[^/]*/(audio|events|graphs|histograms|images)$", r"^Location: / expected"),
    ("pages below an experiment", r" /experiment/[^/]*/experiment/", r"^status 404 expected, (200|301) answered"),
    ("lists of requests", r"/timeSeries .*(\{\}|%7B%7D)", r"^status 200 expected, 400 answered"),
    ("JSON of clients", r"/timeSeries .*NaN", r"^status 200 expected, 400 answered"),
    ("numbers of samples", r"/(images|audio)/(images|audio) .*'sample': '?(-1|1_0|9{5,})\b", r"^status 200 expected, 400 answered"),
    ("images without size", r"/(images|timeseries)/tags", r"amples(PerStep)?: '-1' expected, '0' answered"),
    ("histograms of another shape", r"/(histograms/histograms|distributions/distributions|timeSeries)", r"expected, '\[\]' answered"),
    ("the Cluster tab", r"/plugins_listing", r"^\$\.cluster: 'absent' expected|^\[(.*)\] expected, \[\1, 'cluster'\] answered$"),
    ("layouts of several runs", r"/custom_scalars/layout", r"\.chart: "),
]


def row_of(question, difference):
    """The row of the table that a difference belongs to, or None."""
    for row, asked, found in DIFFERENCES:
        if re.search(asked, question, re.DOTALL) and re.search(found, difference, re.DOTALL):
            return row
    return None
