from django.apps import AppConfig


class BriefConfig(AppConfig):
    name = "recovery.brief"
    label = "brief"
