"""Whose failure is it? Sights become verdicts with their evidence, situations, and a brake."""
