# syntax=docker/dockerfile:1
# Only app/, models/ and what serving needs; scikit-learn, pandas and the tests stay out.
FROM python:3.11-slim-bookworm AS build
# Name PyTorch's index of CPU builds here: the default index brings gigabytes of CUDA on Linux.
ARG TORCH_INDEX=
WORKDIR /src
RUN python -m venv /venv
COPY constraints.txt ./
RUN /venv/bin/pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} \
    --constraint constraints.txt torch==2.13.0
COPY pyproject.toml README.md ./
COPY app ./app
RUN /venv/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin app
COPY --from=build /venv /venv
WORKDIR /srv
COPY models ./models
# Nothing is written at run time, so a read-only root file system works.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MULTICLASS_HOST=0.0.0.0 \
    MULTICLASS_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=2s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['MULTICLASS_PORT']}/health/ready\", timeout=1)"]
ENTRYPOINT ["app"]
CMD ["serve"]
