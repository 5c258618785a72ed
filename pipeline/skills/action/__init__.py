"""The GitHub Action: what the composite in `action.yml` runs. Reads the runner's files, validates, reports.

Nothing of the checked-out repository is imported or executed; whatever comes from it is data.
"""
