"""Tokens for machines that speak for a person (only hashes are kept), and which codes were used."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from recovery.core.guarded import Guarded


class ApiToken(Guarded):
    """Acts as its owner, with the owner's role, until it expires or is revoked."""

    TYPE = "api_token"

    name = models.CharField(max_length=80)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    secret_digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class LastCode(models.Model):
    """Of each person the newest code of their device that was taken: the number of its half minute.

    Rises, but for a new device and after a clock that was ahead; overwritten, and in no log: it
    says nothing but that they signed something."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    counter = models.BigIntegerField(default=-1)
