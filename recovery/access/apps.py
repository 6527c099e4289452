from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "recovery.access"
    label = "access"
