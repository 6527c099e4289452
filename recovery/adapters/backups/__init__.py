"""Adapters behind the port of object stores, and the sealing of what goes into them."""
