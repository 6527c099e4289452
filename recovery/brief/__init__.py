"""Activate or wait? What a lost datacenter means either way, and what people decided on it."""
