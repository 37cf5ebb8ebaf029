# Builds with docker, podman and buildah alike.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/bids_ari
COPY pyproject.toml README.md LICENSE ./
COPY bids_ari ./bids_ari
RUN /opt/bids_ari/bin/pip install --no-cache-dir --no-compile .

FROM ${BASE}
LABEL org.opencontainers.image.title="bids_ari" \
      org.opencontainers.image.description="Group fMRI with All-Resolutions Inference, as a BIDS App" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.source="https://github.com/bids-ari/bids_ari"
COPY --from=build /opt/bids_ari /opt/bids_ari
# Packages that a host keeps in a mounted home are not imported. Results tell the image they were made with.
ARG IMAGE=bids_ari:latest
ENV PATH=/opt/bids_ari/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONNOUSERSITE=1 \
    OMP_NUM_THREADS=1 \
    MPLBACKEND=Agg \
    BIDS_ARI_IMAGE=${IMAGE}
USER 1000
WORKDIR /tmp
ENTRYPOINT ["bids-ari"]
