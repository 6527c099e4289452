from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "recovery.inventory"
    label = "inventory"
