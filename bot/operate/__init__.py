"""What an operator does to a service from the terminal: look at jobs and events, try again, move the data."""
