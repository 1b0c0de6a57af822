"""The one error a user can cause: it says what is wrong, where, and how to mend it."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The command line prints it as one clear line and exits with code 2; with ``--json`` it becomes
    ``{"error": {"message", "where", "hint"}}``.

    Args:
        message: what is wrong, naming the offending value.
        where: file and row/column, option or field; may be empty.
        hint: what the user can do about it; may be empty.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        # The default pickling loses keyword-only arguments; Ray ships errors between processes.
        return (_rebuild, (self.message, self.where, self.hint))

    def __str__(self) -> str:
        line = f"{self.where}: {self.message}" if self.where else self.message
        return f"{line} - {self.hint}" if self.hint else line


def _rebuild(message: str, where: str, hint: str) -> InputError:
    return InputError(message, where=where, hint=hint)
