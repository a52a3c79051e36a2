"""Building blocks of pages: forms, languages, labels, the frame of an account."""
