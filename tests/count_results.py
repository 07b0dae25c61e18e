"""Counts the results of a test run and prints the closing line that CI reads.

usage: count_results.py RESULTS

RESULTS/<suite>/gtest/*.xml   one file for each GoogleTest binary: its cases are counted
RESULTS/<suite>/ctest.xml     ctest's own report: counts the tests that are no GoogleTest binary, and binaries that crashed
RESULTS/<suite>/pytest.xml    pytest's report

Prints each failed and each skipped case with its reason, then "N passed, N failed" (", N skipped" where there are any).
Exits with 1 if anything failed or nothing passed.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


class Counts:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_case(self, suite, case):
        name = f"{suite}: {case.get('classname', '')}.{case.get('name')}"
        problem = case.find("failure")
        if problem is None:
            problem = case.find("error")
        skipped = case.find("skipped")
        if problem is not None:
            self.failed.append(name)
        elif skipped is not None or case.get("status") == "notrun" or case.get("result") == "skipped":
            reason = "" if skipped is None else (skipped.get("message") or "").strip().replace("\n", " ")
            self.skipped.append(f"{name}: {reason or 'no reason given'}")
        else:
            self.passed += 1


def count(results):
    counts = Counts()
    for suite in sorted(path for path in results.iterdir() if path.is_dir()):
        counted_binaries = {}  # name -> whether one of its cases failed
        for report in sorted((suite / "gtest").glob("*.xml")):
            failed_before = len(counts.failed)
            for case in ElementTree.parse(report).getroot().iter("testcase"):
                counts.add_case(suite.name, case)
            counted_binaries[report.stem] = len(counts.failed) > failed_before
        for report in (suite / "ctest.xml", suite / "pytest.xml"):
            if not report.exists():
                continue
            for case in ElementTree.parse(report).getroot().iter("testcase"):
                if report.name == "ctest.xml" and case.get("name") in counted_binaries:
                    # A binary that failed without a failing case (a crash at exit, a leak) still counts as failed.
                    if case.find("failure") is None or counted_binaries[case.get("name")]:
                        continue
                counts.add_case(suite.name, case)
    return counts


def main():
    results = pathlib.Path(sys.argv[1])
    counts = count(results)
    for line in counts.skipped:
        print(f"skipped  {line}")
    for line in counts.failed:
        print(f"FAILED   {line}")
    closing = f"{counts.passed} passed, {len(counts.failed)} failed"
    if counts.skipped:
        closing += f", {len(counts.skipped)} skipped"
    print(closing)
    return 1 if counts.failed or counts.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
