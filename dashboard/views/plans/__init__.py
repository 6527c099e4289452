"""Runbooks and the reports of their runs."""
