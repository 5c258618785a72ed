"""What the pages of the bot and of the sandbox share: look, live updates, and the means that keep a page harmless.

Pages are made on the server and work without script. Everything here is the project's own, under its licence; nothing
is fetched from elsewhere. Nothing that people or models wrote is trusted.
"""
