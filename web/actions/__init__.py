"""What a page and a REST call both do."""
