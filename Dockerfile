# Builds with docker, podman and buildah alike: docker build -t bids_ari .
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PATH=/opt/bids_ari/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_NO_BUILD_ISOLATION=1
WORKDIR /src
# Everything by version and hash, first what builds (gone below), then what is in the image.
COPY platforms/container/build.txt platforms/container/requirements.txt ./
RUN python3 -m venv /opt/bids_ari \
    && pip install --require-hashes -r build.txt \
    && pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY bids_ari ./bids_ari
# What is not run goes: the tests of libraries (pandas: 18 MB, scipy 20, ...) and the tools. Modules are compiled with
# hashes that are not checked, since some file systems of containers change the times of files. The commands are isolated
# (-I): Apptainer hands on a PYTHONPATH of the host and mounts its home, and packages there are not ours.
RUN pip install --no-deps . \
    && pip check \
    && pip uninstall --yes hatchling pathspec pluggy setuptools tomlkit trove-classifiers pip \
    && find /opt/bids_ari/lib -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -r {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/bids_ari/lib \
    && sed -i '1s/$/ -I/' /opt/bids_ari/bin/bids-ari*
# The loops of numba, for any processor of the architecture: running the demos compiles them, and tries the image.
ENV NUMBA_CPU_NAME=generic
RUN export NUMBA_CACHE_DIR=/opt/bids_ari/compiled MPLBACKEND=Agg \
    && bids-ari-demo /src/demo \
    && bids-ari-demo /src/surfaces --surface \
    && bids-ari /src/demo/dataset /src/demo/results group --reports-only --figure-format png pdf svg \
    && bids-ari /src/demo/dataset /src/flips group --method permutation --family learned --n-permutations 64 \
    && bids-ari /src/demo/dataset /src/draws group --method permutation --formula "1 + center(response)" --n-permutations 64 \
    && chmod -R a+rX /opt/bids_ari
# Templates and atlases of TemplateFlow, as words like MNI152NLin2009cAsym:Schaefer2018. Exit code 66 is that of files that
# could not be downloaded: the image works without them.
ARG TEMPLATES=""
RUN mkdir /opt/templates \
    && if [ -n "${TEMPLATES}" ]; then \
        bids-ari-templates /opt/templates ${TEMPLATES} || [ $? -eq 66 ]; \
    fi \
    && chmod -R a+rX /opt/templates

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
