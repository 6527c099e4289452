from django.apps import AppConfig


class DetectionConfig(AppConfig):
    """Verdicts on hosts, situations, the brake."""

    name = "recovery.detection"
    label = "detection"
