"""What operators look after: jobs, statistics, retention."""
