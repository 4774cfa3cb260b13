"""Settings: read once from `ANNUAIRE_*` (environment, then `.env`), checked, and passed down as one frozen value."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from directory.callers.networks import read_allowances, read_networks
from directory.errors import InvalidInput

PREFIX = "ANNUAIRE_"


class Settings(BaseSettings):
    """Every setting of the directory. `docs/settings.md` is made from the descriptions below."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Folder of the embedded database, the index and the spool.")
    database_url: str | None = Field(
        None,
        description="PostgreSQL URL of the register, for writing (`postgresql://user:password@host/base`). "
        "Unset: an embedded PostgreSQL under the data directory.",
    )
    reader_database_url: str | None = Field(
        None,
        description="PostgreSQL URL for reading only (role `annuaire_reader`), used by the follower of a node. "
        "Unset: `DATABASE_URL`.",
    )

    bind_address: str = Field("127.0.0.1", description="Address that LDAP and HTTP listen on.")
    ldap_port: int = Field(3890, ge=0, le=65535, description="Port of LDAP; 0 picks a free one.")
    ldaps_port: int | None = Field(
        None, ge=0, le=65535, description="Port of LDAP over TLS; 0 picks a free one. Unset: none (StartTLS serves)."
    )
    http_port: int = Field(8080, ge=0, le=65535, description="Port of REST and the search page; 0 picks a free one.")
    ldap_workers: int = Field(1, ge=0, le=64, description="LDAP worker processes; 0 serves no LDAP.")
    http_workers: int = Field(1, ge=0, le=64, description="HTTP worker processes; 0 serves no HTTP.")
    ldap_base_dn: str = Field("o=mssante,c=fr", description="Suffix of the tree; mailboxes are below `ou=bal`.")

    ldap_size_limit: int = Field(
        100, ge=1, description="Entries per LDAP search of an anonymous caller; it may ask for fewer."
    )
    ldap_size_limit_known: int = Field(1000, ge=1, description="Entries per LDAP search of an account.")
    ldap_time_limit_s: float = Field(5.0, gt=0, description="Seconds an LDAP search may take.")
    ldap_message_bytes: int = Field(
        65536, ge=1024, description="Largest LDAP message accepted of an anonymous caller, in bytes."
    )
    ldap_message_bytes_known: int = Field(
        262_144, ge=1024, description="Largest LDAP message accepted of an account, in bytes."
    )
    ldap_filter_depth: int = Field(20, ge=1, description="Deepest LDAP filter accepted.")
    ldap_filter_terms: int = Field(256, ge=1, description="Most assertions in one LDAP filter.")
    ldap_attributes: int = Field(256, ge=1, description="Most attributes asked for in one LDAP search.")
    ldap_controls: int = Field(10, ge=0, description="Most controls in one LDAP message.")
    ldap_pending: int = Field(16, ge=1, description="Operations under way on one connection before reading pauses.")
    ldap_connections: int = Field(
        4000, ge=1, description="Open LDAP connections of one worker; past it those that never asked anything go first."
    )
    ldap_connections_per_address: int = Field(
        256, ge=1, description="Open LDAP connections per client address (IPv6: per /64), at all workers together."
    )
    ldap_proxies: str = Field(
        "",
        description="Networks, separated by commas, of proxies that are trusted to say whose connections they pass on "
        "(PROXY protocol version 2, which they then have to speak).",
    )
    ldap_idle_s: float = Field(300.0, gt=0, description="Seconds after which a silent LDAP connection is closed.")
    ldap_first_message_s: float = Field(
        10.0, gt=0, description="Seconds in which a LDAP message has to be complete, and the first one to come."
    )
    ldap_first_operation_s: float = Field(
        10.0, gt=0, description="Seconds in which a LDAP connection has to have completed a bind or a search."
    )
    ldap_sortable_entries: int = Field(10_000, ge=1, description="Most matches that an LDAP search may sort or window.")
    ldap_walks: int = Field(1_000, ge=1, description="LDAP walks (paged searches) under way on a node.")
    ldap_walks_per_client: int = Field(16, ge=1, description="LDAP walks under way for one client.")
    ldap_walk_bytes: int = Field(2**28, ge=2**20, description="Bytes that the LDAP walks of a node may take on disk.")
    ldap_walk_s: float = Field(1800.0, gt=0, description="Seconds after which an LDAP walk cannot go on.")
    ldap_write_stall_s: float = Field(10.0, gt=0, description="Seconds a client may leave an LDAP answer unread.")

    tls_certificate_file: Path | None = Field(
        None,
        description="PEM file of the node's certificate and those between it and its authority. Unset: no TLS for LDAP "
        "(docs/tls.md).",
    )
    tls_key_file: Path | None = Field(
        None, description="PEM file of the certificate's key. Unset: it stands in the certificate's file."
    )
    tls_client_ca_file: Path | None = Field(
        None, description="PEM file of the authorities whose client certificates may bind (SASL EXTERNAL). Unset: none."
    )
    tls_crl: Path | None = Field(
        None,
        description="Revocation lists of those authorities: a file (PEM or DER), or a folder of `.pem`, `.crl` and "
        "`.der` files. Unset: none are looked at.",
    )
    ldap_plain_passwords: bool | None = Field(
        None, description="Whether passwords are accepted without TLS. Unset: under the profile `open` only."
    )

    profile: Literal["open", "public"] | None = Field(
        None,
        description="`open`: whoever reaches the node may read all of it. `public`: callers have budgets "
        "(docs/limits.md). Unset: `open` where `BIND_ADDRESS` is a loopback address, `public` elsewhere.",
    )
    anonymous_entries_per_day: int = Field(
        2000, ge=1, description="Profile `public`: different entries a day to an anonymous caller (address, IPv6 /64)."
    )
    known_entries_per_day: int = Field(
        20_000, ge=1, description="Profile `public`: different entries a day to an account."
    )
    gateway_entries_per_day: int = Field(
        1_000_000, ge=1, description="Profile `public`: different entries a day to the account of a mail gateway."
    )
    anonymous_short_patterns_per_day: int = Field(
        300,
        ge=1,
        description="Profile `public`: different patterns of 3 letters or fewer an anonymous caller may ask a day.",
    )
    network_entries_per_day: str = Field(
        "",
        description="Networks that count as one anonymous caller each, with its budget: "
        "`10.1.0.0/16=20000,2001:db8:7::/48=5000` (a hospital behind one address).",
    )
    callers_counted: int = Field(
        32_768, ge=8, le=2**24, description="Callers counted at a time, 1.2 KB each in one file of the data directory."
    )

    operator: str = Field("", description="Who runs this service (name, address), for the legal page.")
    operator_contact: str = Field("", description="Their e-mail address, for the legal page.")

    http_proxies: str = Field(
        "",
        description="Networks, separated by commas, of reverse proxies that are trusted to say whose HTTP requests "
        "they pass on (docs/rest.md).",
    )
    http_proxy_header: Literal["X-Forwarded-For", "Forwarded"] = Field(
        "X-Forwarded-For", description="The header in which those proxies say so; the other one is not looked at."
    )
    http_client_certificates: bool = Field(
        False,
        description="Whether those proxies verify client certificates, pass them on in `Client-Cert` (RFC 9440), and "
        "drop that header from what clients send.",
    )
    http_limit: int = Field(20, ge=1, description="Matches of a REST search unless `limit` asks otherwise.")
    http_limit_max: int = Field(100, ge=1, description="Most matches of one REST search.")
    http_walk_records: int = Field(
        1000,
        ge=1,
        description="Records of one REST search that may be walked through by cursor; more ask for the scope `export` "
        "in profile `public`.",
    )
    http_walk_records_export: int = Field(
        50_000, ge=1, description="Records of one REST search that may be walked through at all; exports hold more."
    )
    http_public_url: str | None = Field(
        None,
        description="URL under which clients reach REST, `https://annuaire.example.org`: what FHIR's links begin with. "
        "Unset: what each request says of itself.",
    )
    fhir_count: int = Field(
        50, ge=1, description="Resources in a page of a FHIR search unless `_count` asks otherwise."
    )
    fhir_count_max: int = Field(1000, ge=1, description="Most resources in a page of a FHIR search.")
    fhir_included_max: int = Field(1000, ge=0, description="Most resources that a page of a FHIR search includes.")
    fhir_form_bytes: int = Field(65_536, ge=1024, description="Largest body of a FHIR `_search` or batch, in bytes.")
    fhir_repeat_mailboxes: bool = Field(
        False, description="Whether FHIR shows the mailboxes of a person's activities with the person, too."
    )
    search_time_limit_s: float = Field(5.0, gt=0, description="Seconds a REST search may take.")

    account_grace_days: float = Field(
        7.0, ge=0, description="Days for which an account's earlier secret stays valid after `annuaire account rotate`."
    )
    password_threads: int = Field(2, ge=1, le=16, description="Passwords that one worker process checks side by side.")
    password_waiting: int = Field(32, ge=1, description="Passwords that may wait to be checked in one worker process.")
    password_kept_s: float = Field(
        60.0, ge=0, description="Seconds for which a password found right is not worked through again; 0: never."
    )
    password_failures_per_account: int = Field(
        10, ge=1, description="Wrong passwords per minute and account, after which others are refused unchecked."
    )
    password_failures_per_address: int = Field(
        30, ge=1, description="Wrong passwords per minute and client address, after which others are refused unchecked."
    )

    stale_after_s: float = Field(
        3 * 86400.0, gt=0, description="Age of the index's last check against the register past which `/readyz` is 503."
    )
    index_map_gib: float = Field(16.0, gt=0, description="Address space reserved for the index file, in GiB.")

    import_removal_limit: float = Field(
        0.05, ge=0, le=1, description="Share of one kind's records a run may remove or change before it is held."
    )
    import_row_floor: float = Field(
        0.98, ge=0, le=1, description="Least rows of a file, as a share of the last applied run's, before it is held."
    )
    import_rejected_limit: float = Field(
        0.01, ge=0, le=1, description="Share of rejected lines past which a run is held."
    )
    rpps_source: str | None = Field(
        None,
        description="Where `annuaire nightly` finds the PS_LibreAcces files: https:// addresses (separated by blanks), "
        "a folder, or s3://bucket/prefix. Unset: they are not looked for.",
    )
    mailboxes_source: str | None = Field(None, description="The same for the Extraction_Correspondance_MSSante file.")
    trusted_domains_source: str | None = Field(None, description="The same for the white list.")
    source_ca_file: Path | None = Field(
        None,
        description="PEM file of authorities trusted for the sources' https addresses, beside the system's (the "
        "national service's authority, IGC-Santé, is in no public store).",
    )
    s3_endpoint: str | None = Field(
        None, description="https address of the S3-compatible store of s3:// sources. Unset: Amazon's."
    )
    nightly_at: str | None = Field(
        None,
        description="When `annuaire serve` starts the nightly run, as five fields of crontab in Paris time: "
        "`30 4 * * *`. Unset: never; cron or a systemd timer may (docs/operations.md).",
    )
    spool_kept: int = Field(10, ge=1, description="Deliveries of each source that are kept, to apply or revert to.")
    late_after_h: float = Field(
        48.0, gt=0, description="Hours after which a source's latest file counts as late (it comes daily, with gaps)."
    )
    notice_webhook: str | None = Field(
        None, description="Address to which notices of held, failed, late and recovered nights are posted as JSON."
    )
    notice_mail: str | None = Field(
        None, description="Mail addresses, separated by commas, that such notices are sent to."
    )
    notice_from: str = Field("annuaire@localhost", description="Mail address that notices come from.")
    smtp_server: str = Field(
        "localhost:25", pattern=r"^[^\s:]+:\d{1,5}$", description="Mail server that takes the notices, as host:port."
    )
    history_days: int = Field(
        1826, ge=0, description="Days for which earlier versions of records are remembered (five years); 0: none."
    )
    whitelist_ca_file: Path | None = Field(
        None, description="PEM file of certificates trusted to sign the white list. Unset: those shipped."
    )
    whitelist_signer: str = Field("alb.mssante.fr", description="Common name that the white list's signer must bear.")
    metrics_networks: str = Field(
        "127.0.0.0/8,::1", description="Networks, separated by commas, from which `/metrics` may be read over HTTP."
    )
    log_file: Path | None = Field(
        None,
        description="File that `annuaire serve` and its workers log to; SIGUSR1 opens it anew (docs/operations.md). "
        "Unset: standard error.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Form of log lines: `text`, or one JSON object per line (docs/operations.md)."
    )
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read and check the settings.

        Raises:
            InvalidInput: an unknown `ANNUAIRE_*` name or a value out of range; the message names it.
        """
        environ = os.environ if environ is None else environ
        known = {PREFIX + name.upper() for name in cls.model_fields}
        unknown = sorted(name for name in {*environ, *_dotenv_names()} if name.upper().startswith(PREFIX))
        unknown = [name for name in unknown if name.upper() not in known]
        if unknown:
            raise InvalidInput(f"unknown setting {', '.join(unknown)}; see docs/settings.md")
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise InvalidInput(f"setting {name}: {first['msg']} (got {first['input']!r})") from error

    @field_validator("metrics_networks", "ldap_proxies", "http_proxies")
    @classmethod
    def _readable_networks(cls, value: str) -> str:
        return _readable(read_networks, value)

    @field_validator("network_entries_per_day")
    @classmethod
    def _readable_allowances(cls, value: str) -> str:
        return _readable(read_allowances, value)

    @property
    def public(self) -> bool:
        """Whether callers have budgets."""
        return self.profile == "public" if self.profile else not _is_loopback(self.bind_address)

    @property
    def plain_passwords(self) -> bool:
        """Whether passwords are accepted without TLS."""
        return not self.public if self.ldap_plain_passwords is None else self.ldap_plain_passwords

    @property
    def spool_path(self) -> Path:
        return self.data_dir / "spool"

    @property
    def index_path(self) -> Path:
        return self.data_dir / "index"

    @property
    def metrics_path(self) -> Path:
        return self.data_dir / "metrics"

    @property
    def index_map_bytes(self) -> int:
        return int(self.index_map_gib * 2**30)


def _readable(read: Callable[[str], object], value: str) -> str:
    """The value, which a reader of its own can read."""
    try:
        read(value)
    except InvalidInput as error:
        raise ValueError(error.message) from error
    return value


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _dotenv_names() -> list[str]:
    path = Path(".env")
    if not path.is_file():
        return []
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return [line.removeprefix("export ").split("=")[0].strip() for line in lines if line and not line.startswith("#")]
