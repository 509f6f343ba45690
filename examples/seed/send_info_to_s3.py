#!/usr/bin/env python3
"""Shows what could go from the instance straight to a bucket. The results are home already: this is a second copy."""

import os
import re
import sys
from pathlib import Path

version = os.environ.get("VERSION") or sys.exit("VERSION is not set; collect sets it to the revision")
print(f"send_info_to_s3.py: phase {os.environ['COLLECTOR_PHASE']}, VERSION {version}")

for path in Path("/tmp").iterdir():
    if re.fullmatch(r"w3af-\d+(\.gz)?\.cpu", path.name):
        # With a bucket, and an instance profile that may write to it, this would be:
        #     subprocess.run(["aws", "s3", "cp", path, f"s3://bucket/{version}/"], check=True)
        print(f"would send {path}, {path.stat().st_size} bytes")
