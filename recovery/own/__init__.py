"""Tocsin's own state as something that is backed up: its database, its keys, and the way back.

No Django: a restore needs no rows, and the archiver goes on whatever the rest does.
"""
