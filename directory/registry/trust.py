"""The white list in the register, as it is told: operators by name and identifier, without contacts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

from sqlalchemy import Connection, func, select

from directory.registry.tables import operator, register_state, trusted_domain
from directory.trust import Operator, WhiteList
from directory.withdrawal import Withdrawn


def read_white_list(connection: Connection, withdrawn: Withdrawn) -> WhiteList:
    """The trusted domains; an operator of the name of a withdrawn structure is not told."""
    name = func.coalesce(func.nullif(operator.c.organization_name, ""), operator.c.common_name, "")
    columns = (trusted_domain.c.domain, name.label("name"), operator.c.identifier_type, operator.c.identifier)
    of_domain = trusted_domain.outerjoin(operator, operator.c.dn == trusted_domain.c.operator_dn)
    domains: defaultdict[str, list[Operator]] = defaultdict(list)
    for row in connection.execute(select(*columns).distinct().select_from(of_domain).order_by(*columns)):
        run_by = domains[row.domain]
        if row.name and row.name not in withdrawn.names:
            run_by.append(Operator(name=row.name, identifier_type=row.identifier_type, identifier=row.identifier))
    made: dt.datetime | None = connection.execute(select(register_state.c.trusted_domains_as_of)).scalar_one()
    as_of = made.astimezone(dt.UTC) if made is not None else None
    return WhiteList(as_of=as_of, domains={domain: tuple(run_by) for domain, run_by in domains.items()})
