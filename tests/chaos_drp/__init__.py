"""Runs of recovery plans while Tocsin's own processes die: `make chaos-drp`."""
