from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "recovery.scheduling"
    label = "scheduling"
