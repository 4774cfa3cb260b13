# One image for every role: `annuaire serve`, `annuaire migrate`, `annuaire import …`.
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/annuaire
RUN python -m venv .venv
COPY requirements.lock ./
RUN .venv/bin/pip install --no-cache-dir --no-compile --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY directory ./directory
COPY importers ./importers
COPY ldap_server ./ldap_server
COPY api ./api
COPY cli ./cli
COPY migrations ./migrations
RUN .venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps --editable .

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
