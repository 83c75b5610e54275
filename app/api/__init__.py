"""Inbound HTTP for machines: the REST API, the agency's callbacks, health. Rules live in services."""

from __future__ import annotations

from typing import Any

from flask import current_app


def register(appbuilder: Any) -> None:
    """Register every endpoint for machines."""
    from app.api import agency, health, sessions

    current_app.session_interface = sessions.SessionsOfPeople()
    current_app.register_blueprint(health.blueprint)
    current_app.register_blueprint(agency.blueprint)
    for resource in resources():
        appbuilder.add_api(resource)


def resources() -> tuple[type[Any], ...]:
    """Every resource of the REST API, in the order of its description."""
    from app.api import (
        areas,
        arrears,
        arrears_lines,
        attention,
        balances,
        batch_lines,
        batches,
        description,
        extensions,
        imports,
        lives,
        messages,
        packets,
        paying,
        people,
        periods,
        recoveries,
        registry,
        reports,
        results,
        settling,
        successions,
        suspensions,
        transfers,
        work,
    )

    return (
        areas.AreasApi, successions.SuccessionsApi,
        people.BeneficiariesApi, registry.EntitlementsApi, registry.PayeesApi, registry.PaymentMethodsApi,
        batches.PayoutBatchesApi, batch_lines.PayoutLinesApi, batch_lines.BatchFindingsApi, packets.PacketsApi,
        settling.SettlementsApi, settling.SettlementRecordsApi, extensions.ExtensionsApi, results.ResultChangesApi,
        imports.FileImportsApi,
        recoveries.RecoveriesApi, arrears.ArrearsApi, arrears.ArrearsProposalsApi, arrears_lines.ArrearsLinesApi,
        attention.AttentionApi, lives.DeathsApi, lives.RelocationsApi,
        suspensions.SuspensionsApi, periods.AreaPeriodsApi, messages.MessagesApi,
        transfers.TransfersApi, balances.BalancesApi,
        reports.ReportsApi, work.WorkApi, paying.PaymentSettingsApi,
        description.ApiDescription,
    )  # fmt: skip
