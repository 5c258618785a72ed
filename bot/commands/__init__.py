"""What people can tell the bot: one table of commands, the grammar that finds them, and who may use them."""
