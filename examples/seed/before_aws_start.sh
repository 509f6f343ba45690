#!/bin/sh
# Runs here, before there is an instance: the place for checks whose failure should cost nothing.
set -eu

: "${VERSION:?is not set; collect sets it to the revision}"
echo "before_aws_start.sh: phase $COLLECTOR_PHASE, VERSION $VERSION"

# With a checkout at hand, a mistyped revision could be found out now:
#     git rev-parse --verify --quiet "$VERSION^{commit}"
