"""What comes of a self-test whose component is missing."""

import os


def outcome(test, reason):
    """A failure where every component is required; else the test is skipped, and recorded for the count at the end."""
    if os.environ.get("COLLECTOR_TESTS_REQUIRE") == "all":
        return "failed"
    if path := os.environ.get("COLLECTOR_TESTS_SKIPPED"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{test}: {reason}\n")
    return "skipped"
