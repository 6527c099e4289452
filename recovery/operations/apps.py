from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "recovery.operations"
    label = "operations"
