"""The agent's side of databases: servers under watchdogs, leases, promises, orders."""
