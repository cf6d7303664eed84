"""Each verb has a page, and the page shows its help as it is."""

import re
from pathlib import Path

import helpers
import pytest
from click.testing import CliRunner
from helpers import ROOT

from batchpredict.cli import VERBS
from batchpredict.cli.help_pages import command, pages, verbs, with_block
from batchpredict.errors import RunError, UsageError

PAGES = ROOT / "docs" / "cli"


def test_the_pages_are_current() -> None:
    for path, text in pages(PAGES).items():
        assert path.read_text() == text, f"{path.name}: run python -m batchpredict.cli.help_pages"


def test_every_verb_is_in_the_index_and_says_what_it_does() -> None:
    index = (PAGES / "README.md").read_text()
    found = dict(verbs())
    assert {verb.partition(" ")[0] for verb in found} == set(VERBS)
    for verb, text in found.items():
        assert text.startswith(f"Usage: batchpredict {verb} ")
        assert text.splitlines()[2].strip(), verb
        assert max(map(len, text.splitlines())) <= 100, verb
    for name in VERBS:
        assert f"]({name}.md)" in index, name
    assert {path.stem for path in PAGES.glob("*.md")} == {*VERBS, "README"}


def test_a_missing_page_fails(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"E440 .*run\.md"):
        pages(tmp_path)


def test_an_old_page_fails_and_is_mended(tmp_path: Path) -> None:
    for path in PAGES.glob("*.md"):
        (tmp_path / path.name).write_text(path.read_text())
    old = tmp_path / "local.md"
    current = old.read_text()
    old.write_text(current.replace("Usage: batchpredict local up", "Usage: batchpredict local pu"))
    run = CliRunner().invoke(command, ["--check", "--folder", str(tmp_path)])
    assert isinstance(run.exception, RunError)
    assert "E441" in str(run.exception)
    assert "local.md" in str(run.exception)
    assert CliRunner().invoke(command, ["--folder", str(tmp_path)]).exit_code == 0
    assert old.read_text() == current
    assert CliRunner().invoke(command, ["--check", "--folder", str(tmp_path)]).exit_code == 0


def test_a_block_is_replaced_or_added() -> None:
    page = "# x\n\n<!-- help: a -->\nold \\1\n<!-- /help -->\n\nmore\n"
    new = with_block(page, "a", "new \\g<0>")
    assert "new \\g<0>" in new
    assert "old" not in new
    assert new.endswith("\n\nmore\n")
    assert with_block(new, "a", "new \\g<0>") == new
    added = with_block(new, "a b", "inner")
    assert "## a b\n\n<!-- help: a b -->\n```text\ninner\n```\n<!-- /help -->\n" in added


@pytest.mark.parametrize("page", [*PAGES.glob("*.md"), ROOT / "docs" / "tutorial.md"],
                         ids=lambda path: path.name)  # fmt: skip
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize(("typed", "wanted"), [
    ("batchpredict pip", "plain,pipelines"), ("batchpredict pipelines g", "plain,graph"),
    ("batchpredict pipelines graph --format m", "plain,mermaid"),
])  # fmt: skip
def test_names_complete_in_the_shell(typed: str, wanted: str) -> None:
    words = typed.split()
    asked = {
        "_BATCHPREDICT_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    assert helpers.command(env=asked).stdout.split() == [wanted]
