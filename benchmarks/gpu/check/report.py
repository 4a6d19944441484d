"""What the user sees."""
import sys


def say(text=""):
    print(text, flush=True)


def fail(message):
    sys.exit(f"gpu-check: {message}")
