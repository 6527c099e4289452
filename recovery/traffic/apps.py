from django.apps import AppConfig


class TrafficConfig(AppConfig):
    name = "recovery.traffic"
    label = "traffic"
