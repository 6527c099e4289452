"""What a form refuses: with which code, and what it keeps."""
