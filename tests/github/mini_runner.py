#!/usr/bin/env python3
"""Runs a container action as the runner does: README.md says how to use it."""

import argparse
import itertools
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The first in the PATH may be of the releases that lose signals.
DOCKER = "/usr/bin/docker"
# The runner's: ProcessInvoker.cs.
INTERRUPT_PATIENCE = 7.5
TERMINATE_PATIENCE = 2.5
SUMMARY_LIMIT = 1024 * 1024
ANNOTATION_LIMIT = 10
MESSAGE_LIMIT = 4096
ANNOTATIONS = ("error", "warning", "notice")
COMMANDS = {*ANNOTATIONS, "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "group",
            "internal-set-repo-path", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands"}
DATA_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
PROPERTY_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
LEGACY_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
GITHUB = {
    "GITHUB_ACTION": "collector", "GITHUB_ACTOR": "octocat", "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_JOB": "measure", "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch",
    "GITHUB_REPOSITORY": "octo-org/octo-repo", "GITHUB_REPOSITORY_OWNER": "octo-org", "GITHUB_RETENTION_DAYS": "90",
    "GITHUB_RUN_ATTEMPT": "1", "GITHUB_RUN_ID": "1", "GITHUB_RUN_NUMBER": "1",
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_SHA": "8a5b1c7d9e0f2a3b4c5d6e7f8091a2b3c4d5e6f7",
    "GITHUB_WORKFLOW": "measure", "RUNNER_ARCH": "X64", "RUNNER_ENVIRONMENT": "github-hosted", "RUNNER_NAME": "mini",
    "RUNNER_OS": "Linux",
}


class Job:
    """What main and post have in common: the runner's folders, the secrets to mask, the state."""

    def __init__(self, description, folder):
        self.description = description
        self.workspace = Path(description["workspace"]).resolve()
        self.temp = folder / "_temp"
        self.home, self.workflow, self.file_commands = (
            self.temp / name for name in ("_github_home", "_github_workflow", "_runner_file_commands"))
        for directory in (self.home, self.workflow, self.file_commands):
            directory.mkdir(parents=True)
        self.event = self.workflow / "event.json"
        self.event.write_text(json.dumps(description.get("event", {})))
        self.action = read_action(Path(description.get("action", HERE.parent.parent / "action.yml")))
        self.environment = {**GITHUB, "GITHUB_EVENT_NAME": description.get("event_name", "push"),
                            **description.get("env", {})}
        self.label = secrets.token_hex(3)
        self.masks, self.state = [], {}

    def inputs(self):
        given = self.description.get("inputs", {})
        defaults = {name: self.evaluate(str(one.get("default", ""))) for name, one in self.action["inputs"].items()}
        return {**defaults, **given}

    def evaluate(self, text):
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: self.expression(found[1]), text)

    def expression(self, text):
        if text == "toJSON(matrix)":
            return json.dumps(self.description.get("matrix"), indent=2)
        if text == "github.token":
            return self.description.get("token", "")
        if found := re.fullmatch(r"github\.(\w+)", text):
            return self.environment.get(f"GITHUB_{found[1].upper()}", "")
        raise ValueError(f"cannot evaluate {text}")

    def container_environment(self, files):
        environment = {
            **self.environment,
            **{input_variable(name): value for name, value in self.inputs().items()},
            **{f"STATE_{key}": value for key, value in self.state.items()},
            **{f"GITHUB_{name.upper()}": str(path) for name, path in files.items()},
            "GITHUB_EVENT_PATH": str(self.event), "GITHUB_WORKSPACE": str(self.workspace), "HOME": str(self.home),
            "RUNNER_TEMP": str(self.temp),
        }
        return {key: self.inside(value) for key, value in environment.items()}

    def mounts(self):
        return {self.temp: "/github/runner_temp", self.home: "/github/home", self.workflow: "/github/workflow",
                self.file_commands: "/github/file_commands", self.workspace: "/github/workspace"}

    def inside(self, value):
        """A path as the container sees it; the mount that was added last is looked at first."""
        for outer, inner in reversed(self.mounts().items()):
            if value == str(outer) or value.startswith(f"{outer}/"):
                return inner + value.removeprefix(str(outer))
        return value

    def docker_run(self, name, entrypoint, environment):
        description = self.description
        options = ["--name", name, "--label", self.label, "--workdir", "/github/workspace", "--rm"]
        options += itertools.chain.from_iterable(("-e", key) for key in environment)
        options += ["-e", "GITHUB_ACTIONS=true"] + ([] if "CI" in environment else ["-e", "CI=true"])
        options += ["--entrypoint", entrypoint, "--network", description.get("network", "host")]
        socket = os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock"
        for outer, inner in {socket: "/var/run/docker.sock", **self.mounts()}.items():
            options += ["-v", f"{outer}:{inner}"]
        return [DOCKER, "run", *options, description["image"]]

    def stage(self, entrypoint, ending=None):
        files = {name: self.file_commands / f"{prefix}_{uuid.uuid4()}" for name, prefix in (
            ("output", "set_output"), ("state", "save_state"), ("step_summary", "step_summary"), ("env", "set_env"),
            ("path", "add_path"))}
        for path in files.values():
            path.touch()
        name = f"mini_{secrets.token_hex(3)}"
        environment = self.container_environment(files)
        log = Log(self.masks)
        run = Run(self.docker_run(name, entrypoint, environment), environment, name, log, ending)
        report = run.wait(self.description.get("deadline", 600))
        report["outputs"] = self.pairs(files["output"], log)
        report["state"] = self.pairs(files["state"], log)
        self.state.update(report["state"])
        report["summary"] = self.summary(files["step_summary"], log)
        return {**report, **log.report()}

    @staticmethod
    def pairs(path, log):
        try:
            return dict(read_pairs(path.read_bytes().decode()))
        except ValueError as error:
            log.problems.append(str(error))
            return {}

    @staticmethod
    def summary(path, log):
        size = path.stat().st_size
        if size > SUMMARY_LIMIT:
            log.problems.append(f"the summary has {size} bytes, at most {SUMMARY_LIMIT} are shown")
            return ""
        return "".join(log.mask(line) for line in path.read_text().splitlines(keepends=True))


