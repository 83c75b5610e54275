"""Inbound HTTP for machines: the REST API, the agency's callbacks, health. Rules live in services."""

from __future__ import annotations

from typing import Any

from flask import current_app


def register(appbuilder: Any) -> None:
    """Register every endpoint for machines."""
    from app.api import (
        agency,
        arrears,
        balances,
        description,
        extensions,
        health,
        imports,
        lives,
        messages,
        paying,
        people,
        periods,
        recoveries,
        reports,
        rest,
        results,
        sessions,
        settling,
        suspensions,
        transfers,
        work,
    )

    current_app.session_interface = sessions.SessionsOfPeople()
    current_app.register_blueprint(health.blueprint)
    current_app.register_blueprint(agency.blueprint)
    for resource in (
        rest.AreasApi, people.BeneficiariesApi,
        rest.PayoutBatchesApi, rest.PacketsApi,
        settling.SettlementsApi, settling.SettlementRecordsApi, extensions.ExtensionsApi, results.ResultChangesApi,
        imports.FileImportsApi,
        recoveries.RecoveriesApi, arrears.ArrearsApi, arrears.ArrearsProposalsApi,
        lives.DeathsApi, lives.RelocationsApi,
        suspensions.SuspensionsApi, periods.AreaPeriodsApi, messages.MessagesApi,
        transfers.TransfersApi, balances.BalancesApi,
        reports.ReportsApi, work.WorkApi, paying.PaymentSettingsApi,
        description.ApiDescription,
    ):  # fmt: skip
        appbuilder.add_api(resource)
