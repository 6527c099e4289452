"""Addresses under `/recovery/`."""

from __future__ import annotations

from django.urls import path

from dashboard.views.plans import reports

urlpatterns = [
    path("runs/<int:number>/report/", reports.report, name="report"),
    path("runs/<int:number>/report/sign/", reports.sign_anew),
    path("runs/<int:number>/report/<int:version>.<str:kind>", reports.file),
    path("runs/<int:number>/findings/", reports.add_finding),
    path("runs/<int:number>/findings/<int:finding>/close/", reports.close_finding),
]
