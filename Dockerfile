# Two images: `service`, the reward service without torch, and `train`, the training client.
#
#   docker build --target service --tag safegrpo-service .
#   docker build --target train --tag safegrpo-train .
#
# Both hold one virtual environment with the exact versions of requirements.lock, and run as an
# ordinary user on a read-only root file system; only /tmp must be writable, and /runs in `train`.

# Any image with Python 3.11 or newer and its venv module.
ARG SERVICE_BASE=python:3.11-slim-bookworm
# The wheels of torch bring CUDA along, so the slim image trains on a GPU too, given NVIDIA's
# container toolkit on the host.
ARG TRAIN_BASE=python:3.11-slim-bookworm


FROM ${SERVICE_BASE} AS service-build
WORKDIR /source
RUN python -m venv --without-pip /venv
COPY . .
RUN pip --python /venv/bin/python install --no-cache-dir --constraint requirements.lock .


FROM ${SERVICE_BASE} AS service
RUN useradd --uid 10001 --no-create-home safegrpo
COPY --from=service-build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 SAFEGRPO_HOST=0.0.0.0 SAFEGRPO_PORT=8700
USER 10001
WORKDIR /tmp
EXPOSE 8700
# For HTTPS give a container one of its own: docs/operations.md.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as http; direct = http.build_opener(http.ProxyHandler({})); \
     direct.open('http://127.0.0.1:%s/readyz' % os.environ['SAFEGRPO_PORT'])"]
ENTRYPOINT ["safegrpo"]
CMD ["serve"]


FROM ${TRAIN_BASE} AS train-build
# pip's own setting; https://download.pytorch.org/whl/cpu makes an image without CUDA.
ARG PIP_EXTRA_INDEX_URL
WORKDIR /source
RUN python -m venv --without-pip /venv
# The dependencies first: they are large, and change more rarely than the code.
COPY pyproject.toml requirements.lock ./
RUN python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        print(*project["dependencies"], *project["optional-dependencies"]["train"], sep="\n")' \
        > requirements.txt \
    && pip --python /venv/bin/python install --no-cache-dir --constraint requirements.lock \
        --requirement requirements.txt
COPY . .
RUN pip --python /venv/bin/python install --no-cache-dir --no-deps .


FROM ${TRAIN_BASE} AS train
RUN useradd --uid 10001 --create-home safegrpo && install --directory --owner safegrpo /runs
COPY --from=train-build /venv /venv
# Matplotlib and the model hub keep caches; the root file system may be read-only.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib HF_HOME=/tmp/huggingface
USER 10001
WORKDIR /runs
ENTRYPOINT ["safegrpo"]
CMD ["demo", "--output", "/runs/demo"]
