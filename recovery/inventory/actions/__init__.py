"""The only writers of places, hosts, applications and databases."""

from recovery.inventory.actions.databases import (
    describe_database,
    make_secret,
    register_database,
    register_replica,
    retire_replica,
    see_replicas,
)
from recovery.inventory.actions.fleet import (
    TOKEN_LIFE,
    cordon_host,
    digest_token,
    drain_host,
    enrol_host,
    issue_join_token,
    meet_hosts,
    register_application,
    register_datacenter,
    register_domain,
    register_host,
    remember_host,
    uncordon_host,
    welcome_host,
)
from recovery.inventory.actions.writes import EndedGap, WriteSight, keep_gaps, note_writes

__all__ = [
    "TOKEN_LIFE",
    "EndedGap",
    "WriteSight",
    "cordon_host",
    "describe_database",
    "digest_token",
    "drain_host",
    "enrol_host",
    "issue_join_token",
    "keep_gaps",
    "make_secret",
    "meet_hosts",
    "note_writes",
    "register_application",
    "register_database",
    "register_datacenter",
    "register_domain",
    "register_host",
    "register_replica",
    "remember_host",
    "retire_replica",
    "see_replicas",
    "uncordon_host",
    "welcome_host",
]
