"""Every sentence the bot says, and the sanitiser that everything written by people or models passes first."""
