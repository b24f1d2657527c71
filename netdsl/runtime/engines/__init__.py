"""What trains: one loop knows an engine by a few calls, and two of them carry those out."""
