from django.apps import AppConfig


class BackupsConfig(AppConfig):
    name = "recovery.backups"
    label = "backups"
