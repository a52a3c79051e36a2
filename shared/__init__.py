"""What the web and the workers both need; knows neither Flask nor Celery."""
