"""Providers of snapshots behind the port, and a snapshot read as an object store."""
