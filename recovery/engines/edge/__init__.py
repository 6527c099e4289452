"""The edge by which users reach applications and databases: Traefik, its doors, its sessions."""
