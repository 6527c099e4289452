"""Every Celery job, a few lines each. None stands in the path of detection or rescheduling."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command


@shared_task(ignore_result=True)
def forget_sessions() -> None:
    """Expired browser sessions go."""
    call_command("clearsessions")
