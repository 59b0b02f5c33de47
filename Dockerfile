# Both images: `docker build --target server .` (a site server, or a logon server) and `docker build --target client .`
# (many clients in one process), from the root of the repository.
# BASE is any Debian-like image with python3, its venv module and pip. The venv is made by `python3`, wherever that lies.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# No pip in the venv that is shipped: the one of the base installs into it.
RUN python3 -m venv --without-pip /opt/despoolr && python3 -m venv /opt/build
WORKDIR /build
COPY requirements/run.txt requirements/build.txt requirements/
RUN python3 -m pip --python /opt/despoolr/bin/python install --require-hashes -r requirements/run.txt \
 && /opt/build/bin/python -m pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY server server
COPY client client
COPY app app
COPY lab lab
COPY public public
COPY scenarios scenarios
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && python3 -m pip --python /opt/despoolr/bin/python install --no-deps dist/*.whl

FROM ${BASE} AS common
# A named volume takes over who owns the directory it is mounted on: these belong to the user that all run as.
RUN groupadd --gid 10001 despoolr \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin despoolr \
 && install --directory --owner 10001 --group 10001 --mode 0700 /data \
 && install --directory --owner 10001 --group 10001 --mode 0711 /common /runs
COPY app/probe.sh /opt/despoolr/bin/probe
ENV PATH=/opt/despoolr/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DESPOOLR_LOG_FORMAT=text \
    DESPOOLR_COMMON=/common
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["despoolr"]
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"

FROM common AS client
LABEL org.opencontainers.image.title="despoolr-client" \
      org.opencontainers.image.description="Despoolr clients"
COPY --from=build /opt/despoolr /opt/despoolr
ENV DESPOOLR_LISTEN=0.0.0.0:8804
# Asks the fleet whether all its clients are there and reach a logon server; that its files can be opened, that server says itself.
HEALTHCHECK --interval=15s --timeout=20s --start-period=120s --retries=4 CMD ["bash", "/opt/despoolr/bin/probe"]
CMD ["fleet", "--lease"]

FROM build AS build-server
COPY requirements/server.txt requirements/
RUN python3 -m pip --python /opt/despoolr/bin/python install --require-hashes -r requirements/server.txt

FROM common AS server
LABEL org.opencontainers.image.title="despoolr-server" \
      org.opencontainers.image.description="A Despoolr site server or logon server"
COPY --from=build-server /opt/despoolr /opt/despoolr
ENV DESPOOLR_DATA=/data
WORKDIR /data
VOLUME ["/data"]
# Asks each server of the container whether it does its work: it opens a file on its first share, writes, reads, closes (GET /ready).
HEALTHCHECK --interval=5s --timeout=15s --start-period=120s --retries=4 CMD ["bash", "/opt/despoolr/bin/probe"]
CMD ["serve", "site", "--listen", "0.0.0.0:8801"]
