"""What every room stands on: clock, errors, events, wire, ports, transitions, control."""
