"""Backups of the databases of this host: the log as it is written, bases, snapshots, restores."""
