"""Runbooks as code: read, checked, shown. Pure but for the folder that they are read from."""
