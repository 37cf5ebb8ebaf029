# Builds with docker, podman and buildah alike: docker build -t bids_ari .
ARG BASE=docker.io/library/python:3.11-slim-bookworm

# The steps are those of the definition file of Apptainer.
FROM ${BASE} AS build
WORKDIR /src
COPY platforms/container ./platforms/container
RUN platforms/container/install packages
COPY pyproject.toml README.md LICENSE ./
COPY bids_ari ./bids_ari
RUN platforms/container/install commands && platforms/container/install kernels
# Templates and atlases of TemplateFlow, as words like MNI152NLin2009cAsym:Schaefer2018.
ARG TEMPLATES=""
RUN platforms/container/install templates ${TEMPLATES}

FROM ${BASE}
LABEL org.opencontainers.image.title="bids_ari" \
      org.opencontainers.image.description="Group fMRI with All-Resolutions Inference, as a BIDS App" \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.source="https://github.com/bids-ari/bids_ari" \
      org.opencontainers.image.documentation="https://github.com/bids-ari/bids_ari#readme"
COPY --from=build /opt/bids_ari /opt/bids_ari
COPY --from=build /opt/templates /opt/templates
# Results tell the image they were made with.
ARG IMAGE=bids_ari:latest
ENV PATH=/opt/bids_ari/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONNOUSERSITE=1 \
    OMP_NUM_THREADS=1 \
    MPLBACKEND=Agg \
    NUMBA_CPU_NAME=generic \
    BIDS_ARI_COMPILED=/opt/bids_ari/compiled \
    BIDS_ARI_TEMPLATES=/opt/templates \
    BIDS_ARI_IMAGE=${IMAGE}
USER 1000
WORKDIR /tmp
ENTRYPOINT ["bids-ari"]
