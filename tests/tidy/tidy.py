"""The lint test: what the compiler does not check. Prints `file:line: reason` for each finding; exits 1 if there is any.

usage: tidy.py REPOSITORY [--clang]
"""

import pathlib
import re
import shutil
import subprocess
import sys

# Which folder may include which, besides itself, generated protos and third parties. The longest match decides.
MAY_INCLUDE = {
    "common": [],
    "agent": ["common"],
    "collector/registry": ["common"],
    "collector/index": ["common"],
    "collector/store": ["common", "collector/registry"],
    "collector/ingest": ["common", "collector/registry", "collector/store", "collector/index"],
    "collector/gateway": ["common", "collector/registry"],
    "collector/serve": ["common", "collector/registry", "collector/index", "collector/store", "collector/gateway"],
    "collector": ["common", "collector"],
    "deploy": ["common", "agent", "collector"],
    "tests": ["common", "agent", "collector", "tests"],
}

# (pattern, where it is allowed, what to use instead)
BANNED = [
    (r"\bstd::(mutex|shared_mutex|lock_guard|unique_lock|condition_variable)\b", r"^common/mutex\.h$", "common/mutex.h"),
    (r"\babsl::(Mutex|MutexLock|CondVar)\b", r"^$", "common/mutex.h"),
    (r"\babsl::Now\(|\bsystem_clock\b|\bsteady_clock\b|\bclock_gettime\(", r"^common/clock\.cc$|/grpc_\w+\.cc$|^tests/(bench|e2e)/", "common/clock.h"),
    (r"\bsleep_for\b|\busleep\(|\bnanosleep\(|\babsl::SleepFor\b", r"^tests/(bench|e2e)/", "a Clock and a TaskQueue"),
    (r"\bstd::c(out|err)\b|\bprintf\(", r"^agent/(main|commands/.*)\.cc$|^collector/(main|inspect)\.cc$|^tests/(bench|e2e|fuzz)/",
     "an std::ostream given by the caller, or common/log.h"),
    (r"\brand\(\)|\bstd::random_device\b", r"^$", "common/random.h"),
    (r"\bstd::mt19937", r"^tests/", "common/random.h"),
    (r"\bthrow\b(?! away)", r"^$", "absl::Status"),
    (r"\bdetach\(\)", r"^$", "a thread that is joined"),
]

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
GRPC_HEADER = re.compile(r'#include [<"](grpc|grpcpp|grpc\+\+)/|\.grpc\.pb\.h"')
BEAST_HEADER = re.compile(r"#include [<\"]boost/(beast|asio)")
BEAST_FILES_MAX = 3


