"""What can happen in the sandbox: each function changes the state by GitHub's rules and announces it."""
