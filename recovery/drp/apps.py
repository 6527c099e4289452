from django.apps import AppConfig


class DrpConfig(AppConfig):
    name = "recovery.drp"
    label = "drp"
