# syntax=docker/dockerfile:1
# The server of endpoints on GPUs: vLLM's own image, and what fetches a model for it.
#
#   docker build -f infra/docker/serve-cuda.Dockerfile -t REGISTRY/alloyworks/serve-cuda:0.1.0 \
#     --build-arg VLLM=vllm/vllm-openai:v0.33.0@sha256:… .
#
# Its base is named by whoever builds it, by digest: vLLM brings CUDA, torch and a compiler of its own choice.
ARG VLLM
FROM ${VLLM}
COPY pyproject.toml README.md LICENSE /src/
COPY platform /src/platform
COPY workers /src/workers
COPY k8s /src/k8s
# vLLM has all that alloyengine.serve imports.
RUN python3 -m pip install --no-cache-dir --no-deps /src \
 && rm -rf /src \
 && python3 -P -c "import alloyengine.serve.__main__" \
 && if ! command -v python >/dev/null; then ln -s "$(command -v python3)" /usr/local/bin/python; fi
ENV HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
WORKDIR /
USER 10001:10001
ENTRYPOINT []
CMD ["python", "-P", "-m", "alloyengine.serve"]