class Tidy:
    def __init__(self, root):
        self.root = root
        listed = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                                check=True, capture_output=True, text=True).stdout.split("\n")
        self.files = [name for name in listed if name and (root / name).exists()]
        self.findings = []

    def report(self, name, line, reason):
        self.findings.append((name, line, reason))

    def sources(self):
        return [name for name in self.files if name.endswith((".cc", ".h"))]

    def lines(self, name):
        return (self.root / name).read_text(errors="replace").split("\n")

    def check_includes(self):
        beast_files = []
        for name in self.sources():
            folder = folder_of(name)
            if folder is None:
                self.report(name, 1, "lies outside the folders of the style guide")
                continue
            for number, line in enumerate(self.lines(name), 1):
                match = re.match(r'#include "([^"]+)"', line)
                target = folder_of(match.group(1)) if match else None
                if target is not None and not may_include(folder, target):
                    self.report(name, number, f"{folder} must not include {target}")
                if GRPC_HEADER.search(line) and not pathlib.Path(name).name.startswith("grpc_") and not name.startswith("tests/"):
                    if name not in ("collector/server.cc", "agent/main.cc"):
                        self.report(name, number, "gRPC headers only in grpc_* files")
                if BEAST_HEADER.search(line):
                    beast_files.append(name)
        if len(set(beast_files)) > BEAST_FILES_MAX:
            self.report(sorted(set(beast_files))[-1], 1, f"{len(set(beast_files))} files include Beast or Asio, at most {BEAST_FILES_MAX} may")

    def check_lengths(self):
        for name in self.sources():
            lines = self.lines(name)
            if len(lines) > FILE_LINES_MAX:
                self.report(name, FILE_LINES_MAX, f"{len(lines)} lines, at most {FILE_LINES_MAX}")
            if name.endswith(".cc"):
                for start, length in functions(lines):
                    if length > FUNCTION_LINES_MAX and not name.startswith("tests/"):
                        self.report(name, start, f"function of {length} lines, at most {FUNCTION_LINES_MAX}")

    def check_banned(self):
        for name in self.sources():
            for number, line in enumerate(self.lines(name), 1):
                code = re.sub(r'"(\\.|[^"\\])*"', '""', line).split("//")[0]
                for pattern, allowed, instead in BANNED:
                    found = re.search(pattern, code)
                    if found and not re.search(allowed, name):
                        self.report(name, number, f"{found.group(0)}: use {instead}")
                if "TODO" in line and not re.search(r"TODO\(#\d+\)", line):
                    self.report(name, number, "TODO without (#issue)")

    def check_build_lists(self):
        lists = {name: (self.root / name).read_text() for name in self.files if name.endswith("CMakeLists.txt")}
        for name in self.sources():
            if not name.endswith(".cc"):
                continue
            folder = pathlib.Path(name).parent
            while True:
                text = lists.get(str(folder / "CMakeLists.txt"), lists.get("CMakeLists.txt") if str(folder) == "." else None)
                if text is not None:
                    break
                folder = folder.parent
            relative = str(pathlib.Path(name).relative_to(folder))
            if not re.search(rf"(?<![\w/.]){re.escape(relative)}(?![\w])", text) and pathlib.Path(name).name != "replay_main.cc":
                self.report(name, 1, f"is not in {folder}/CMakeLists.txt, so nothing builds it")

    def check_readmes(self):
        folders = {folder_of(name) for name in self.sources()} | {"common/eventfile", "common/http", "common/net", "common/tunnel"}
        for folder in sorted(f for f in folders if f):
            if any(name.startswith(folder + "/") for name in self.files) and folder + "/README.md" not in self.files:
                self.report(folder + "/README.md", 1, "each folder has a README of one page")

    def check_guards(self):
        for name in self.sources():
            if name.endswith(".h"):
                guard = "TRIBUTARY_" + re.sub(r"[/.]", "_", name).upper() + "_"
                if f"#ifndef {guard}" not in (self.root / name).read_text():
                    self.report(name, 1, f"wants the include guard {guard}")

    def check_format(self):
        tool = shutil.which("clang-format-19")
        if tool is None:
            self.report(".clang-format", 1, "clang-format-19 is not installed: ./dev setup test")
            return
        names = self.sources()
        for start in range(0, len(names), 50):
            checked = subprocess.run([tool, "--dry-run", "-Werror", *names[start:start + 50]], cwd=self.root, capture_output=True, text=True)
            for match in re.finditer(r"^([^\s:]+):(\d+):\d+: error: (.*)$", checked.stderr, re.M):
                self.report(match.group(1), int(match.group(2)), match.group(3))


def folder_of(path):
    best = None
    for folder in MAY_INCLUDE:
        if path.startswith(folder + "/") and (best is None or len(folder) > len(best)):
            best = folder
    return best


def may_include(folder, target):
    if folder == target:
        return True
    return any(target == allowed or (allowed in ("collector", "tests") and target.startswith(allowed + "/"))
               for allowed in MAY_INCLUDE[folder])


NOT_A_FUNCTION = re.compile(r" *(namespace|class|struct|enum|union|extern|if|for|while|switch|do|else|return|case|public|private|using)\b| *(#|//|\})")


def functions(lines):
    """(first line, length) of each function of clang-formatted code, at namespace level or in a class there."""
    number = 0
    while number < len(lines):
        line = lines[number]
        indent = re.match(r"^(  )?(?=[A-Za-z~:\[])", line)
        if indent and "(" in line and not NOT_A_FUNCTION.match(line):
            opening = next((at for at in range(number, min(number + 8, len(lines))) if lines[at].endswith(("{", ";", "}"))), None)
            if opening is not None and lines[opening].endswith("{"):
                end = next((at for at in range(opening + 1, len(lines)) if lines[at] == indent.group(0) + "}"), None)
                if end is not None:
                    yield number + 1, end - number + 1
                    number = end
        number += 1


def main():
    tidy = Tidy(pathlib.Path(sys.argv[1]).resolve())
    for check in (tidy.check_includes, tidy.check_lengths, tidy.check_banned, tidy.check_build_lists, tidy.check_readmes,
                  tidy.check_guards, tidy.check_format):
        check()
    for name, line, reason in sorted(set(tidy.findings)):
        print(f"{name}:{line}: {reason}")
    if "--clang" in sys.argv[2:]:
        return max(bool(tidy.findings), clang_tidy(tidy))
    return 1 if tidy.findings else 0


def clang_tidy(tidy):
    names = [name for name in tidy.sources() if name.endswith(".cc") and not name.startswith("tests/")]
    return subprocess.run(["run-clang-tidy-19", "-quiet", "-p", "build/dev", *names], cwd=tidy.root).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
