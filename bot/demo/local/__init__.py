"""`make demo-local`: the demo with a small real model that runs on this machine. Not part of the product or of CI."""
