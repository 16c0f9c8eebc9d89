"""``make bench``: the service beside bare ceilings that are measured in the same run, on the same machine."""
