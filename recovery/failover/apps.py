from django.apps import AppConfig


class FailoverConfig(AppConfig):
    name = "recovery.failover"
    label = "failover"
