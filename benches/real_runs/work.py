#!/usr/bin/python3
"""Work of a known duration, measured: what it takes is drawn from the seed, and what it took is what the clock says.

A machine has a speed of its own and a bias of its own for the candidate; a turn has heavy-tailed noise, and each is a little
slower than the one before it. `SLOWER` is the true change of the candidate, in percent. The work is a wait at real-time
priority, so that what is drawn decides and not what else the machine does.
"""

import os
import random
import time
from math import exp, log1p, sqrt
from pathlib import Path

BASE = 0.1  # seconds
SPEED = 0.05  # the standard deviation of the logarithm of a machine's speed
BIAS = 0.01  # and of its ratio of candidate to baseline
PAIR_NOISE = 0.02  # and of the ratio within a pair of turns
DRIFT = 0.003  # for each turn

TURNS = Path("/tmp/turns")  # of both revisions on this instance


def heavy_tailed(draw):
    """Student's t with three degrees of freedom, scaled to a variance of 1."""
    square = sum(draw.gauss(0, 1) ** 2 for _ in range(3)) / 3
    return draw.gauss(0, 1) / sqrt(square) / sqrt(3)


def main():
    turn = len(TURNS.read_text()) if TURNS.exists() else 0
    TURNS.write_text("." * (turn + 1))
    machine = f"{os.environ['SEED']} {os.environ['COLLECTOR_SAMPLE']}"
    draw = random.Random(machine)
    speed, bias = draw.gauss(0, SPEED), draw.gauss(0, BIAS)
    draw = random.Random(f"{machine} {turn}")
    amount = speed + DRIFT * turn + PAIR_NOISE / sqrt(2) * heavy_tailed(draw)
    if os.environ["COLLECTOR_ARM"] == "candidate":
        amount += bias + log1p(float(os.environ["SLOWER"]) / 100)
    drawn = BASE * exp(amount)

    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
    start = time.perf_counter()
    time.sleep(drawn)
    took = time.perf_counter() - start
    Path("figures.txt").write_text(f"work: {took:.9f} s\n")
    Path("drawn.txt").write_text(f"{drawn:.9f}\n")


main()
