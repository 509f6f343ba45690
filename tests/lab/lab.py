#!/usr/bin/env python3
"""An EC2 of one's own on the loopback interface: README.md says how to use it."""

import argparse
import contextlib
import fcntl
import gc
import io
import ipaddress
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
import guests

HERE = Path(__file__).resolve().parent
CACHE_VARIABLE = "COLLECTOR_LAB_CACHE"
CANNOT_RUN = 77  # the exit status by which test runners know a skipped test
NETWORKS = range(16, 255)
EC2_API = "2016-11-15"
STS_API = "2011-06-15"
PACKET_FILTER = """
table inet {table} {{
  set refused {{ type ipv4_addr; flags timeout; }}
  set lost {{ type ipv4_addr; flags timeout; }}
  chain input {{
    type filter hook input priority 0;
    ip daddr @lost tcp dport {port} drop
    ip daddr @refused tcp dport {port} tcp flags & (syn | ack) == syn reject with tcp reset
  }}
}}
"""


class Lab:
    def __init__(self, guest, pending, shutting_down, network, rootfs, folder):
        self.guest, self.pending, self.shutting_down = guest, pending, shutting_down
        self.network, self.rootfs, self.folder = network, rootfs, folder
        self.key_file = folder / "key_pair"
        self.lock = threading.RLock()
        self.machines, self.faults, self.calls = {}, [], []
        self.filter = None
        self.capacity = None  # living instances; None is as many as are asked for
        self.imaging = 0  # seconds that an image is pending
        self.closing = threading.Event()
        self.session = None  # seconds; None is as long as is asked for

    def next_fault(self, action):
        """The first fault for this action, counted down."""
        with self.lock:
            for fault in self.faults:
                if fault["action"] in (action, "*") and fault["count"] != 0:
                    fault["count"] -= 1
                    return fault
        return {}

    def cut(self, machine):
        """Resets every connection to the instance's SSH port, as seen by both ends."""
        sources = " or ".join(f"src {address}" for address in self.addresses(machine))
        ours = f"state established ( {sources} ) and sport = :{guests.SSH_PORT}".split()
        count = len(output("ss", "-Hnt", *ours).splitlines())
        output("ss", "-KHnt", *ours)
        if output("ss", "-Hnt", *ours):
            raise RuntimeError("this kernel cannot close the sockets of others (CONFIG_INET_DIAG_DESTROY)")
        return {"connections": count}

    def filter_packets(self, machine, name, seconds):
        table = f"collector_lab_{self.network.network_address.packed[1]}"
        with self.lock:
            if not self.filter:
                rules = PACKET_FILTER.format(table=table, port=guests.SSH_PORT)
                output("nft", "-f", "-", input=f"add table inet {table}\ndelete table inet {table}\n{rules}")
                self.filter = table
        for address in self.addresses(machine):
            output("nft", f"add element inet {table} {name} {{ {address} timeout {int(seconds * 1000)}ms }}")
        return {}

    def addresses(self, machine):
        return [ip for ip in (machine.instance.private_ip, machine.instance.public_ip) if ip]

    def close(self):
        self.closing.set()
        with self.lock:
            for machine in self.machines.values():
                machine.stopped.set()
            for machine in self.machines.values():
                machine.end()
        for machine in self.machines.values():
            machine.thread.join()
            self.remove_step_groups(machine.instance.client_token)
        if self.filter:
            output("nft", f"delete table inet {self.filter}")

    @staticmethod
    def remove_step_groups(lease):
        """Control groups that collector made for its steps: `sshd` guests share this machine's."""
        for root in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
            for group in root.glob(f"collector-{lease}_*") if lease else ():
                with contextlib.suppress(OSError):
                    group.rmdir()


