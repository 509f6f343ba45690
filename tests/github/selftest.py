#!/usr/bin/env python3
"""Holds the double to what GitHub does; arguments select tests by a part of their name."""

import base64
import concurrent.futures
import contextlib
import functools
import hashlib
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from urllib.parse import quote, urlsplit

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.append(str(HERE.parent))
import skipped

PATIENCE = 60  # seconds that anything may take; nothing here takes a tenth of it on an idle machine
CANNOT_RUN = 77
REPOSITORY = "/repos/octo-org/octo-repo"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
VERSION = {"x-ms-version": "2024-11-04"}
UPLOAD = """
import { pathToFileURL } from "node:url";
const [library, name, root, ...files] = process.argv.slice(1);
const { default: client } = await import(pathToFileURL(library));
process.stderr.write(JSON.stringify(await client.uploadArtifact(name, files, root, { retentionDays: 1 })));
"""


class Skipped(Exception):
    pass


class FakeGitHub:
    def __init__(self, *arguments):
        started = time.monotonic()
        self.process = subprocess.Popen([HERE / "fake_github.py", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            reason = self.process.communicate()[1].strip()
            raise Skipped(reason) if self.process.returncode == CANNOT_RUN else AssertionError(reason)
        note(f"up after {time.monotonic() - started:.2f} s")
        self.__dict__.update(json.loads(line))
        self.violations = []

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.process.stderr.read()
        assert not os.path.exists(self.dir)

    def control(self, method, path, body=None):
        status, _, content = ask(method, f"{self.api_url}/control/{path}", {}, body)
        assert status == 200, content
        return content

    def fault(self, path, **fault):
        self.control("POST", "faults", {"path": path, **fault})

    def job(self, **parameters):
        return Job(self, self.control("POST", "job", {"run_id": next(runs), **parameters}))

    def new_violations(self):
        seen, self.violations = self.violations, self.control("GET", "violations")
        return self.violations[len(seen):]

    def rest(self, method, path, body=None, token=None, **headers):
        common = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "t",
                  "Authorization": f"Bearer {token or self.github_token}"}
        return ask(method, self.api_url + path, {k: v for k, v in (common | headers).items() if v is not None}, body)


class Job:
    def __init__(self, github, facts):
        self.github = github
        self.__dict__.update(facts)
        self.ids = {"workflow_run_backend_id": self.run_backend_id, "workflow_job_run_backend_id": self.job_backend_id}

    def call(self, method, **fields):
        return self.call_with({}, method, **fields)

    def call_with(self, headers, method, **fields):
        url = f"{self.github.results_url}twirp/github.actions.results.api.v1.ArtifactService/{method}"
        common = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        status, _, content = ask("POST", url, {k: v for k, v in (common | headers).items() if v is not None},
                                 self.ids | fields)
        return status, content

    def create(self, name="a", **more):
        status, content = self.call("CreateArtifact", name=name, version=4, **more)
        assert status == 200 and content["ok"], content
        return content["signed_upload_url"]

    def upload(self, url, *blocks):
        ids = [base64.b64encode(f"{number:048}".encode()).decode() for number in range(len(blocks))]
        for block_id, block in zip(ids, blocks, strict=True):
            expect(201, put(f"{url}&comp=block&blockid={quote(block_id, safe='')}", block, VERSION))
        listed = "".join(f"<Latest>{block_id}</Latest>" for block_id in ids)
        return put(f"{url}&comp=blocklist", f"<BlockList>{listed}</BlockList>".encode(),
                   VERSION | {"x-ms-blob-content-type": "application/zip", "Content-Type": "application/xml"})

    def environment(self):
        return {**os.environ, "ACTIONS_RESULTS_URL": self.github.results_url, "ACTIONS_RUNTIME_TOKEN": self.token,
                "GITHUB_SERVER_URL": "https://github.com", "GITHUB_WORKSPACE": "/nonexistent"}


def ask(method, url, headers, body=None):
    """The status, the headers and the content, as JSON where it is."""
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    with contextlib.closing(connection):
        common = {"Content-Type": "application/json"} if content is not None else {}
        connection.request(method, url.removeprefix(f"http://{parts.netloc}"), content, common | headers)
        answer = connection.getresponse()
        content = answer.read()
        json_text = "json" in answer.headers.get("Content-Type", "")
        return answer.status, answer.headers, json.loads(content) if json_text else content


def put(url, content, headers):
    return ask("PUT", url, {"Content-Type": "application/octet-stream"} | headers, content)


def expect(status, answer, text=""):
    assert answer[0] == status and text in str(answer[-1]), answer
    return answer


def expect_reset(function, *arguments, **parameters):
    try:
        raise AssertionError(function(*arguments, **parameters))
    except ConnectionResetError:
        pass


def node(job, *arguments):
    done = subprocess.run(["node", *arguments], env=job.environment(), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_official_client():
    github = shared()
    with tempfile.TemporaryDirectory() as folder:
        job = github.job()
        content = os.urandom(9 << 20)  # more than one of the client's blocks
        Path(folder, "a").write_bytes(content)
        library = f"{cache}/node_modules/@actions/artifact/lib/artifact.js"
        uploaded = json.loads(node(job, "--input-type=module", "--eval", UPLOAD, library, "results", folder,
                                   f"{folder}/a").stderr)
        [artifact] = [a for a in github.control("GET", "artifacts") if a["run"] == job.run_backend_id]
        assert artifact["version"] == 7 and artifact["mime_type"] == "application/zip" and artifact["expires_at"]
        read = json.loads(node(job, HERE / "readback.mjs", "results", f"{folder}/back").stdout)
        assert read["id"] == uploaded["id"] == artifact["id"] and read["size"] == artifact["size"] > len(content)
        assert read["digest"] == f"sha256:{uploaded['digest']}" and not read["digestMismatch"]
        assert Path(read["path"], "a").read_bytes() == content
        done = subprocess.run(["node", HERE / "readback.mjs", "other", folder], env=job.environment(),
                              capture_output=True, text=True)
        assert done.returncode and "not found" in done.stderr, done


def test_artifact_calls():
    github = shared()
    job, other_run = github.job(), github.job()
    sibling = github.job(run_id=job.run_id)
    url = job.create(expires_at="2999-01-01T00:00:00Z")
    expect(409, job.call("CreateArtifact", name="a", version=4),
           "an artifact with this name already exists on the workflow run")
    expect(409, sibling.call("CreateArtifact", name="a", version=4))
    other_run.create()
    expect(201, job.upload(url, b"abc", b"d"))
    assert job.call("ListArtifacts") == (200, {"artifacts": []})
    expect(404, job.call("GetSignedArtifactURL", name="a"))
    expect(404, sibling.call("FinalizeArtifact", name="a", size="4"))
    expect(400, job.call("FinalizeArtifact", name="a", size="5"), "4 bytes are stored")
    expect(400, job.call("FinalizeArtifact", name="a", size="4", hash=digest(b"x")), digest(b"abcd"))
    # Numbers and camel case are as good as what the toolkit sends.
    status, content = job.call_with({}, "FinalizeArtifact", name="a", size=4, hash=digest(b"abcd"))
    assert status == 200 and content["ok"] and content["artifact_id"].isdecimal()
    expect(404, job.call("FinalizeArtifact", name="a", size="4"))
    for filters, count in (({}, 1), ({"nameFilter": "a"}, 1), ({"name_filter": "b"}, 0),
                           ({"id_filter": content["artifact_id"]}, 1), ({"id_filter": "1"}, 0)):
        status, listed = sibling.call("ListArtifacts", **filters)
        assert status == 200 and len(listed["artifacts"]) == count, listed
    [artifact] = job.call("ListArtifacts")[1]["artifacts"]
    assert artifact["database_id"] == content["artifact_id"] and artifact["size"] == "4"
    assert artifact["digest"] == digest(b"abcd") and artifact["workflow_job_run_backend_id"] == job.job_backend_id
    signed = job.call("GetSignedArtifactURL", name="a")[1]
    status, headers, content = ask("GET", signed["signed_url"], {})
    assert (status, content, headers["Content-Type"]) == (200, b"abcd", "application/zip")
    assert headers["Content-Disposition"] == 'attachment; filename="a"'
    expect(403, put(signed["signed_url"] + "&comp=block&blockid=MA%3D%3D", b"x", VERSION))
    assert job.call("DeleteArtifact", name="a")[1]["ok"] and job.call("ListArtifacts")[1] == {"artifacts": []}
    job.create()


def test_artifact_refusals():
    github = shared()
    job = github.job()
    expect(401, job.call_with({"Authorization": None}, "ListArtifacts"))
    expect(401, job.call_with({"Authorization": f"Bearer {job.token}x"}, "ListArtifacts"))
    expect(401, github.job(expires_in=0).call("ListArtifacts"), "expired")
    expect(404, job.call_with({"Content-Type": "application/protobuf"}, "ListArtifacts"), "Content-Type")
    expect(404, job.call("MakeArtifact"), "bad_route")
    expect(403, job.call("ListArtifacts", workflow_run_backend_id="x"))
    expect(403, job.call("CreateArtifact", workflow_job_run_backend_id="x", name="a", version=4))
    for wrong in ({"name": "a"}, {"name": "", "version": 4}, {"name": "a/b", "version": 4},
                  {"name": "a", "version": 7}, {"name": "a", "version": 4, "mime_type": "application/zip"},
                  {"name": "a", "version": 4, "expires_at": "2999-01-01"}, {"name": "a", "version": 4, "expire": 1},
                  {"name": "a", "version": 4, "expires_at": "2001-01-01T00:00:00Z"}):
        expect(400, job.call("CreateArtifact", **wrong), "invalid_argument")
    job.create()
    expect(400, job.call("FinalizeArtifact", name="a", size="0"), "nothing has been uploaded")


def test_blob_rules():
    github = shared()
    job = github.job()
    url = job.create()
    block = f"{url}&comp=block&blockid="
    expect(400, put(block + "MDA%3D", b"x", VERSION | {"Authorization": f"Bearer {job.token}"}), "Authorization")
    expect(400, put(block + "MDA%3D", b"x", {}), "x-ms-version")
    expect(400, put(url + "&timeout=5", b"x", VERSION | {"x-ms-blob-type": "BlockBlob"}), "blocks")
    expect(403, put(re.sub("sig=....", "sig=AAAA", block) + "MDA%3D", b"x", VERSION))
    expect(403, put(block.replace("%3A", ":") + "MDA%3D", b"x", VERSION), "given out")
    expect(201, put(block + "MDA%3D", b"x", VERSION))
    expect(400, put(block + "MDAw", b"x", VERSION), "InvalidBlobOrBlock")
    listed = b"<BlockList><Latest>MDA=</Latest></BlockList>"
    expect(400, put(url + "&comp=blocklist", listed, VERSION), "x-ms-blob-content-type")
    zip_type = VERSION | {"x-ms-blob-content-type": "application/zip"}
    expect(400, put(url + "&comp=blocklist", listed.replace(b"MDA=", b"MDE="), zip_type), "InvalidBlockList")
    expect(201, put(url + "&comp=blocklist", listed, zip_type))
    expect(200, job.call("FinalizeArtifact", name="a", size=1))


def test_faults():
    github, begun = shared(), time.time()
    job = github.job()
    github.fault("CreateArtifact", status=403, body={"code": "permission_denied", "msg": "insufficient usage"})
    expect(403, job.call("CreateArtifact", name="a", version=4), "insufficient usage")
    github.fault("Create", method="GET", status=500)
    github.fault("Create", reset="before")
    expect_reset(job.call, "CreateArtifact", name="a", version=4)
    url = job.create()
    github.fault("comp=block&", skip=1, status=503)
    github.fault("comp=blocklist", reset="after")
    expect(201, put(url + "&comp=block&blockid=MDA%3D", b"x", VERSION))
    expect(503, put(url + "&comp=block&blockid=MDA%3D", b"x", VERSION))
    listed, zip_type = b"<BlockList><Latest>MDA=</Latest></BlockList>", {"x-ms-blob-content-type": "application/zip"}
    expect_reset(put, url + "&comp=blocklist", listed, VERSION | zip_type)
    github.fault("FinalizeArtifact", reset="after")
    expect_reset(job.call, "FinalizeArtifact", name="a", size=1)
    assert [a["name"] for a in job.call("ListArtifacts")[1]["artifacts"]] == ["a"]
    github.fault("ListArtifacts", status=429, headers={"Retry-After": "7"}, count=2)
    for _ in range(2):
        expect(429, job.call("ListArtifacts"))
    github.fault("ListArtifacts", count=-1, delay=0.2)
    started = time.monotonic()
    expect(200, job.call("ListArtifacts"))
    assert time.monotonic() - started >= 0.2
    github.control("DELETE", "faults")
    for wrong in ({"path": "a"}, {"status": 500}, {"path": "a", "reset": "never"}, {"path": "(", "status": 500}):
        expect(400, ask("POST", f"{github.api_url}/control/faults", {}, wrong))
    seen = [request for request in github.control("GET", "requests") if request["at"] >= begun]
    assert [r["status"] for r in seen if "Finalize" in r["path"] or r["query"].get("comp") == "blocklist"] == [None] * 2
    [first, *_] = [r for r in seen if r["query"].get("comp") == "block"]
    assert first["query"]["sig"] == "redacted" and first["headers"]["x-ms-version"] and first["at"] > 0
    assert "sig=" not in str(seen) and job.token not in str(seen)


def test_comments():
    github = shared("--prism")
    issue, one, commit = f"{REPOSITORY}/issues/7/comments", "/issues/comments/", f"{REPOSITORY}/commits/{SHA}/comments"
    seeded = github.control("POST", "comments", {"issue": 7, "login": "mallory", "body": "b"})
    status, headers, content = github.rest("POST", issue, {"body": "mine"})
    assert status == 201 and headers["Location"] == content["url"]
    assert content["user"] | {"login": "github-actions[bot]", "type": "Bot"} == content["user"]
    assert [c["user"]["login"] for c in github.rest("GET", issue)[2]] == ["mallory", "github-actions[bot]"]
    url = f"{REPOSITORY}{one}{content['id']}"
    assert github.rest("PATCH", url, {"body": "new"})[2]["body"] == github.rest("GET", url)[2]["body"] == "new"
    expect(200, github.rest("PATCH", url, {"body": "ü" * 65536}))
    for method, target in (("PATCH", url), ("POST", issue), ("POST", commit)):
        expect(422, github.rest(method, target, {"body": "x" * 65537}), "too long (maximum is 65536 characters)")
    expect(204, github.rest("DELETE", url))
    expect(404, github.rest("GET", url), "Not Found")
    expect(404, github.rest("GET", issue.replace("/7/", "/8/")))
    expect(404, github.rest("GET", issue.replace("octo-repo", "other")))
    created = github.rest("POST", commit, {"body": "c"})[2]
    assert created["commit_id"] == SHA and [c["id"] for c in github.rest("GET", commit)[2]] == [created["id"]]
    expect(200, github.rest("PATCH", f"{REPOSITORY}/comments/{created['id']}", {"body": "d"}))
    expect(200, github.rest("GET", f"{REPOSITORY}/comments/{created['id']}"))
    expect(204, github.rest("DELETE", f"{REPOSITORY}/comments/{created['id']}"))
    assert seeded["id"] in {c["id"] for c in github.control("GET", "comments")}
    expect(403, github.rest("GET", "/user"), "Resource not accessible by integration")
    assert github.rest("GET", "/user", token=github.user_token)[2]["login"] == "octocat"
    expect(403, github.rest("POST", issue, {"body": "b"}, token=github.read_only_token), "not accessible")
    expect(200, github.rest("GET", issue, token=github.read_only_token))
    expect(401, github.rest("GET", issue, token="expired"), "Bad credentials")
    assert github.new_violations() == []


def test_rest_headers():
    github = shared()
    for status, header in ((401, "Authorization"), (403, "User-Agent"), (415, "Accept"), (400, "X-GitHub-Api-Version")):
        expect(status, github.rest("GET", "/user", **{header: None}))


def test_pulls():
    github = shared("--prism")
    github.control("POST", "pulls", {"number": 1, "sha": SHA, "head": "a", "commits": ["b" * 40]})
    github.control("POST", "pulls", {"number": 2, "sha": SHA, "head": "a", "head_repository": "eve/octo-repo"})
    github.control("POST", "pulls", {"number": 3, "sha": "c" * 40, "state": "closed"})

    def numbers(path):
        return [pull["number"] for pull in expect(200, github.rest("GET", REPOSITORY + path))[2]]

    assert numbers(f"/commits/{SHA}/pulls") == [1, 2] and numbers(f"/commits/{'b' * 40}/pulls") == [1]
    assert numbers(f"/commits/{'d' * 40}/pulls") == []
    assert numbers("/pulls") == [1, 2] and numbers("/pulls?state=all") == [1, 2, 3]
    assert github.rest("GET", f"{REPOSITORY}/issues/1/comments")[2] == []
    assert numbers("/pulls?head=eve:a&state=open") == [2] and numbers("/pulls?head=eve:b") == []
    [_, fork] = github.rest("GET", f"{REPOSITORY}/pulls")[2]
    assert fork["head"]["sha"] == SHA and fork["head"]["repo"]["full_name"] == "eve/octo-repo"
    assert expect(200, github.rest("GET", f"{REPOSITORY}/pulls/3"))[2]["head"]["sha"] == "c" * 40
    expect(404, github.rest("GET", f"{REPOSITORY}/pulls/4"))
    assert github.new_violations() == []


def test_pagination():
    github = shared("--prism")
    for number in range(5):
        github.control("POST", "comments", {"issue": 11, "login": "octocat", "body": str(number)})
    path, bodies = f"{github.api_url}{REPOSITORY}/issues/11/comments?per_page=2", []
    while path:
        _, headers, content = github.rest("GET", path.removeprefix(github.api_url))
        bodies += [comment["body"] for comment in content]
        links = dict(map(reversed, re.findall('<([^>]+)>; rel="(.+?)"', headers.get("Link", ""))))
        path = links.get("next")
    assert bodies == list("01234") and links.keys() == {"first", "prev"}
    assert "Link" not in github.rest("GET", f"{REPOSITORY}/issues/11/comments")[1]


def test_prism_refuses_what_github_does_not_describe():
    github = shared("--prism")
    issue = f"{REPOSITORY}/issues/12/comments"
    github.control("POST", "comments", {"issue": 12, "login": "octocat", "body": "b"})
    expect(422, github.rest("POST", issue, {"text": "b"}), "UNPROCESSABLE_ENTITY")
    expect(422, github.rest("POST", issue, {"body": 1}))
    expect(405, github.rest("POST", f"{REPOSITORY}/issues/comments/1", {"body": "b"}))  # it is PATCH
    expect(404, github.rest("GET", f"{REPOSITORY}/issue/1"), "NO_PATH_MATCHED")
    assert len(github.new_violations()) == 4
    github.fault(issue, reset="before")
    expect_reset(github.rest, "GET", issue)


def test_sixteen_at_once():
    github = shared("--prism")
    github.control("POST", "comments", {"issue": 13, "login": "octocat", "body": "seed"})
    github.control("POST", "latency", {"min": 0, "max": 0.1})
    issue = f"{REPOSITORY}/issues/13/comments"
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: github.rest("POST", issue, {"body": str(n)}), range(64)))
    github.control("POST", "latency", {"min": 0, "max": 0})
    assert [answer[0] for answer in answers] == [201] * 64
    _, *ordered = [comment["body"] for comment in github.control("GET", "comments") if comment["parent"] == 13]
    assert sorted(ordered, key=int) == [str(n) for n in range(64)] != ordered


