"""Alarms: who is told, and whether they know."""