class Run:
    """A `docker run`, and how it is ended from outside."""

    def __init__(self, command, environment, name, log, ending):
        self.name, self.log = name, log
        self.kind, self.cue = ending or (None, None)
        self.cued, self.ended = threading.Event(), threading.Event()
        self.signalled = None
        self.begun = time.monotonic()
        self.docker = subprocess.Popen(command, env={**docker_environment(), **environment}, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.readers = [threading.Thread(target=self.read, args=(pipe,))
                        for pipe in (self.docker.stdout, self.docker.stderr)]

    def read(self, pipe):
        for line in pipe: # which a carriage return ends too, here as there
            line = line.removesuffix("\n")
            self.log.add(line)
            if self.cue is not None and self.cue in line:
                self.cued.set()

    def wait(self, deadline):
        for reader in self.readers:
            reader.start()
        ender = threading.Thread(target=self.end, daemon=True)
        ender.start()
        try:
            self.docker.wait(deadline)
        except subprocess.TimeoutExpired:
            remove(self.name)
            raise SystemExit(f"mini_runner: the container still ran after {deadline} s; it had said:\n"
                             + "\n".join(self.log.lines)) from None
        ended = time.monotonic()
        self.ended.set()
        for reader in self.readers:
            reader.join()
        status = self.docker.returncode
        return {"exit": status if status >= 0 else 128 - status,
                "seconds": round(ended - self.begun, 3),
                "seconds_after_signal": self.signalled and round(ended - self.signalled, 3),
                "container": self.name}

    def end(self):
        while not self.cued.wait(0.05):
            if self.ended.is_set():
                return
        self.signalled = time.monotonic()
        if self.kind == "kill":
            docker("kill", self.name)
            return
        for number, patience in ((signal.SIGINT, INTERRUPT_PATIENCE), (signal.SIGTERM, TERMINATE_PATIENCE)):
            self.docker.send_signal(number)
            if self.ended.wait(patience):
                return
        # The container is not told, and lives on.
        self.docker.kill()


class Log:
    """The output of a step as the runner reads it: ActionCommand.cs, ActionCommandManager.cs."""

    def __init__(self, masks):
        self.masks = masks
        self.lock = threading.Lock()
        self.fence = None
        self.lines, self.annotations, self.groups, self.problems = [], [], [], []
        self.group = None

    def report(self):
        if self.fence is not None:
            self.problems.append("the fence was not closed")
        if self.group is not None:
            self.problems.append(f"the group {self.group['title']!r} was not closed")
        return {"annotations": self.annotations, "groups": self.groups, "masks": self.masks,
                "log": "\n".join(self.lines), "problems": self.problems}

    def mask(self, text):
        for secret in sorted(self.masks, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def write(self, line):
        line = self.mask(line)
        self.lines.append(line)
        if self.group is not None:
            self.group["lines"].append(line)

    def add(self, line):
        with self.lock:
            command = self.parse(line)
            if command is None:
                self.write(line)
            elif self.fence is not None:
                if command[0].lower() == self.fence.lower():
                    self.fence = None
                self.write(line)
            else:
                self.obey(line, *command)

    def parse(self, line):
        stripped = line.lstrip()
        if stripped.startswith("::") and "::" in stripped[2:]:
            head, data = stripped[2:].split("::", 1)
            if self.known(head.split(" ", 1)[0]):
                return split_command(head, data, ",", PROPERTY_ESCAPES, DATA_ESCAPES)
        if (begin := line.find("##[")) >= 0 and (end := line.find("]", begin)) >= 0:
            head, data = line[begin + 3:end], line[end + 1:]
            if self.known(head.split(" ", 1)[0]):
                return split_command(head, data, ";", LEGACY_ESCAPES, LEGACY_ESCAPES)
        return None

    def known(self, name):
        return name.lower() in COMMANDS or self.fence is not None and name.lower() == self.fence.lower()

    def obey(self, line, name, properties, data):
        match name.lower():
            case "stop-commands":
                if not data or data.lower() in COMMANDS or data.lower() == "pause-logging":
                    self.problems.append(f"{data!r} may not be the token of a fence")
                    return
                self.fence = data
                self.write(line)
                if len(data) > 6:
                    self.add_mask(data)
            case "group":
                if self.group is not None:
                    self.problems.append(f"the group {data!r} lies in {self.group['title']!r}")
                self.group = None
                self.write(f"##[group]{data}")
                self.group = {"title": self.mask(data), "lines": []}
                self.groups.append(self.group)
            case "endgroup":
                self.group = None
                self.write("##[endgroup]")
            case "add-mask":
                if data:
                    self.add_mask(data)
                else:
                    self.problems.append("an empty mask")
            case "error" | "warning" | "notice" as kind:
                self.annotate(kind, properties, data)
            case "debug":
                pass
            case other:
                self.problems.append(f"{other} is disabled")

    def add_mask(self, data):
        for secret in (data, *filter(None, map(str.strip, re.split(r"[\r\n]", data)))):
            if secret not in self.masks:
                self.masks.append(secret)

    def annotate(self, kind, properties, message):
        if properties.get("endLine", properties.get("line")) != properties.get("line"):
            properties = {name: value for name, value in properties.items() if name not in ("col", "endColumn")}
        self.write(f"##[{kind}]{message}")
        shown = sum(one["kind"] == kind and one["shown"] for one in self.annotations) < ANNOTATION_LIMIT
        self.annotations.append({"kind": kind, "message": self.mask(message)[:MESSAGE_LIMIT], **properties,
                                 "shown": shown})


def split_command(head, data, separator, property_escapes, data_escapes):
    name, _, rest = head.partition(" ")
    pairs = ([part for part in one.split("=", 1) if part] for one in rest.strip().split(separator))
    properties = {pair[0]: unescape(pair[1], property_escapes) for pair in pairs if len(pair) == 2}
    return name, properties, unescape(data, data_escapes)


def unescape(text, escapes):
    for escaped, plain in escapes:
        text = text.replace(escaped, plain)
    return text


def read_pairs(text):
    """The names and values in a file such as $GITHUB_OUTPUT: FileCommandManager.cs."""
    whole_lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    lines = [without_newline(line) for line in whole_lines]
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            yield line[:equals], line[equals + 1:]
            continue
        if heredoc < 0:
            raise ValueError(f"Invalid format '{line}'")
        key, delimiter = line.split("<<", 1)
        if not key or not delimiter:
            raise ValueError(f"Invalid format '{line}'. Name must not be empty and delimiter must not be empty")
        if delimiter not in lines[at:]:
            raise ValueError(f"Invalid value. Matching delimiter not found '{delimiter}'")
        end = lines.index(delimiter, at)
        yield key, without_newline("".join(whole_lines[at:end]))
        at = end + 1


def without_newline(text):
    return re.sub(r"\r?\n\Z", "", text)


def read_action(path):
    from ruamel.yaml import YAML
    return YAML(typ="safe").load(path)


def input_variable(name):
    return "INPUT_" + name.replace(" ", "_").upper()


def docker_environment():
    return {name: value for name, value in os.environ.items() if name in ("DOCKER_HOST", "PATH")}


def docker(*arguments):
    return subprocess.run([DOCKER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.split()


def remove(name):
    docker("rm", "--force", name)


def enter_venv():
    """Starts over with the Python that has a YAML parser."""
    where = subprocess.run([HERE / "setup", "--where"], check=True, capture_output=True, text=True).stdout.strip()
    python = f"{where}/venv/bin/python"
    if sys.prefix != f"{where}/venv":
        os.execv(python, [python, __file__, *sys.argv[1:]])


def run(description, folder):
    job = Job(description, folder)
    runs = job.action["runs"]
    ending = next(((kind, description[kind]["after_output"]) for kind in ("cancel", "kill") if kind in description), None)
    report = {"main": job.stage(runs["entrypoint"], ending)}
    if description.get("post", True):
        report["post"] = job.stage(runs["post-entrypoint"])
    for stage in report.values():
        name = stage.pop("container")
        stage["left"] = bool(docker("ps", "--quiet", "--filter", f"name=^{name}$"))
        if stage["left"]:
            remove(name)
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", nargs="?", type=argparse.FileType(), default="-")
    enter_venv()
    description = json.load(parser.parse_args().job)
    with tempfile.TemporaryDirectory(prefix="collector-runner-") as folder:
        print(json.dumps(run(description, Path(folder))))


if __name__ == "__main__":
    main()
