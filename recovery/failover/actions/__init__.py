"""The only writers of leases, failovers, vouchings, and of who leads a database."""
