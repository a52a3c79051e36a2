"""What somebody would run instead, installed when it is measured."""
