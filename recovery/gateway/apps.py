from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "recovery.gateway"
    label = "gateway"