def test_id_token():
    github = shared()
    job = github.job()
    url = f"{github.id_token_url}&audience=sts.amazonaws.com"
    expect(401, ask("GET", url, {}))
    content = ask("GET", url, {"Authorization": f"bearer {job.token}"})[2]
    payload = content["value"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == "sts.amazonaws.com" and claims["exp"] - claims["iat"] == 300
    assert claims["sub"].startswith("repo:octo-org/octo-repo:") and claims["iss"].endswith("githubusercontent.com")


def test_large_upload():
    github = shared()
    job = github.job()
    block, count = os.urandom(8 << 20), 16
    url = job.create()
    expect(201, job.upload(url, *[block] * count))
    expect(200, job.call("FinalizeArtifact", name="a", size=count * len(block), hash=digest(block * count)))
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{github.process.pid}/status").read_text())[1]) // 1024
    note(f"{peak} MiB")
    assert peak < 120


def test_ends_on_a_signal_and_takes_its_servers_along():
    github = FakeGitHub()
    github.process.terminate()
    github.close()
    github = FakeGitHub("--prism")
    children = Path(f"/proc/{github.process.pid}/task/{github.process.pid}/children").read_text().split()
    assert len(children) == 2
    github.process.kill()
    wait(lambda: not any(os.path.exists(f"/proc/{child}") for child in children))
    subprocess.run(["rm", "-r", github.dir], check=True)


def wait(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@functools.cache
def shared(*arguments):
    """One that most tests use: each has a run, an issue and a commit of its own there."""
    github = FakeGitHub(*arguments)
    shared_githubs.append(github)
    return github


shared_githubs, runs = [], itertools.count(1)
notes = []
note = notes.append
cache = subprocess.run([HERE / "setup", "--where"], check=True, capture_output=True, text=True).stdout.strip()


def main():
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for name, test in list(globals().items()):
        if not name.startswith("test_") or not all(part in name for part in sys.argv[1:]):
            continue
        notes.clear()
        started = time.monotonic()
        try:
            test()
            outcome = "passed"
        except Skipped as reason:
            outcome = skipped.outcome(name, reason)
            note(str(reason))
        except Exception:
            traceback.print_exc()
            outcome = "failed"
        counts[outcome] += 1
        print(f"{outcome} {time.monotonic() - started:6.2f} s  {name}  {', '.join(notes)}", flush=True)
    for github in shared_githubs:
        github.close()
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
