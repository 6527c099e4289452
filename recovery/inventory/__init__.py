"""Inventory: places, hosts, applications."""