class Application:
    """Serves /lab/ itself and hands everything else to moto, unless a fault is due."""

    def __init__(self, lab, moto):
        self.lab, self.moto = lab, moto

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ["PATH_INFO"]
        if path.startswith("/lab/"):
            return self.serve(f"{environ['REQUEST_METHOD']} {path}", body, start_response)
        environ["wsgi.input"] = io.BytesIO(body)
        form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
        call = dict(parse_qsl(body.decode(), keep_blank_values=True)) if form else {}
        action = call.pop("Action", None)
        if environ.get("HTTP_X_AMZ_TARGET", "").endswith(".GetProducts"):
            return self.serve_price(environ, body, start_response)
        if action is None:
            return self.serve_object(environ, body, start_response)

        version = call.pop("Version", None)
        if version in (EC2_API, STS_API):
            seen = {"action": action, "at": time.time(), "params": call}
            with self.lab.lock:
                self.lab.calls.append(seen)
        fault = self.lab.next_fault(action)
        time.sleep(fault.get("delay", 0))
        if fault.get("kill") == "before":
            hang_up(environ)
        if fault.get("kill") == "after":
            list(self.moto(environ, lambda *_: None))
            hang_up(environ)
        if "code" in fault:
            error = f'<Error><Code>{escape(fault["code"])}</Code><Message>{escape(fault.get("message", ""))}</Message></Error>'
            request = "00000000-0000-4000-8000-000000000000"
            answer = '<?xml version="1.0" encoding="UTF-8"?>\n' + (
                f"<ErrorResponse>{error}<RequestId>{request}</RequestId></ErrorResponse>" if version == STS_API else
                f"<Response><Errors>{error}</Errors><RequestID>{request}</RequestID></Response>")
            return respond(start_response, fault.get("status", 400), "text/xml;charset=UTF-8", answer)
        return self.moto(environ, start_response)

    def serve_price(self, environ, body, start_response):
        import prices

        action = "GetProducts"
        with self.lab.lock:
            self.lab.calls.append({"action": action, "at": time.time(), "params": json.loads(body)})
        fault = self.lab.next_fault(action)
        time.sleep(fault.get("delay", 0))
        status, answer = prices.answer(environ, body)
        if "code" in fault:
            status, answer = fault.get("status", 400), {"__type": fault["code"]}
        return respond(start_response, status, "application/x-amz-json-1.1", json.dumps(answer))

    def serve_object(self, environ, body, start_response):
        """S3, with what moto does not look at: signatures in addresses, and checksums of parts."""
        import objects

        action = objects.action(environ)
        if action is None:
            return self.moto(environ, start_response)
        seen = {"action": action, "at": time.time(), "params": {"path": environ["PATH_INFO"], "size": len(body),
                "client": environ.get("HTTP_USER_AGENT", ""), "query": dict(parse_qsl(environ["QUERY_STRING"]))}}
        with self.lab.lock:
            self.lab.calls.append(seen)
        fault = self.lab.next_fault(action)
        time.sleep(fault.get("delay", 0))
        if fault.get("kill") == "before":
            hang_up(environ)
        if fault.get("kill") == "after":
            list(self.moto(environ, lambda *_: None))
            hang_up(environ)
        if fault.get("spoil"):
            body = b"spoilt" + body[6:]
        refusal = objects.refusal(environ, body)
        if "code" in fault:
            refusal = fault.get("status", 400), fault["code"], fault.get("message", "")
        if refusal:
            status, code, message = refusal
            answer = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
            return respond(start_response, status, "application/xml", answer)
        return self.moto(environ, start_response)

    def serve(self, request, body, start_response):
        status = 200
        try:
            answer = self.answer(request, json.loads(body or "{}"))
        except (KeyError, ValueError) as error:
            status, answer = 400, {"error": repr(error)}
        except (RuntimeError, subprocess.CalledProcessError) as error:
            status, answer = 500, {"error": str(error)}
        return respond(start_response, status, "application/json", json.dumps(answer))

    def answer(self, request, body):
        lab = self.lab
        match request:
            case "GET /lab/instances":
                with lab.lock:
                    return [machine.describe() for machine in lab.machines.values()]
            case "GET /lab/calls":
                return list(lab.calls)
            case "POST /lab/faults":
                if not {"code", "kill", "delay", "spoil"} & body.keys() or body.get("kill") not in (None, "before", "after"):
                    raise ValueError("a fault has a code, a delay, kill: before or after, or spoil")
                with lab.lock:
                    lab.faults.append({"count": 1, **body, "action": body["action"]})
                return {}
            case "DELETE /lab/faults":
                with lab.lock:
                    lab.faults.clear()
                return {}
            case "POST /lab/session":
                lab.session = body["seconds"]
                return {}
            case "GET /lab/stored":
                return lab.stored()
            case "POST /lab/imaging":
                lab.imaging = body["seconds"]
                return {}
            case "POST /lab/capacity":
                lab.capacity = body["instances"]
                return {}
            case "POST /lab/cut":
                return lab.cut(lab.machines[body["instance"]])
            case "POST /lab/refuse":
                return lab.filter_packets(lab.machines[body["instance"]], "refused", body["seconds"])
            case "POST /lab/blackhole":
                return lab.filter_packets(lab.machines[body["instance"]], "lost", body["seconds"])
        raise ValueError(f"no {request}")


