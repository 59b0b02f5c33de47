# Stands in for the official image of nginx where no image registry is reached: Debian's package, the same place for its configuration.
ARG BASE=python:3.11-slim
FROM ${BASE}
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light >/dev/null \
 && rm -rf /var/lib/apt/lists/*
ENTRYPOINT []
