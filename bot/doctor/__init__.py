"""`skill-fleet doctor`: looks at everything an operator set up and says what is well and what to do about the rest."""
