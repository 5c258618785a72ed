# The service. Base images are pinned by version and digest, Python packages by version and hash; nothing else is fetched.
# The base has to bring SQLite 3.42 or newer (Debian trixie: 3.46): see docs/operations.md.

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# What changes rarely comes first, so that a change of our code rebuilds only the last step.
COPY requirements-image.lock requirements-build.lock ./
RUN python -m venv --without-pip /opt/skill-fleet \
    && pip --python /opt/skill-fleet install --require-hashes --no-deps --only-binary=:all: -r requirements-image.lock \
    && python -m venv /build/tools \
    && /build/tools/bin/pip install --require-hashes --no-deps --only-binary=:all: -r requirements-build.lock

COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY pipeline ./pipeline
RUN /build/tools/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /build/dist . \
    && pip --python /opt/skill-fleet install --no-deps --no-index /build/dist/*.whl


FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS service

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Skill Fleet for GitHub" \
      org.opencontainers.image.description="Turns a GitHub issue into a reviewed, validated Agent Skill" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13.15-slim-trixie"

RUN groupadd --system --gid 10001 skill-fleet \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin skill-fleet \
    && install -d -m 0750 -o 10001 -g 10001 /data

COPY --from=build /opt/skill-fleet /opt/skill-fleet

# The root file system may be read-only: everything that is written goes to /data (the database) and /tmp.
ENV PATH=/opt/skill-fleet/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GIT_PYTHON_REFRESH=quiet \
    DSPY_CACHEDIR=/tmp/dspy \
    SKILL_FLEET_HOST=0.0.0.0 \
    SKILL_FLEET_PORT=8080 \
    SKILL_FLEET_DATABASE_URL=sqlite:////data/skill-fleet.db \
    SKILL_FLEET_LOG_FORMAT=json

WORKDIR /data
VOLUME ["/data"]
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['SKILL_FLEET_PORT']), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["skill-fleet"]
CMD ["serve"]
