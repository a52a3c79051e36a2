"""Network lists: parsing, downloading and looking up addresses."""
