"""Engines that run containers: child processes, and whatever speaks the Docker API."""
