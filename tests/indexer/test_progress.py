import io

from rich.console import Console

from indexer.progress import PlainLines, Progress, drawn_progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_are_plain_lines_now_and_then() -> None:
    output, clock = io.StringIO(), Clock()
    tell = PlainLines(Console(file=output, width=20), clock)
    for second in range(13):
        clock.now = 100.0 + second
        tell(Progress("encoding", 100 * second, 1200, second // 6))
    tell(Progress("publishing", 0, 1200, 2))
    tell(Progress("publishing", 1200, 1200, 2))
    assert output.getvalue().splitlines() == [
        "encoding: 0 of 1,200 crops, 0 quarantined",
        "encoding: 500 of 1,200 crops, 0 quarantined, about 7 s left",
        "encoding: 1,000 of 1,200 crops, 1 quarantined, about 2 s left",
        "encoding: 1,200 of 1,200 crops, 2 quarantined",
        "publishing: 0 of 1,200 crops, 2 quarantined",
        "publishing: 1,200 of 1,200 crops, 2 quarantined",
    ]


def test_a_file_gets_lines_and_a_terminal_a_bar_with_the_time_left() -> None:
    for is_terminal in (False, True):
        output = io.StringIO()
        console = Console(file=output, force_terminal=is_terminal, width=120)
        with drawn_progress(console) as tell:
            tell(Progress("encoding", 0, 4, 0))
            tell(Progress("encoding", 4, 4, 1))
        drawn = output.getvalue()
        assert ("\x1b[" in drawn) is is_terminal
        assert ("left:" in drawn) is is_terminal
        assert ("4/4" if is_terminal else "4 of 4") in drawn
        assert "1 quarantined" in drawn
