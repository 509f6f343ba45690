#!/usr/bin/env python3
"""Runs here, before the instance goes: writes down what to ask CloudWatch about it."""

import json
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
print(f"collect_cloudwatch_info.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}")

output = Path(os.environ["COLLECTOR_OUTPUT"])
started = output / "started-at.txt"
if not started.exists():
    sys.exit("no started-at.txt: local_after_aws_start.py did not run, so the time window is not known")

query = {
    "revision": version,
    "instance_id": os.environ["COLLECTOR_INSTANCE_ID"],
    "region": os.environ.get("COLLECTOR_REGION") or None,  # a rehearsal has none
    "start_time": started.read_text().strip(),
    "end_time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
}
# The query itself belongs here, where the AWS credentials are:
#     aws cloudwatch get-metric-statistics --namespace AWS/EC2 --metric-name CPUUtilization --statistics Average
#         --dimensions Name=InstanceId,Value=… --region … --start-time … --end-time … --period 300
# CloudWatch has a figure for every five minutes, a few minutes late, and keeps it after the instance is gone: with
# this file the question can also be asked later.
(output / "cloudwatch.json").write_text(json.dumps(query, indent=2) + "\n")
