#!/usr/bin/env python3
"""GitHub as a job sees it, on the loopback interface: README.md says how to use it."""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True

HERE = Path(__file__).resolve().parent
CANNOT_RUN = 77  # the exit status by which test runners know a skipped test
PATIENCE = 60  # seconds that a server may take to start; none takes a tenth of it on an idle machine
AZURITE = ["azurite-blob", "--blobPort", "0", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
PRISM = ["prism", "proxy", "--errors", "--host", "127.0.0.1", "--port", "0"]
SHOWN_HEADERS = ("accept", "content-length", "content-type", "user-agent", "x-github-api-version", "x-ms-version",
                 "x-ms-blob-content-type")
# Of one connection, not of the request; the client that forwards has its own.
HOP_BY_HOP = ("host", "connection", "keep-alive", "transfer-encoding", "expect")
LARGE = 2**20

cache = Path(subprocess.run([HERE / "setup", "--where"], check=True, capture_output=True, text=True).stdout.strip())
if Path(sys.prefix) != cache / "venv":
    python = cache / "venv/bin/python"
    if not python.exists() or not (cache / "openapi.json").exists():
        print(f"fake_github: cannot run here: {HERE}/setup has not been run", file=sys.stderr)
        sys.exit(CANNOT_RUN)
    os.execv(python, [python, *sys.argv])

import aiohttp
from aiohttp import web
from yarl import URL

import artifacts
import rest


class Journal:
    """Sees every request first: it writes them down and plays the faults."""

    def __init__(self):
        self.requests, self.faults = [], []

    @web.middleware
    async def middleware(self, request, handler):
        if request.path.startswith("/control/"):
            return await handler(request)
        seen = describe(request)
        self.requests.append(seen)
        fault = self.next_fault(request)
        await asyncio.sleep(fault.get("delay", 0))
        if fault.get("reset") == "before":
            return hang_up(request)
        if "status" in fault:
            answer = planned_answer(**fault)
        else:
            try:
                answer = await handler(request)
            except web.HTTPException as error:
                answer = web.json_response({"message": error.reason}, status=error.status)
        if fault.get("reset") == "after":
            return hang_up(request)
        seen["status"] = answer.status
        return answer

    def next_fault(self, request):
        """The first fault for this request, counted down."""
        for fault in self.faults:
            if fault.get("method") in (None, request.method) and re.search(fault["path"], request.raw_path):
                if fault["skip"]:
                    fault["skip"] -= 1
                elif fault["count"]:
                    fault["count"] -= 1
                    return fault
        return {}

    def add_fault(self, fault):
        if not {"status", "reset", "delay"} & fault.keys() or fault.get("reset") not in (None, "before", "after"):
            raise ValueError("a fault has a status, a delay, or reset: before or after")
        re.compile(fault["path"])
        self.faults.append({"count": 1, "skip": 0, **fault})


class FakeGitHub:
    def __init__(self, session, origin, azurite, prism=None, direct=False):
        self.session, self.origin, self.azurite, self.prism = session, origin, azurite, prism
        self.journal, self.tokens = Journal(), artifacts.Tokens()
        self.artifacts = artifacts.ArtifactService(azurite if direct else origin, azurite, session, self.tokens)
        self.rest = rest.Rest(origin, json.loads((cache / "openapi.json").read_text()))
        self.violations = []

    def application(self):
        application = web.Application(middlewares=[self.journal.middleware], client_max_size=LARGE)
        application.add_routes([
            web.post(artifacts.SERVICE + "{method}", self.artifacts.call),
            web.route("*", f"/{artifacts.ACCOUNT}/{{path:.*}}", self.blob),
            web.get("/idtoken", self.id_token),
            web.post("/graphql", self.rest.guarded(self.rest.graphql)),
            web.route("*", "/control/{path}", self.control),
        ])
        if self.prism:
            application.router.add_route("*", "/{path:.*}", self.through_prism)
        else:
            application.add_routes(self.rest.routes())
        return application

    def facts(self):
        return {
            "api_url": self.origin, "results_url": f"{self.origin}/", "runtime_url": f"{self.origin}/",
            "id_token_url": f"{self.origin}/idtoken?api-version=2.0", "blob": self.azurite,
            "repository": rest.REPOSITORY, "github_token": rest.JOB, "read_only_token": rest.READ_ONLY,
            "user_token": rest.USER, "app_token": rest.APP,
        }

    async def blob(self, request):
        return self.artifacts.check_blob_request(request) or await self.forward(request, self.azurite)

    async def through_prism(self, request):
        answer = await self.forward(request, self.prism)
        if answer.content_type == "application/problem+json":
            self.violations.append({"method": request.method, "path": request.path, "problem": json.loads(answer.body)})
        return answer

    async def id_token(self, request):
        try:
            claims = self.tokens.claims(request)
        except artifacts.Refused as refusal:
            return web.json_response({"message": refusal.message}, status=refusal.status)
        audience = request.query.get("audience", f"https://github.com/{rest.REPOSITORY.split('/')[0]}")
        return web.json_response({"value": self.tokens.identity(claims, audience, rest.REPOSITORY)})

    async def control(self, request):
        try:
            fields = await request.json() if request.can_read_body else {}
            return web.json_response(self.answer(f"{request.method} {request.path}", fields))
        except (KeyError, TypeError, ValueError, re.error) as error:
            return web.json_response({"error": repr(error)}, status=400)

    def answer(self, request, fields):
        match request:
            case "POST /control/job":
                return self.tokens.job(**fields)
            case "GET /control/requests":
                return self.journal.requests
            case "POST /control/faults":
                return self.journal.add_fault(fields)
            case "DELETE /control/faults":
                return self.journal.faults.clear()
            case "GET /control/violations":
                return self.violations
            case "GET /control/artifacts":
                return [dataclasses.asdict(artifact) for artifact in self.artifacts.artifacts]
            case "GET /control/comments":
                return self.rest.comments
            case "POST /control/comments":
                kind = "issue" if "issue" in fields else "commit"
                return self.rest.add_comment(kind, fields[kind], fields["login"], fields["body"])
            case "POST /control/commits":
                return self.rest.add_commit(**fields)
            case "POST /control/pulls":
                return self.rest.add_pull(**fields)
            case "POST /control/upload-lifetime":
                self.artifacts.upload_lifetime = fields["seconds"]
                return None
            case "POST /control/latency":
                self.rest.latency = (fields["min"], fields["max"])
                return None
        raise ValueError(f"no {request}")

    async def forward(self, request, server):
        """Passes the request on as it is, byte by byte, and its answer back."""
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        async with self.session.request(request.method, URL(server + request.raw_path, encoded=True), headers=headers,
                                        data=request.content if request.can_read_body else None) as answer:
            headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            if int(answer.headers.get("Content-Length", 0)) <= LARGE:
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
            stream = web.StreamResponse(status=answer.status, headers=headers)
            await stream.prepare(request)
            async for chunk in answer.content.iter_any():
                await stream.write(chunk)
            return stream


def describe(request):
    headers = {name: request.headers[name] for name in SHOWN_HEADERS if name in request.headers}
    if "Authorization" in request.headers:
        headers["authorization"] = request.headers["Authorization"].partition(" ")[0]
    query = {name: "redacted" if name == "sig" else value for name, value in request.query.items()}
    return {"method": request.method, "path": request.path, "query": query, "headers": headers, "status": None,
            "at": time.time()}


def planned_answer(status, body="", headers=None, **_):
    if isinstance(body, str):
        return web.Response(status=status, text=body, headers=headers)
    return web.json_response(body, status=status, headers=headers)


def hang_up(request):
    """A reset, as the other end sees it; what is returned reaches nobody."""
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


@contextlib.asynccontextmanager
async def server(folder, command, *arguments):
    """A Node program that dies with us; the address that it says it listens on."""
    name = command[0]
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "KILL", "--", cache / "node_modules/.bin" / name, *command[1:], *arguments,
        cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    listening, said = asyncio.get_running_loop().create_future(), folder / f"{name}.log"

    async def read():
        with said.open("wb", buffering=0) as log:
            async for line in process.stdout:
                log.write(line)
                found = re.search(rb"listen\w* on (http://[\d.:]+)", line)
                if found and not listening.done():
                    listening.set_result(found[1].decode())
        if not listening.done():
            listening.set_exception(RuntimeError(f"{name}: {said.read_text()}"))

    reader = asyncio.create_task(read())
    try:
        yield await asyncio.wait_for(listening, PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await reader
        await process.wait()


@contextlib.asynccontextmanager
async def serving(application, sock):
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()


def bound():
    sock = socket.create_server(("127.0.0.1", 0), backlog=512)
    return sock, f"http://127.0.0.1:{sock.getsockname()[1]}"


async def run(options, folder):
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    threading.Thread(target=wait_for_end_of_input, args=(loop, stopped), daemon=True).start()

    connector = aiohttp.TCPConnector(limit=0, force_close=True)  # Azurite hangs up on idle connections
    own_headers = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(
            connector=connector, auto_decompress=False, skip_auto_headers=own_headers,
            timeout=aiohttp.ClientTimeout(total=None)))
        (sock, origin), (behind_prism, upstream) = bound(), bound()
        servers = [server(folder, AZURITE, "--location", folder / "blobs")]
        if options.prism:
            servers.append(server(folder, PRISM, cache / "openapi.json", upstream))
        azurite, *prism = await asyncio.gather(*map(stack.enter_async_context, servers))
        github = FakeGitHub(session, origin, azurite, *prism, direct=options.direct)
        await github.artifacts.create_container()
        if prism:
            rest_alone = web.Application(client_max_size=LARGE)
            rest_alone.add_routes(github.rest.routes())
            await stack.enter_async_context(serving(rest_alone, behind_prism))
        await stack.enter_async_context(serving(github.application(), sock))
        print(json.dumps({**github.facts(), "dir": str(folder)}), flush=True)
        await stopped.wait()


def wait_for_end_of_input(loop, stopped):
    while os.read(0, 4096):
        pass
    with contextlib.suppress(RuntimeError):  # the loop is gone
        loop.call_soon_threadsafe(stopped.set)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prism", action="store_true", help="hold every REST call against GitHub's own description")
    parser.add_argument("--direct", action="store_true", help="blobs go to Azurite without a look at them, and without faults")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="collector-github-"))
    try:
        asyncio.run(run(options, folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
