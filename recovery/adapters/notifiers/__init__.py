"""Ways to reach people: mail by SMTP, everything else by Apprise."""
