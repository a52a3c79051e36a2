"""The way of an email: render it, build the message, send it, and decide what follows from the answer."""
