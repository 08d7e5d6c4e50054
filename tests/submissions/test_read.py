"""Score and decision files, well-formed and otherwise."""

from __future__ import annotations

import pytest

from asd_bench.errors import BenchError
from asd_bench.submissions.read import read_flags, read_numbers


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / "anomaly_score_fan_section_00_test.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        "a.wav,1.5\nb.wav,-2e-3\n",
        "a.wav,1.5\r\nb.wav,-2e-3\r\n",
        "a.wav,1.5\nb.wav,-2e-3",
        "\ufeffa.wav, 1.5\n\nb.wav,-0.002\n\n",
        '"a.wav","1.5"\nb,-0.002\n',
    ],
    ids=["plain", "crlf", "no last line end", "byte order mark and blank lines", "quotes, no ending"],
)
def test_accepted(content, file):
    assert read_numbers(file(content)) == {"a": 1.5, "b": -0.002}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n\r\n", "the file is empty"),
        ("file,score\na.wav,1\n", "line 1: a header line? 'score' is no number"),
        ("a.wav,1\nb.wav,high\n", "line 2: 'high' is no number"),
        ("a.wav,1\nb.wav,\n", "line 2: '' is no number"),
        ("a.wav,1\r\n\r\nb.wav\r\n", "line 3 has 1 column"),
        ("a.wav\t1\n", "line 1 has 1 column, separated by tabs?"),
        ("a.wav,1,0\n", "line 1 has 3 columns"),
        ("a.wav,1\nb.wav,nan\n", "line 2: the value of b is nan"),
        ("a.wav,-inf\n", "line 1: the value of a is -inf"),
        ("a.wav,1\nb.wav,2\na.wav,1\n", "a stands on line 1 and on line 3"),
        ("a.wav,1\na,2\n", "a stands on line 1 and on line 2"),
        (b"a.wav,\xff\xfe1\n", "the file is no CSV"),
        ('a.wav,"1\n', "the file is no CSV"),
    ],
)
def test_refused_by_file_and_line(content, message, file):
    path = file(content)
    with pytest.raises(BenchError) as refused:
        read_numbers(path)
    assert message in refused.value.what
    assert refused.value.where == str(path)
    assert refused.value.fix


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BenchError, match="cannot be read"):
        read_numbers(tmp_path / "nothing.csv")


def test_decisions_are_zero_or_one(file):
    assert read_flags(file("a,0\nb,1\nc,0.0\nd,1.0\n")) == {"a": 0, "b": 1, "c": 0, "d": 1}
    with pytest.raises(BenchError, match="line 2: 2 is neither 0 nor 1"):
        read_flags(file("a,0\nb,2\n"))


def test_decisions_are_truncated_from_2022_on_only(file):
    assert read_flags(file("a,1.9\nb,0.9\nc,-0.9\n"), truncate=True) == {"a": 1, "b": 0, "c": 0}
    with pytest.raises(BenchError, match=r"line 1: 1\.9 is neither 0 nor 1"):
        read_flags(file("a,1.9\n"))
    with pytest.raises(BenchError, match=r"line 1: 2\.5 is neither 0 nor 1"):
        read_flags(file("a,2.5\n"), truncate=True)
