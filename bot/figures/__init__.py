"""The numbers of the service, worked out once: `/metrics`, the API and the jobs pages show what is made here.

Everything comes from the database, so every process gives the same answer.
"""
