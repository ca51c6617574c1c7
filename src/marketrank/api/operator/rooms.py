"""All rooms of the operator's area."""

from marketrank.api.operator import (
    experiments,
    health,
    log,
    quarantine,
    reports,
    runs,
    sign_in,
    versions,
)

ROUTERS = (
    sign_in.entry,
    *(
        one.router
        for one in (sign_in, health, versions, runs, reports, quarantine, experiments, log)
    ),
)
