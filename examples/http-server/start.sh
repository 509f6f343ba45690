#!/bin/sh
# Starts the server in the background and waits until it answers.
#
# An example for software of your own would fetch and build it here, at the revision that is to be measured:
#     git clone https://example.org/software.git && cd software && git checkout "$VERSION" && make
# Python's own server stands in for it. Only what the config names comes along, so the page is written here.
set -eu

: "${VERSION:?is not set; collect sets it to the revision}"
results=/tmp/http-server # config.yml collects from here
port=8808                # load.py asks there

command -v python3 >/dev/null || {
    echo "this example needs Python 3" >&2
    exit 1
}

# What an earlier rehearsal on this machine left must not be collected as if it were new.
if ! { rm -rf "$results" && mkdir "$results"; }; then
    echo "cannot empty $results, it belongs to user $(stat -c %U "$results"): have it removed, then try again" >&2
    exit 1
fi

mkdir -p pages
head -c 16384 /dev/zero | tr '\0' x >pages/index.html

# Of another server that answers on the port, the figures would be measured without anyone seeing it.
if python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
    echo "another program listens on port $port: is it left over from an earlier run?" >&2
    exit 1
fi

# A session of its own: the server must outlive this step. Its log of requests would be part of what is measured.
setsid python3 -m http.server "$port" --bind 127.0.0.1 --directory pages >/dev/null 2>"$results/server.err" </dev/null &
echo "$!" >server.pid

# Ready is when it answers, not when it was started.
tries=0
until python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/', timeout=1)" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ] || ! kill -0 "$(cat server.pid)"; then
        echo "the server does not answer:" >&2
        tail "$results/server.err" >&2
        exit 1
    fi
    sleep 0.2
done
echo "the server answers on port $port"
