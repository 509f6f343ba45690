#!/usr/bin/env python3
"""Proves that the mini runner keeps the runner's rules, and that the image and act are what tests take them for."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.append(str(HERE.parent))
import mini_runner
import skipped

CANNOT_RUN = 77
IMAGE = "collector:selftest"
# What docs/aws.md says that a rehearsal needs, and what steps are written in.
COMMANDS = "bash awk curl find flock git grep gzip jq perl ps python3 sed setsid tar zstd"
# In place of the binary, so that the image can be looked at without compiling anything.
STAND_IN = r"""#!/bin/bash
heredoc() { printf '%s<<end\n%s\nend\n' "$1" "$2" >>"$3"; }
if [ "${0##*/}" = collect-post ]; then echo "post of $STATE_lease $INPUT_CONFIG"; exit; fi
echo "main of $INPUT_CONFIG at $INPUT_REVISION with $INPUT_MATRIX as $(id -u) in $PWD"
heredoc lease token "$GITHUB_STATE"
heredoc status passed "$GITHUB_OUTPUT"
echo "# Summary" >>"$GITHUB_STEP_SUMMARY"
[ "$INPUT_DESCRIPTION" = wait ] || exit 3
printf 'busy\r::notice::half a line\n'
trap 'echo interrupted' INT
trap 'echo terminated' TERM
echo waiting
for _ in {1..300}; do sleep 0.1; done
"""


def log_of(*lines):
    log = mini_runner.Log([])
    for line in lines:
        log.add(line)
    return log.report()


class Rules(unittest.TestCase):
    def test_what_is_fenced_is_output(self):
        report = log_of("::stop-commands::f3nc3", "::error::no", "x ##[error]no", "::f3nc3::", "::error::yes")
        self.assertEqual([one["message"] for one in report["annotations"]], ["yes"])
        self.assertEqual(report["problems"], [])

    def test_a_fence_that_stays_open_and_a_token_that_is_a_command_are_problems(self):
        self.assertEqual(log_of("::stop-commands::abc")["problems"], ["the fence was not closed"])
        self.assertEqual(len(log_of("::stop-commands::group", "::stop-commands::")["problems"]), 2)

    def test_the_legacy_form_is_found_anywhere_in_a_line(self):
        report = log_of("remote said ##[error file=a;line=3]b%5Dc")
        self.assertEqual(report["annotations"],
                         [{"kind": "error", "message": "b]c", "file": "a", "line": "3", "shown": True}])

    def test_commands_start_their_line(self):
        self.assertEqual(log_of("x ::error::no", "::no-such-command::x")["annotations"], [])

    def test_escapes(self):
        (one,) = log_of("  ::warning file=a%2Cb%3Ac,title=%25::1%0A2%250A:,")["annotations"]
        self.assertEqual((one["file"], one["title"], one["message"]), ("a,b:c", "%", "1\n2%0A:,"))

    def test_columns_of_different_lines_are_dropped(self):
        (one,) = log_of("::error line=1,endLine=2,col=3,endColumn=4::x")["annotations"]
        self.assertEqual(one, {"kind": "error", "message": "x", "line": "1", "endLine": "2", "shown": True})

    def test_ten_of_a_kind_are_shown(self):
        report = log_of(*["::error::x"] * 11, "::notice::y")
        self.assertEqual([one["shown"] for one in report["annotations"]], [True] * 10 + [False, True])

    def test_masks_hide_what_follows_line_by_line(self):
        report = log_of("sesame", "::add-mask::sesame%0Aopen up", "sesame, open up")
        self.assertEqual(report["log"], "sesame\n***, ***")

    def test_groups_do_not_nest(self):
        report = log_of("::group::a", "1", "::endgroup::", "::group::b", "2", "::group::c", "::endgroup::")
        self.assertEqual(report["groups"], [{"title": "a", "lines": ["1"]}, {"title": "b", "lines": ["2"]},
                                            {"title": "c", "lines": []}])
        self.assertEqual(report["problems"], ["the group 'c' lies in 'b'"])

    def test_files_of_names_and_values(self):
        self.assertEqual(dict(mini_runner.read_pairs("a=b<<c\n\nd<<X\r\n1\r\n=2\nX\ne<<Y\nY")),
                         {"a": "b<<c", "d": "1\r\n=2", "e": ""})
        for text in ("a<<X\n1\n", "a<<X\n1\nX ", "plain\n", "<<X\nX\n", "a<<\n\n"):
            with self.assertRaises(ValueError, msg=text):
                dict(mini_runner.read_pairs(text))


class Containers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="collector-selftest-")))
        daemon = subprocess.Popen([HERE / "docker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.addClassCleanup(daemon.wait)
        cls.addClassCleanup(daemon.stdin.close)
        ready = daemon.stdout.readline()
        daemon.stdout.close()
        if not ready:
            if daemon.wait() == CANNOT_RUN and skipped.outcome(cls.__name__, "no Docker") == "skipped":
                raise unittest.SkipTest("no Docker")
            raise RuntimeError("no Docker")
        os.environ.update(json.loads(ready))
        binary = cls.folder / "collect"
        binary.write_text(STAND_IN)
        binary.chmod(0o755)
        subprocess.run([HERE / "image", binary, IMAGE], check=True)

    def run_job(self, **description):
        workspace = self.enterContext(tempfile.TemporaryDirectory(prefix="collector-workspace-"))
        job = {"image": IMAGE, "workspace": workspace, **description}
        done = subprocess.run([HERE / "mini_runner.py"], input=json.dumps(job), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_main_and_post(self):
        report = self.run_job(inputs={"config": "a b.yml"}, env={"GITHUB_SHA": "0123"}, matrix={"sample": 1})
        main, post = report["main"], report["post"]
        self.assertEqual(main["log"], 'main of a b.yml at 0123 with {\n  "sample": 1\n} as 0 in /github/workspace')
        self.assertEqual((main["exit"], main["outputs"], main["state"], main["summary"], main["problems"]),
                         (3, {"status": "passed"}, {"lease": "token"}, "# Summary\n", []))
        self.assertEqual((post["exit"], post["log"]), (0, "post of token a b.yml"))

    def test_cancelling_has_the_runners_timing_and_leaves_the_container(self):
        report = self.run_job(inputs={"config": "x", "description": "wait"}, cancel={"after_output": "waiting"})
        main = report["main"]
        self.assertEqual((main["exit"], main["left"]), (137, True))
        self.assertEqual([one["message"] for one in main["annotations"]], ["half a line"])
        self.assertTrue(main["log"].endswith("waiting\ninterrupted\nterminated"), main["log"])
        self.assertAlmostEqual(main["seconds_after_signal"], 10, delta=1)
        self.assertEqual(report["post"]["log"], "post of token x")

    def test_killing_leaves_state_for_post(self):
        report = self.run_job(inputs={"config": "x", "description": "wait"}, kill={"after_output": "waiting"})
        self.assertEqual((report["main"]["exit"], report["main"]["left"]), (137, False))
        self.assertLess(report["main"]["seconds_after_signal"], 5)
        self.assertEqual(report["post"]["log"], "post of token x")

    def test_the_image_has_what_local_steps_need(self):
        script = f"for one in {COMMANDS}; do command -v $one >/dev/null || echo $one; done; " \
            "test -s /etc/ssl/certs/ca-certificates.crt || echo certificates; git config --get safe.directory"
        done = subprocess.run([mini_runner.DOCKER, "run", "--rm", "--network=host", "--entrypoint=bash", IMAGE, "-c",
                               script], check=True, capture_output=True, text=True)
        self.assertEqual(done.stdout, "*\n")

    def test_act_runs_main_and_post(self):
        directory, output = self.folder / "measured", self.folder / "act"
        directory.mkdir()
        (directory / "config.yml").touch()
        done = subprocess.run([HERE / "act", directory, output, IMAGE], capture_output=True, text=True)
        said = (output / "act.log").read_text()
        self.assertIn("Failure - Main ./", said)
        self.assertEqual(done.returncode, 1)
        for expected in ("main of measured at ", "post of ", "Success - Post ./"):
            self.assertIn(expected, said)
        self.assertEqual(json.loads((output / "workspace/outputs.json").read_text()), {"status": "passed"})


if __name__ == "__main__":
    unittest.main()
