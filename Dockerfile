# Only app/, stateserve/, models/ and the dependencies of serving: no scikit-learn, pandas or tests.
FROM python:3.11-slim-bookworm AS base

FROM base AS build
# PyTorch's index of CPU builds: the default index brings gigabytes of CUDA on Linux.
ARG TORCH_INDEX
# With it, bytecode is checked by hash. If a builder rounded the times of files, Python would take
# the bytecode for stale, and compile torch again at every start.
ENV SOURCE_DATE_EPOCH=315532800
WORKDIR /src
COPY torch.lock requirements.lock ./
# Only torch, only from this index: without the index, or with another, the build fails here. Both
# locks have the hash of each download. Nothing is compiled, so nothing else is downloaded.
RUN python -m venv --without-pip /venv && pip --python /venv install --no-cache-dir --no-deps \
    --require-hashes --requirement torch.lock \
    --index-url "${TORCH_INDEX:?give --build-arg TORCH_INDEX=..., the index of CPU builds}"
RUN pip --python /venv install --no-cache-dir --no-deps --only-binary=:all: \
    --require-hashes --requirement requirements.lock
# These are 200 MB of C++ headers and torch's own tests. Importing torch needs torch_shm_manager.
RUN torch=/venv/lib/python3.11/site-packages/torch \
    && rm -rf "$torch/include" "$torch/test" \
    && find "$torch/bin" -type f ! -name torch_shm_manager -delete

FROM base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=build /venv /venv
WORKDIR /srv
COPY stateserve ./stateserve
COPY app ./app
COPY models ./models
# With umask 077, only root could read the checkout's files.
RUN chmod -R a+rX .
# Nothing is written at run time, so a read-only root file system works.
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATESERVE_HOST=0.0.0.0 \
    STATESERVE_PORT=8000
USER 10001
EXPOSE 8000
# Not urllib: it would use the proxy that Docker sets in the environment.
HEALTHCHECK --interval=10s --timeout=2s --start-period=20s \
    CMD ["python", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', os.environ['STATESERVE_PORT'], timeout=1); c.request('GET', '/health/ready'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
