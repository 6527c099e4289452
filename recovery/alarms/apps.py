from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    name = "recovery.alarms"
    label = "alarms"
