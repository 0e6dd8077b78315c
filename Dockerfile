# Only app/, models/ and what serving needs; scikit-learn, pandas and the tests stay out.
FROM python:3.11-slim-bookworm AS base

FROM base AS build
# Name PyTorch's index of CPU builds here: the default index brings gigabytes of CUDA on Linux.
ARG TORCH_INDEX=
# Bytecode is then checked by hash: where a builder rounds the times of files, Python would
# take it for stale and compile torch again at every start.
ENV SOURCE_DATE_EPOCH=315532800
WORKDIR /src
# Torch alone, from that index alone: a wrong address fails here and does not bring CUDA after all.
# The linter takes the optional option for an unpinned package.
# hadolint ignore=DL3013
RUN python -m venv --without-pip /venv && pip --python /venv install --no-cache-dir --no-deps \
    ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} torch==2.13.0
# Without app/ beside it this installs the dependencies and the `app` command. The code comes last,
# so that a release of it is a layer of kilobytes.
COPY pyproject.toml constraints.txt README.md ./
RUN pip --python /venv install --no-cache-dir --constraint constraints.txt .
# 200 MB of C++ headers and torch's own tests; importing it needs torch_shm_manager.
RUN torch=/venv/lib/python3.11/site-packages/torch \
    && rm -rf "$torch/include" "$torch/test" \
    && find "$torch/bin" -type f ! -name torch_shm_manager -delete

FROM base
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=build /venv /venv
WORKDIR /srv
COPY app ./app
COPY models ./models
# A checkout made under umask 077 is for root's eyes only.
RUN chmod -R a+rX .
# Nothing is written at run time, so a read-only root file system works.
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MULTICLASS_HOST=0.0.0.0 \
    MULTICLASS_PORT=8000
USER 10001
EXPOSE 8000
# Not urllib: it would ask the proxy that Docker puts into the environment.
HEALTHCHECK --interval=10s --timeout=2s --start-period=20s \
    CMD ["python", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', os.environ['MULTICLASS_PORT'], timeout=1); c.request('GET', '/health/ready'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["app"]
CMD ["serve"]
