"""How requests reach containers, whether they are answered, and what was promised."""
