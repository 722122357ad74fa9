"""Error messages: usage errors of typer converted, errors written as text or JSON."""