def respond(start_response, status, kind, text):
    content = text.encode()
    start_response(f"{status} -", [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]


def hang_up(environ):
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


def output(*command, input=None):
    done = subprocess.run(command, input=input, stdin=None if input else subprocess.DEVNULL, capture_output=True,
                          text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def take_network():
    """A network that no other lab has; it is ours for as long as the lock file stays open."""
    for number in NETWORKS:
        try:
            lock = open(f"{tempfile.gettempdir()}/collector-lab-{number}.lock", "w")
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        return ipaddress.ip_network(f"127.{number}.0.0/16"), lock
    raise SystemExit("lab: every network is taken")


def check_port(network):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(network[1]), guests.SSH_PORT))
            probe.listen()
        except OSError as error:
            cannot_run(f"port {guests.SSH_PORT} of {network[1]}: {error.strerror}")


def cannot_run(reason):
    print(f"lab: cannot run here: {reason}", file=sys.stderr)
    raise SystemExit(CANNOT_RUN)


def enter_venv(guest):
    """Starts over in the venv, and in a mount namespace if there are going to be mounts: it takes them along."""
    cache = output(str(HERE / "setup"), "--where").strip()
    python = f"{cache}/venv/bin/python"
    if not os.path.exists(python):
        cannot_run(f"{HERE}/setup has not been run")
    command = [python, __file__, *sys.argv[1:]]
    if guest != "none" and os.geteuid() == 0:
        command = ["unshare", "--mount", *command]
    # No profile or endpoint of the user's may reach the emulator.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    os.execvpe(command[0], command, {**environment, CACHE_VARIABLE: cache})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--guest", choices=["none", "sshd", "nspawn"], required=True)
    parser.add_argument("--pending", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--shutting-down", type=float, default=0, metavar="SECONDS")
    options = parser.parse_args()
    if CACHE_VARIABLE not in os.environ:
        enter_venv(options.guest)

    rootfs = Path(os.environ[CACHE_VARIABLE]) / "rootfs"
    if reason := guests.missing(options.guest, rootfs):
        cannot_run(reason)
    network, _lock = take_network()
    if options.guest != "none":
        check_port(network)
    os.umask(0o022)
    # SystemExit, so that `finally` runs.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())

    folder = Path(tempfile.mkdtemp(prefix="collector-lab-"))
    lab = Lab(options.guest, options.pending, options.shutting_down, network, rootfs, folder)
    try:
        run(lab)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        lab.close()
        if (folder / "guests").is_dir():
            guests.run("umount", "--lazy", str(folder / "guests"))
        shutil.rmtree(folder)


def run(lab):
    logging.basicConfig(filename=lab.folder / "emulator.log", level=logging.INFO)
    if lab.guest != "none":
        (lab.folder / "guests").mkdir()
        guests.mount("-t", "tmpfs", "tmpfs", str(lab.folder / "guests"))
    if lab.guest == "nspawn":
        guests.NSPAWN_STATE.mkdir(parents=True, exist_ok=True)
        guests.mount("-t", "tmpfs", "tmpfs", str(guests.NSPAWN_STATE))

    gc.disable()  # moto's tables are many small objects that stay: collecting while they load doubles the time
    import emulator
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    known = emulator.install(lab)
    gc.freeze()
    gc.enable()
    application = Application(lab, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready = {"endpoint": f"http://127.0.0.1:{server.port}", **known, "key_file": str(lab.key_file)}
    print(json.dumps({**ready, "dir": str(lab.folder)}), flush=True)
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
