FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
# The tools that build stay in /build: the service's own environment gets wheels only, and no pip.
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements-build.lock
# Without pkg-config pyvips uses the libvips of pyvips-binary, and needs no compiler.
RUN PKG_CONFIG=false /build/bin/pip wheel --no-cache-dir --require-hashes --no-deps --no-build-isolation -r requirements.lock -w /wheels
COPY pyproject.toml README.md ./
COPY service service
COPY clients/python clients/python
RUN /build/bin/pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation -w /wheels ./clients/python . \
    && python -m venv --without-pip /app \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-index --no-deps --no-compile /wheels/*.whl \
    && /app/bin/python -m compileall -q /app/lib

FROM python:3.11-slim
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel
COPY --from=build /app /app
# MALLOC_ARENA_MAX: the memory of decoded pictures is given back instead of being kept for each thread.
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
USER 10001:10001
WORKDIR /tmp
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-m", "service", "health"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve"]
