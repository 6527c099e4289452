from django.apps import AppConfig


class RestoresConfig(AppConfig):
    name = "recovery.restores"
    label = "restores"
