# One image for every role: `annuaire serve`, `annuaire migrate`, `annuaire import …`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/annuaire
RUN python -m venv .venv
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY requirements.lock requirements-compile.lock ./
RUN .venv/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps -r requirements.lock \
    && .venv/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps --target /opt/compiling \
        -r requirements-compile.lock
COPY setup.py pyproject.toml README.md LICENSE ./
COPY directory ./directory
COPY importers ./importers
COPY ldap_server ./ldap_server
COPY api ./api
COPY cli ./cli
COPY migrations ./migrations
RUN .venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps --config-settings editable_mode=compat \
        --editable . \
    && PYTHONPATH=/opt/compiling COMPILED=1 .venv/bin/python setup.py --quiet build_ext --inplace && rm -r build

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/annuaire annuaire
COPY --from=build /opt/annuaire /opt/annuaire
ENV PATH=/opt/annuaire/.venv/bin:$PATH \
    ANNUAIRE_DATA_DIR=/var/lib/annuaire \
    ANNUAIRE_BIND_ADDRESS=0.0.0.0
USER annuaire
WORKDIR /var/lib/annuaire
EXPOSE 3890 8080
VOLUME /var/lib/annuaire
CMD ["annuaire", "serve"]
