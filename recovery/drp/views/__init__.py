"""Runs, questions and starts as people see them: rows alone, never the hour."""
