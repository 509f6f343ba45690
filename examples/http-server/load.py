#!/usr/bin/env python3
"""Asks the server as fast as it answers, with as many clients at once as each argument says, for SECONDS_EACH."""

import csv
import http.client
import os
import sys
import threading
import time

PORT = 8808
RESULTS = "/tmp/http-server"
WARM_UP = 0.5  # seconds that count for nothing


def ask(until, measured_from, latencies, failures):
    """One client: a request after the other. The server closes each connection, so connecting is part of a request."""
    while (start := time.perf_counter()) < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
            connection.request("GET", "/")
            response = connection.getresponse()
            whole = response.status == 200 and len(response.read()) == 16384
            connection.close()
        except (OSError, http.client.HTTPException):
            whole = False
        end = time.perf_counter()
        if start < measured_from:
            continue
        if whole:
            latencies.append(end - start)
        else:
            failures.append(end - start)


def measure(clients, seconds):
    """The sorted latencies of the requests that were answered, and the number of the others."""
    latencies, failures = [], []
    measured_from = time.perf_counter() + WARM_UP
    arguments = (measured_from + seconds, measured_from, latencies, failures)
    threads = [threading.Thread(target=ask, args=arguments) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies), len(failures)


def percentile(ordered, share):
    """The smallest value that this share of them does not exceed."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def main():
    seconds = float(os.environ.get("SECONDS_EACH", "3"))
    with open(f"{RESULTS}/load.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["revision", "clients", "requests", "failed", "requests_per_s", "median_ms", "p99_ms"])
        for clients in map(int, sys.argv[1:]):
            latencies, failed = measure(clients, seconds)
            if not latencies:
                sys.exit(f"none of {failed} requests of {clients} clients was answered")
            row = [
                os.environ["VERSION"],
                clients,
                len(latencies),
                failed,
                f"{len(latencies) / seconds:.1f}",
                f"{percentile(latencies, 50) * 1000:.3f}",
                f"{percentile(latencies, 99) * 1000:.3f}",
            ]
            table.writerow(row)
            file.flush()  # a time-out costs the loads that did not run, not those that did
            print(f"clients {clients}: {row[4]} requests/s, median {row[5]} ms, 99 % within {row[6]} ms, {failed} failed")


main()
