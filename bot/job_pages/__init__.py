"""The jobs in a browser, for whoever runs the service: `/jobs`, the account of one job, retry and cancel.

On loopback the pages are open; anywhere else they want the API's token, and without one they do not exist. They show
what `bot.figures` makes and give the orders of `bot.operate.orders`; they work out and change nothing themselves.
"""
