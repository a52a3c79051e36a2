"""What pages are built with: forms, languages, labels, the frame of an account."""
