"""Code that the web server and the workers share, independent of Flask and Celery."""
