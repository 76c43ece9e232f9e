"""What a user can fix: everything that ends with one clear message and exit code 2."""


class UserError(Exception):
    """A mistake in the configuration, the data or the surroundings that the user can put right.

    The message is one sentence that says what is wrong, where (file, line, key or column), and what would be right.
    The program prints it and nothing else; a traceback is kept for bugs.
    """


class ConfigError(UserError):
    """The YAML file is not a configuration of this program; the message names file, line and key."""


class DataError(UserError):
    """A data file cannot be read or does not hold what the configuration says; the message names file and column."""


class OutputError(UserError):
    """A report cannot be written where it was asked for."""


NO_MEMORY = (
    "there is not enough memory for this; close other programs, use a larger machine, "
    "or let data.file hold fewer columns"
)


def is_want_of_memory(error: Exception) -> bool:
    """Whether something failed for want of memory: a library that cannot be loaded then says so in words only."""
    return isinstance(error, MemoryError) or "failed to map segment" in str(error) or "allocate memory" in str(error)


def is_whole(text: str) -> bool:
    """Whether text can be written as UTF-8: not with the half characters that stand for the bytes of a strange name."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def one_line(text: str) -> str:
    """Text from files made safe for a terminal: control characters, and with them colours, are written out."""
    return "".join(character if character.isprintable() else _visible(character) for character in text)


def _visible(character: str) -> str:
    return " " if character in "\n\t\r" else character.encode("unicode_escape", "surrogatepass").decode("ascii")
