"""The servers and processes that Tocsin brings along: PostgreSQL, Valkey, the edge, the supervisor.

No Django here: these modules run before there is a database to talk to.
"""
