# The image of the action. `BINARY=prebuilt` takes dist/linux-<architecture>/collect in place of compiling it.
ARG BINARY=compiled
# The crates are in no package of the image.
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true

# Debian 12, so that the binary runs on whatever has its C library or a newer one.
FROM rust:1.95-slim-bookworm@sha256:d7482085ff5b415f84dba5647ae71606650bdef00db7aeb69f4b3d170c3e4082 AS build
WORKDIR /collector
COPY . .
ARG COLLECTOR_REVISION
# For systems with an older C library, too.
ENV COLLECTOR_PORTABLE=1
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/collector/target \
    cargo build --release --locked && cp target/release/collect /collect

FROM scratch AS compiled
COPY --from=build /collect /

FROM scratch AS prebuilt
ARG TARGETARCH
COPY dist/linux-$TARGETARCH/collect /

FROM $BINARY AS binary

FROM debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f
LABEL org.opencontainers.image.title="collector" \
      org.opencontainers.image.description="Measures any revision of your software on a rented EC2 instance" \
      org.opencontainers.image.source="https://github.com/andresriancho/collector" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# What a rehearsal needs, and what steps on the runner are usually written in.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        bash ca-certificates coreutils curl findutils gawk git grep gzip jq perl procps python3 sed tar util-linux zstd \
    && rm -rf /var/lib/apt/lists/* \
    # The servers of git, its mail and its second copies; Python compiles again what it loads.
    && cd /usr/lib/git-core \
    && rm git-daemon git-http-backend git-http-push git-imap-send git-shell scalar /usr/bin/git-shell /usr/bin/scalar \
    && ln --symbolic --force /usr/bin/git git \
    && find /usr/lib/python3* -name __pycache__ -prune -exec rm -r {} + \
    # The workspace belongs to the runner's user, and this image runs as root.
    && git config --system --add safe.directory '*' \
    && ln -s collect /usr/local/bin/collect-post
COPY --from=binary --chmod=755 /collect /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/collect"]
