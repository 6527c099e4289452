"""The lab's stores of backups, one in each datacenter: machines whose only program is a store."""
