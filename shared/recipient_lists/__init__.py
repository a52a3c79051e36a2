"""Lists of people to invite, as people bring them: bytes or text in, one row for each person out.

The page, the API and `usher import` read by this one parser. It guesses nothing: a row that it doesn't understand is
refused with its line number and a reason, and no row is left out.
"""
