"""Who may say yes to what, and how long it holds."""
