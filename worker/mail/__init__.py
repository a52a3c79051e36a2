"""From a letter to the mail server's answer: render, build, carry, judge."""
