"""The sandbox in a browser: pages for people, made on the server, usable without script.

They read the world directly and change it only through the handlers of the REST API, so that a button has the rules,
refusals and webhooks of the request it stands for. Nothing that people or models wrote is trusted.
"""
