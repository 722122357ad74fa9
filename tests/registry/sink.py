"""A sink for the bytes of a download, in memory."""


class Sink:
    """Keeps what comes, as a stage does, and counts how often the download began anew."""

    def __init__(self, content=b""):
        self.content = bytearray(content)
        self.restarts = 0

    @property
    def offset(self):
        return len(self.content)

    def write(self, chunk):
        self.content += chunk

    def restart(self):
        self.restarts += 1
        self.content.clear()
