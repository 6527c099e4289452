"""Incidents: what happened and what belongs together."""
