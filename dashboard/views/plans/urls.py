"""Addresses under `/recovery/`."""

from __future__ import annotations

from django.urls import path

from dashboard.views.plans import books, reports, runbooks

urlpatterns = [
    path("runbooks/", books.runbooks),
    path("runbooks/new/", runbooks.write),
    path("runbooks/<slug:name>/", runbooks.runbook),
    path("runbooks/<slug:name>/adopt/", books.adopt),
    path("runbooks/<slug:name>/source/", runbooks.source),
    path("runbooks/<slug:name>/edit/", runbooks.edit),
    path("runbooks/<slug:name>/<int:number>/review/", runbooks.review),
    path("runbooks/<slug:name>/<int:number>/withdraw/", runbooks.withdraw),
    path("runs/<int:number>/report/", reports.report, name="report"),
    path("runs/<int:number>/report/sign/", reports.sign_anew),
    path("runs/<int:number>/report/<int:version>.<str:kind>", reports.file),
    path("runs/<int:number>/findings/", reports.add_finding),
    path("runs/<int:number>/findings/<int:finding>/close/", reports.close_finding),
]
