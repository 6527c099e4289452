"""The local cluster: real agents with real containers in killable hosts on loopback addresses."""
