from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "recovery.incidents"
    label = "incidents"
