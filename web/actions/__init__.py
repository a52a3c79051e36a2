"""Actions that the pages and the REST API share."""
