"""The Celery workers and the scheduler: claim jobs, look up facts, render and send emails, record the results."""
