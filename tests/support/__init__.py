"""What tests stand on: real servers, one set per run, and what this machine has."""
