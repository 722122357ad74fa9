"""Entry point of the installed program: the command line, from its first import interruptible.

Not in the package: `import cachedb` and what the command line imports take longer than Python
itself to start, and Ctrl-C meanwhile would end in a traceback.
"""


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends in one line and exit code 130."""
    try:
        from cachedb.cli.entry import main as run  # noqa: PLC0415  (the import is what takes time)

        run()
    except KeyboardInterrupt:
        import os  # noqa: PLC0415

        os.write(2, b"cachedb: interrupted\n")
        os._exit(130)
