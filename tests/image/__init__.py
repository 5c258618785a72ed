"""`make image-run`: the image, really built and run, alone and as compose starts it. Needs a container engine."""
