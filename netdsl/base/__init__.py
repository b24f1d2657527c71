"""What knows nothing of networks: records, files, terminals, slips of the pen, the garbage collector."""
